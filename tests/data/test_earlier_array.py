"""What was computed is used again only where a recording is the same, however a file was replaced or copied."""

import json
import os
import shutil
from functools import partial

import pytest
import soundfile as sf

from speech_autoencoder.data import earlier_array
from speech_autoencoder.data.building import build
from speech_autoencoder.data.dataset import load, sidecar_path
from speech_autoencoder.data.recording_names import conventional, understand
from speech_autoencoder.data.recordings import Recordings
from tests.helpers.arrays import contents, edit_sidecar
from tests.helpers.common import LENGTHS, TINY, make_speech


def stamped(path, status):
    """Give a file the times of this status, and return it."""
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return path


def replace_by_move(path, other, status):
    """Move another file over a recording, as `cp -p` to a new name, `rsync -t` and `tar x` do at their end."""
    stamped(other, status).replace(path)


def replace_in_place(path, other, status):
    """Write other bytes into a recording, and set the time of change back, as `cp -p` over it and `touch -d` do."""
    path.write_bytes(other.read_bytes())
    stamped(path, status)


def replace_by_link(path, other, status):
    """Put a symbolic link in place of a recording."""
    path.unlink()
    path.symlink_to(stamped(other, status))


REPLACEMENTS = [replace_by_move, replace_in_place, replace_by_link]


def other_recording(corpus, name):
    """Write another recording of the same size elsewhere, and return its path."""
    sf.write(corpus.parent / "other.wav", make_speech(LENGTHS[name], 8_000, 77), 8_000)
    assert (corpus.parent / "other.wav").stat().st_size == (corpus / name).stat().st_size
    return corpus.parent / "other.wav"


@pytest.mark.parametrize("put", REPLACEMENTS)
def test_build_recording_replaced_by_one_of_the_same_size_and_date_is_computed_again(corpus, array, tmp_path, put):
    path = corpus / "7_ben_2.wav"
    status = path.stat()
    put(path, other_recording(corpus, path.name), status)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    summary = build(corpus, array, TINY, workers=1)
    assert (summary.written, summary.n_computed) == (True, 1)
    build(corpus, tmp_path / "fresh.npy", TINY, workers=1)
    assert contents(array) == contents(tmp_path / "fresh.npy")


def test_build_target_of_a_link_replaced_is_computed_again(corpus, array):
    path = corpus / "7_ben_2.wav"
    target, status = path.rename(corpus.parent / "target.wav"), path.parent.stat()
    path.symlink_to(target)
    assert build(corpus, array, TINY, workers=1).n_computed == 0  # the same file
    status = target.stat()
    replace_by_move(target, other_recording(corpus, path.name), status)
    assert build(corpus, array, TINY, workers=1).n_computed == 1


def touch(path):
    """Give a recording another time of change."""
    os.utime(path, ns=(0, 0))


def copy_over(path):
    """Put a copy in place of a recording."""
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def link_to(path):
    """Give the file of a recording a second name."""
    os.link(path, path.parent.parent / "second name.wav")


@pytest.mark.parametrize("do", [touch, copy_over, link_to])
def test_build_same_bytes_are_not_computed_again_and_compared_only_once(corpus, array, monkeypatch, do):
    clips = array.read_bytes()
    do(corpus / "7_ben_2.wav")
    summary = build(corpus, array, TINY, workers=1)
    assert (summary.written, summary.n_computed) == (False, 0)
    assert array.read_bytes() == clips
    monkeypatch.setattr(earlier_array, "digest_of", lambda path: pytest.fail("compared again"))
    assert not build(corpus, array, TINY, workers=1).written


def test_build_copied_corpus_is_not_computed_again(corpus, array, tmp_path):
    shutil.copytree(corpus.parent, tmp_path / "copy", ignore=shutil.ignore_patterns("copy"))
    copied = tmp_path / "copy" / "corpus"
    summary = build(copied, tmp_path / "copy" / array.name, TINY, workers=2)
    assert (summary.written, summary.n_computed) == (False, 0)
    (copied / "7_ben_2.wav").write_bytes((copied / "5_anna_0.wav").read_bytes())
    assert build(copied, tmp_path / "copy" / array.name, TINY, workers=2).n_computed == 1


def test_build_over_a_sidecar_without_the_later_columns_compares_bytes(corpus, array):
    expected = contents(array)

    def forget(data):
        for key in ("inode", "ctime_ns", "speaker", "label"):
            del data["recordings"][key]
        del data["names"], data["audio_dir_absolute"]

    edit_sidecar(array, forget)
    assert load(array, "").speakers() == understand(sorted(LENGTHS)).speakers
    summary = build(corpus, array, TINY, workers=1)
    assert (summary.written, summary.n_computed) == (False, 0)
    assert array.read_bytes() == expected[0]
    assert json.loads(sidecar_path(array).read_text()) == json.loads(expected[1])


def test_build_names_read_otherwise_change_the_sidecar_alone(corpus, array):
    clips = array.read_bytes()
    told = Recordings.of_folder(corpus).understand(partial(understand, pattern="{take}_{speaker}_{n}"))
    summary = build(corpus, array, TINY, workers=1, told=told)
    assert (summary.written, summary.n_computed) == (False, 0)
    assert array.read_bytes() == clips
    loaded = load(array, "")
    assert loaded.speakers() == [parts["speaker"] if (parts := conventional(name)) else "" for name in loaded.names]
    assert loaded.understanding.source == "pattern"

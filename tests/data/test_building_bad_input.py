"""Unreadable recordings are left out and reported; a run that fails or is interrupted loses no earlier output."""

import json
import os
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.data import building
from speech_autoencoder.data.building import build
from speech_autoencoder.data.dataset import load, sidecar_path
from speech_autoencoder.errors import InputError
from tests.helpers.arrays import change, contents, edit_sidecar, take_sidecar_of_another
from tests.helpers.common import TINY, file_size_limit, make_speech, names_in, one_line_of

# Unreadable recordings


def test_build_unreadable_recording_is_left_out_and_reported(corpus, array, tmp_path):
    expected = np.load(array)
    (corpus / "6_bad.wav").write_text("This is no sound.")
    (corpus / "a b" / "nan.wav").touch()
    sf.write(corpus / "a b" / "nan.wav", np.full(100, np.nan), 8_000, "FLOAT")
    (corpus / "loop.wav").symlink_to(corpus / "loop.wav")
    summary = build(corpus, tmp_path / "a.npy", TINY, workers=2)
    assert [name for name, _ in summary.left_out] == ["6_bad.wav", "a b/nan.wav", "loop.wav"]
    for name, reason in summary.left_out:
        assert str(corpus / name) in reason
        assert "\n" not in reason
    assert summary.n_recordings == 4
    assert np.array_equal(np.load(tmp_path / "a.npy"), expected)
    left_out = json.loads((tmp_path / "a.json").read_text())["left_out"]
    assert [(entry["path"], entry["reason"]) for entry in left_out] == summary.left_out


def test_build_recording_without_permission_is_left_out_and_reported(array, as_user):
    corpus = as_user / "corpus"
    for name in ("a.wav", "no.wav", "closed/b.wav"):
        (corpus / name).parent.mkdir(parents=True, exist_ok=True)
        sf.write(corpus / name, make_speech(500, 8_000), 8_000)
    (corpus / "no.wav").chmod(0)
    (corpus / "closed").chmod(0)
    try:
        summary = build(corpus, as_user / "a.npy", TINY, workers=1)
        assert not build(corpus, as_user / "a.npy", TINY, workers=1).written
        (corpus / "no.wav").chmod(0o600)
        assert build(corpus, as_user / "a.npy", TINY, workers=1).n_recordings == 2
    finally:
        (corpus / "closed").chmod(0o700)
    assert summary.n_recordings == 1
    assert [name for name, _ in summary.left_out] == ["closed", "no.wav"]
    assert all("permission denied" in reason for _, reason in summary.left_out)


def test_build_in_a_folder_without_permission_is_refused(array, as_user):
    """An array that can be read but not replaced stays."""
    (as_user / "corpus").mkdir()
    sf.write(as_user / "corpus" / "a.wav", make_speech(500, 8_000), 8_000)
    build(as_user / "corpus", as_user / "a.npy", TINY, workers=1)
    before = contents(as_user / "a.npy")
    change(as_user / "corpus")
    as_user.chmod(0o500)
    try:
        with pytest.raises(InputError, match=r"a\.npy could not be written: permission denied"):
            build(as_user / "corpus", as_user / "a.npy", TINY, workers=1)
        assert contents(as_user / "a.npy") == before
    finally:
        as_user.chmod(0o700)


def test_build_unreadable_recording_is_tried_again_when_it_changes(corpus, array):
    (corpus / "bad.wav").touch()
    first, again = build(corpus, array, TINY, workers=1), build(corpus, array, TINY, workers=1)
    assert first.written and not again.written
    assert "bad.wav" in first.left_out[0][1]
    assert again.left_out == first.left_out  # reported again
    sf.write(corpus / "bad.wav", make_speech(500, 8_000), 8_000)
    summary = build(corpus, array, TINY, workers=1)
    assert (summary.n_recordings, summary.n_computed, summary.left_out) == (5, 1, [])


def test_build_unreadable_recording_that_is_removed_is_forgotten(corpus, array):
    (corpus / "bad.wav").touch()
    build(corpus, array, TINY, workers=1)
    (corpus / "bad.wav").unlink()
    assert build(corpus, array, TINY, workers=1).left_out == []
    assert json.loads(sidecar_path(array).read_text())["left_out"] == []


def test_build_that_fails_leaves_no_thread_behind(corpus, tmp_path):
    (corpus / "0.wav").write_bytes(b"")
    before = threading.active_count()
    with pytest.raises(InputError) as raised:
        build(corpus, tmp_path / "a.npy", TINY, workers=3, strict=True)
    # While the error, and with it all that was running, still exists.
    assert threading.active_count() == before
    assert "0.wav" in str(raised.value)


def test_build_strict_stops_at_an_unreadable_recording(corpus, array):
    before = contents(array)
    (corpus / "bad.wav").touch()
    with pytest.raises(InputError, match=r"bad\.wav is empty"):
        build(corpus, array, TINY, workers=2, strict=True)
    assert contents(array) == before
    assert not [name for name in names_in(array.parent) if name.startswith(".")]


@pytest.mark.parametrize("workers", [1, 3])
def test_build_nothing_readable_is_refused(tmp_path, workers):
    (tmp_path / "corpus").mkdir()
    for name in ("a.wav", "b.wav"):
        (tmp_path / "corpus" / name).touch()
    with pytest.raises(
        InputError, match=r"None of the 2 recordings in .* can be used; the first: .*a\.wav is"
    ) as error:
        build(tmp_path / "corpus", tmp_path / "a.npy", TINY, workers=workers)
    one_line_of(error)
    assert names_in(tmp_path) == ["corpus"]


def test_build_empty_folder_is_refused(tmp_path):
    (tmp_path / "corpus").mkdir()
    with pytest.raises(InputError, match="holds no recording"):
        build(tmp_path / "corpus", tmp_path / "a.npy", TINY, workers=1)
    assert names_in(tmp_path) == ["corpus"]


@pytest.mark.parametrize("name", ["new\nline.wav", os.fsdecode(b"\xff\xe9.wav")])
def test_build_any_name_round_trip(tmp_path, name):
    (tmp_path / "corpus").mkdir()
    try:
        (tmp_path / "corpus" / name).touch()
    except (OSError, UnicodeError):
        pytest.skip("this file system does not allow such names")
    sf.write(os.fsencode(tmp_path / "corpus" / name), make_speech(500, 8_000), 8_000, format="WAV")
    build(tmp_path / "corpus", tmp_path / "a.npy", TINY, workers=1)
    assert load(tmp_path / "a.npy", "").names == [name]
    assert not build(tmp_path / "corpus", tmp_path / "a.npy", TINY, workers=1).written


@pytest.mark.parametrize("limit", [0, 1_000, 12_000])  # bytes, of some 16,000
def test_build_full_disk_leaves_the_old_files(corpus, array, limit):
    before, message = contents(array), r"train_data\.npy could not be written: .*larger than allowed"
    change(corpus)
    with file_size_limit(limit), pytest.raises(InputError, match=message) as error:
        build(corpus, array, TINY, workers=1)
    one_line_of(error)
    assert contents(array) == before
    assert names_in(array.parent) == ["corpus", "train_data.json", "train_data.npy"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError("train_data.json could not be written")])
def test_build_sidecar_that_cannot_be_written_leaves_the_old_array(corpus, array, monkeypatch, error):
    def refuse(path, data):
        raise error

    before = contents(array)
    monkeypatch.setattr(building, "write_sidecar", refuse)
    change(corpus)
    with pytest.raises((KeyboardInterrupt, InputError)):
        build(corpus, array, TINY, workers=1)
    assert contents(array) == before
    assert names_in(array.parent) == ["corpus", "train_data.json", "train_data.npy"]


def vanishing(folder):
    """Return a `progress` that removes a folder before the first item."""

    def progress(items, total):
        shutil.rmtree(folder, ignore_errors=True)
        yield from items

    return progress


def test_build_folder_of_recordings_that_vanishes_leaves_the_old_files(corpus, array):
    before = contents(array)
    change(corpus)
    with pytest.raises(InputError, match="corpus disappeared while it was read: put it back") as error:
        build(corpus, array, replace(TINY, n_mels=20), workers=1, progress=vanishing(corpus))
    one_line_of(error)
    assert contents(array) == before
    assert names_in(array.parent) == ["train_data.json", "train_data.npy"]


def test_build_folder_of_the_array_that_vanishes_is_reported(corpus, tmp_path):
    with pytest.raises(InputError, match=r"a\.npy could not be written: there is no such file or folder") as error:
        build(corpus, tmp_path / "out" / "a.npy", TINY, workers=1, progress=vanishing(tmp_path / "out"))
    one_line_of(error)


def test_load_array_and_sidecar_of_two_runs_are_refused_and_built_again(corpus, array, tmp_path):
    take_sidecar_of_another(corpus, array, tmp_path)
    with pytest.raises(InputError, match=r"train_data\.json do not belong together: run train\.py again"):
        load(array, "train.py")
    assert build(corpus, array, TINY, workers=1).written
    load(array, "train.py")


def test_build_over_a_sidecar_with_an_impossible_number_computes_all_again(array, corpus):
    edit_sidecar(array, lambda data: data["recordings"].update(digest=[10**30] * 4))
    assert build(corpus, array, TINY, workers=1).n_computed == 4

"""A folder becomes an array that says what is in it; what has not changed is not computed again."""

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf
from arrays import change, edit_sidecar, take_sidecar_of_another
from conftest import LENGTHS, ROOT, TINY, file_size_limit, make_speech, names_in, one_line_of

from speech_autoencoder import building
from speech_autoencoder.audio import read
from speech_autoencoder.building import build, most_common_rate
from speech_autoencoder.config import CLASSIC
from speech_autoencoder.dataset import features_of, load, sidecar_path
from speech_autoencoder.errors import InputError
from speech_autoencoder.features import cut_clips, log_mel


def contents(array_path):
    """The bytes of an array and its sidecar."""
    return array_path.read_bytes(), sidecar_path(array_path).read_bytes()


def stamps(array_path):
    """What changes when either file is written."""
    return [(path.stat().st_mtime_ns, path.stat().st_ino) for path in (array_path, sidecar_path(array_path))]


# Round trips


def test_build_load_round_trip(corpus, array):
    loaded = load(array, "train_data_generator.py")
    assert loaded.names == sorted(LENGTHS)
    assert loaded.features == TINY == features_of(array, "train_data_generator.py")
    assert loaded.clips.dtype == np.float32
    assert loaded.clips.shape[1:] == (16, 32, 1)
    for i, name in enumerate(loaded.names):
        expected = log_mel(read(corpus / name, TINY.sr), TINY)
        assert loaded.path(i) == corpus / name
        assert loaded.n_samples[i] == LENGTHS[name]
        assert loaded.sr[i] == sf.info(corpus / name).samplerate
        assert loaded.n_frames[i] == expected.shape[1]
        assert loaded.frames(i) == pytest.approx(expected, abs=1e-6)
        rows = loaded.clips[loaded.first_row[i] : loaded.first_row[i + 1]]
        assert rows == pytest.approx(cut_clips(expected, TINY), abs=1e-6)


def test_build_lossy_file_a_little_short_of_its_header_counts_what_is_decoded(tmp_path):
    path = tmp_path / "a.mp3"
    sf.write(path, make_speech(64_000, 16_000), 16_000)
    path.write_bytes(path.read_bytes()[: int(0.99 * path.stat().st_size)])
    build(tmp_path, tmp_path / "a.npy", TINY, workers=1)
    assert load(tmp_path / "a.npy", "").n_samples[0] == len(read(path)) < sf.info(path).frames


def test_build_array_is_a_plain_npy_that_others_read(array):
    with array.open("rb") as file:
        assert np.lib.format.read_magic(file) == (1, 0)
    clips = np.load(array, allow_pickle=False)
    assert np.array_equal(clips, load(array, "").clips)
    assert clips.min() >= 0
    assert clips.max() <= 1
    assert clips.max() > 0.5


def test_build_sidecar_says_what_each_row_is(array):
    data = json.loads(sidecar_path(array).read_text())
    rows, loaded = data["rows"], load(array, "")
    assert data["array"]["shape"] == list(loaded.clips.shape)
    assert len(rows["recording"]) == len(rows["offset"]) == len(rows["valid_frames"]) == len(loaded.clips)
    assert rows["valid_frames"] == loaded.valid_frames().tolist()
    for i, first in enumerate(loaded.first_row[:-1]):
        n_rows = loaded.first_row[i + 1] - first
        assert rows["recording"][first : first + n_rows] == [i] * n_rows
        assert rows["offset"][first : first + n_rows] == [k * 32 * 64 for k in range(n_rows)]


def test_build_summary_says_what_was_done(corpus):
    summary = build(corpus, corpus.parent / "a.npy", TINY, workers=1)
    seconds = 9_000 / 16_000 + (2_000 + 2_500 + 1) / 8_000
    # 9,000 samples at 16 kHz are 4,500 at 8 kHz: 72 frames; 2,000, 2,500 and 1 are 33, 41 and 2.
    assert replace(summary, columns={}) == building.Summary(
        True, 3 + 2 + 2 + 1, 4, 4, pytest.approx(seconds), (72 + 33 + 41 + 2) / 256, [], {}
    )
    assert sorted(summary.columns["n_samples"]) == [1, 2_000, 2_500, 9_000]
    assert all(0 < power <= 1 for power in summary.columns["power"] if power)


def test_build_classic_clip_of_24064_samples_is_one_full_row(tmp_path):
    (tmp_path / "corpus").mkdir()
    sf.write(tmp_path / "corpus" / "a.wav", make_speech(24_064, 22_050), 22_050)
    summary = build(tmp_path / "corpus", tmp_path / "a.npy", CLASSIC, workers=1)
    assert (summary.n_clips, summary.fill) == (1, 1.0)
    assert load(tmp_path / "a.npy", "").clips.shape == (1, 128, 48, 1)


def test_build_same_content_same_bytes_whatever_the_workers(corpus, tmp_path):
    for workers in (1, 3):
        build(corpus, tmp_path / f"{workers}.npy", TINY, workers=workers)
    assert contents(tmp_path / "1.npy") == contents(tmp_path / "3.npy")


def test_build_short_and_long_recordings_of_any_rates_are_as_alone(tmp_path):
    (tmp_path / "many").mkdir()
    rates = [8_000, 16_000, 22_050, 44_100]
    for i in range(40):
        sr = rates[i % len(rates)]
        n_samples = 70_000 + 300 * i if i in (11, 30) else 1_000 + 137 * i
        sf.write(tmp_path / "many" / f"{i:02}.wav", make_speech(n_samples, sr, i), sr)
    build(tmp_path / "many", tmp_path / "many.npy", CLASSIC, workers=3)
    data = load(tmp_path / "many.npy", "")
    assert data.names == names_in(tmp_path / "many")
    for i in range(len(data.names)):
        assert np.array_equal(data.frames(i), log_mel(read(data.path(i), CLASSIC.sr), CLASSIC))
        assert data.sr[i] == rates[i % len(rates)]


def test_build_many_recordings_few_workers_keep_their_order(tmp_path):
    (tmp_path / "corpus").mkdir()
    for i in range(30):  # more than wait in the queue, of lengths that finish out of order
        sf.write(tmp_path / "corpus" / f"{i:02}.wav", make_speech(100 + 5_000 * (i % 3 == 0), 8_000, i), 8_000)
    passed = []

    def progress(items, total):
        assert total == 30
        for item in items:
            passed.append(item)
            yield item

    build(tmp_path / "corpus", tmp_path / "a.npy", TINY, workers=3, progress=progress)
    assert len(passed) == 30
    loaded = load(tmp_path / "a.npy", "")
    for i in range(30):
        expected = log_mel(read(tmp_path / "corpus" / f"{i:02}.wav"), TINY)
        assert loaded.frames(i) == pytest.approx(expected, abs=1e-6)


def test_build_same_content_elsewhere_has_the_same_fingerprint(corpus, array, tmp_path):
    corpus.rename(tmp_path / "moved")
    build(tmp_path / "moved", tmp_path / "b.npy", TINY, workers=1)
    assert load(tmp_path / "b.npy", "").fingerprint == load(array, "").fingerprint
    assert np.array_equal(load(tmp_path / "b.npy", "").clips, load(array, "").clips)
    (tmp_path / "moved" / "5_anna_0.wav").rename(tmp_path / "moved" / "6_anna_0.wav")
    build(tmp_path / "moved", tmp_path / "c.npy", TINY, workers=1)
    assert load(tmp_path / "c.npy", "").fingerprint != load(array, "").fingerprint
    (tmp_path / "moved" / "6_anna_0.wav").rename(tmp_path / "moved" / "5_anna_0.wav")
    change(tmp_path / "moved")
    build(tmp_path / "moved", tmp_path / "d.npy", TINY, workers=1)
    assert load(tmp_path / "d.npy", "").fingerprint != load(array, "").fingerprint


# What has changed


def test_build_again_writes_nothing(corpus, array):
    before = stamps(array)
    summary = build(corpus, array, TINY, workers=1)
    assert stamps(array) == before
    assert not summary.written
    assert summary.n_computed == 0
    assert (summary.n_clips, summary.n_recordings, summary.left_out) == (8, 4, [])


def add(corpus):
    """There is a recording more."""
    sf.write(corpus / "6_new_0.wav", make_speech(3_000, 8_000, 9), 8_000)


def remove(corpus):
    """There is a recording less."""
    (corpus / "5_anna_0.wav").unlink()


def rename(corpus):
    """A recording has another name, and so another place."""
    (corpus / "5_anna_0.wav").rename(corpus / "z.wav")


def touch(corpus):
    """A recording looks changed, but is not."""
    os.utime(corpus / "7_ben_2.wav", ns=(0, 0))


@pytest.mark.parametrize(("edit", "n_computed"), [(change, 1), (add, 1), (remove, 0), (rename, 1), (touch, 1)])
def test_build_changed_folder_computes_only_what_changed(corpus, array, tmp_path, edit, n_computed):
    edit(corpus)
    summary = build(corpus, array, TINY, workers=1)
    assert summary.written
    assert summary.n_computed == n_computed
    build(corpus, tmp_path / "fresh.npy", TINY, workers=1)
    assert contents(array) == contents(tmp_path / "fresh.npy")
    assert not build(corpus, array, TINY, workers=1).written


def test_build_other_features_compute_all_again(corpus, array):
    other = replace(TINY, n_mels=24)
    summary = build(corpus, array, other, workers=1)
    assert (summary.written, summary.n_computed) == (True, 4)
    assert load(array, "").clips.shape[1:] == (24, 32, 1)
    assert load(array, "").features == other


@pytest.mark.parametrize("module", ["audio.py", "features.py", "analysis.py", "dataset.py", "building.py"])
def test_build_changed_code_of_ours_computes_all_again(corpus, tmp_path, module):
    """make runs the generator because a module has changed: it must not answer that nothing has."""
    shutil.copytree(ROOT / "speech_autoencoder", tmp_path / "speech_autoencoder")
    shutil.copy(ROOT / "train_data_generator.py", tmp_path)
    said = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "train_data_generator.py", "--audio-dir", corpus],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
        if len(said) == 2:
            with (tmp_path / "speech_autoencoder" / module).open("a") as file:
                file.write("# changed\n")
    assert "Nothing has changed" in said[1]
    assert "4 recordings were new or had changed" in said[2]


@pytest.mark.parametrize(
    "damage",
    [
        lambda array: array.write_bytes(array.read_bytes()[:-4]),
        lambda array: array.unlink(),
        lambda array: sidecar_path(array).unlink(),
        lambda array: sidecar_path(array).write_text("{"),
        lambda array: edit_sidecar(array, lambda data: data["recordings"].update(size=[])),
        lambda array: edit_sidecar(array, lambda data: data["recordings"].update(sr=[0, 0, 0, 0])),
        lambda array: edit_sidecar(array, lambda data: data.update(left_out=1)),
    ],
)
def test_build_over_a_damaged_array_is_made_anew(corpus, array, damage):
    expected = contents(array)
    damage(array)
    assert build(corpus, array, TINY, workers=1).n_computed == 4
    assert contents(array) == expected


# Unreadable recordings


def test_build_unreadable_recording_is_left_out_and_named(corpus, array, tmp_path):
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


def test_build_recording_without_permission_is_left_out_and_named(array, as_user):
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


def test_build_folder_that_may_not_be_written_is_refused(array, as_user):
    """Where an array may be read but not replaced, what is there stays."""
    (as_user / "corpus").mkdir()
    sf.write(as_user / "corpus" / "a.wav", make_speech(500, 8_000), 8_000)
    build(as_user / "corpus", as_user / "a.npy", TINY, workers=1)
    before = contents(as_user / "a.npy")
    add(as_user / "corpus")
    as_user.chmod(0o500)
    try:
        with pytest.raises(InputError, match=r"a\.npy could not be written: permission denied"):
            build(as_user / "corpus", as_user / "a.npy", TINY, workers=1)
        assert contents(as_user / "a.npy") == before
    finally:
        as_user.chmod(0o700)


def test_build_unreadable_recording_is_looked_at_again(corpus, array):
    (corpus / "bad.wav").touch()
    first, again = build(corpus, array, TINY, workers=1), build(corpus, array, TINY, workers=1)
    assert first.written and not again.written
    assert "bad.wav" in first.left_out[0][1]
    assert again.left_out == first.left_out  # said again, not forgotten
    sf.write(corpus / "bad.wav", make_speech(500, 8_000), 8_000)
    summary = build(corpus, array, TINY, workers=1)
    assert (summary.n_recordings, summary.n_computed, summary.left_out) == (5, 1, [])


def test_build_unreadable_recording_that_is_taken_away_is_forgotten(corpus, array):
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
    # While the error is there, and with it all that was at work.
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
def test_build_any_name_comes_back(tmp_path, name):
    (tmp_path / "corpus").mkdir()
    try:
        (tmp_path / "corpus" / name).touch()
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    sf.write(os.fsencode(tmp_path / "corpus" / name), make_speech(500, 8_000), 8_000, format="WAV")
    build(tmp_path / "corpus", tmp_path / "a.npy", TINY, workers=1)
    assert load(tmp_path / "a.npy", "").names == [name]
    assert not build(tmp_path / "corpus", tmp_path / "a.npy", TINY, workers=1).written


@pytest.mark.parametrize("limit", [0, 1_000, 12_000])  # bytes, of some 16,000
def test_build_full_disk_leaves_the_old_files(corpus, array, limit):
    before, said = contents(array), r"train_data\.npy could not be written: .*larger than allowed"
    change(corpus)
    with file_size_limit(limit), pytest.raises(InputError, match=said) as error:
        build(corpus, array, TINY, workers=1)
    one_line_of(error)
    assert contents(array) == before
    assert names_in(array.parent) == ["corpus", "train_data.json", "train_data.npy"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError("train_data.json could not be written")])
def test_build_sidecar_that_is_not_written_leaves_the_old_array(corpus, array, monkeypatch, error):
    def refuse(path, data):
        raise error

    before = contents(array)
    monkeypatch.setattr(building, "write_json", refuse)
    change(corpus)
    with pytest.raises((KeyboardInterrupt, InputError)):
        build(corpus, array, TINY, workers=1)
    assert contents(array) == before
    assert names_in(array.parent) == ["corpus", "train_data.json", "train_data.npy"]


def vanishing(folder):
    """A `progress` that takes the folder away before the first item."""

    def progress(items, total):
        shutil.rmtree(folder, ignore_errors=True)
        yield from items

    return progress


def test_build_folder_of_recordings_that_vanishes_leaves_the_old_files(corpus, array):
    before = contents(array)
    change(corpus)
    with pytest.raises(InputError, match="corpus has gone while it was read: put it back") as error:
        build(corpus, array, replace(TINY, n_mels=20), workers=1, progress=vanishing(corpus))
    one_line_of(error)
    assert contents(array) == before
    assert names_in(array.parent) == ["train_data.json", "train_data.npy"]


def test_build_folder_of_the_array_that_vanishes_is_said(corpus, tmp_path):
    with pytest.raises(InputError, match=r"a\.npy could not be written: there is no such file or folder") as error:
        build(corpus, tmp_path / "out" / "a.npy", TINY, workers=1, progress=vanishing(tmp_path / "out"))
    one_line_of(error)


def test_build_interrupted_between_its_two_files_is_noticed(corpus, array, tmp_path):
    take_sidecar_of_another(corpus, array, tmp_path)
    with pytest.raises(InputError, match=r"train_data\.json do not belong together: run train\.py again"):
        load(array, "train.py")
    assert build(corpus, array, TINY, workers=1).written
    load(array, "train.py")


def test_build_sidecar_with_a_number_that_no_file_has_is_made_again(array, corpus):
    edit_sidecar(array, lambda data: data["recordings"].update(digest=[10**30] * 4))
    assert build(corpus, array, TINY, workers=1).n_computed == 4


def test_most_common_rate_is_that_of_most_readable_recordings(corpus):
    assert most_common_rate(corpus) == 8_000
    for i in range(9):
        (corpus / f"bad{i}.wav").write_text("no sound")
    assert most_common_rate(corpus) == 8_000
    sf.write(corpus / "b.wav", np.zeros(10), 16_000)
    sf.write(corpus / "c.wav", np.zeros(10), 16_000)
    assert most_common_rate(corpus) == 8_000  # of three each the lower one
    sf.write(corpus / "d.wav", np.zeros(10), 16_000)
    assert most_common_rate(corpus) == 16_000


def test_most_common_rate_nothing_readable_is_refused(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(InputError, match="holds no readable recording"):
        most_common_rate(tmp_path)

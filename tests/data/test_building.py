"""A folder becomes an array and its description; what has not changed is not computed again."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio import ffmpeg
from speech_autoencoder.audio.log_mel import cut_clips, log_mel
from speech_autoencoder.audio.reading import read
from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data import building
from speech_autoencoder.data.building import build, most_common_rate
from speech_autoencoder.data.dataset import features_of, load, sidecar_path
from speech_autoencoder.data.recording_names import understand
from speech_autoencoder.errors import InputError
from tests.helpers.arrays import change, contents, edit_sidecar
from tests.helpers.common import LENGTHS, ROOT, TINY, make_speech, names_in, one_line_of
from tests.helpers.imports import import_closure


def stamps(array_path):
    """Return what changes when an array or its sidecar is written."""
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


def test_build_recording_cut_short_is_left_out_or_used_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg, "find_spec", lambda name: None)
    for name in ("a.mp3", "b.wav"):
        sf.write(tmp_path / name, make_speech(64_000, 16_000), 16_000)
    path, array = tmp_path / "a.mp3", tmp_path / "a.npy"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    summary = build(tmp_path, array, TINY, workers=1)
    [(name, reason)] = summary.left_out
    assert name == "a.mp3"
    assert "is cut short" in reason
    for written in (True, False):  # the option makes another array; the second time, nothing has changed
        summary = build(tmp_path, array, TINY, workers=1, salvage=True)
        assert summary.written == written
        assert re.fullmatch(r"[12]\.\d\d s of 4\.00 s used: the rest is missing", summary.notes["a.mp3"])
        assert not summary.left_out
    assert load(array, "").n_samples[0] == len(read(path, salvage=True))
    sf.write(tmp_path / "c.wav", make_speech(16_000, 16_000), 16_000)
    assert summary.notes == build(tmp_path, array, TINY, workers=1, salvage=True).notes
    assert [name for name, _ in build(tmp_path, array, TINY, workers=1).left_out] == ["a.mp3"]


def test_build_ffmpeg_that_is_installed_later_reads_what_was_left_out(tmp_path, monkeypatch):
    sf.write(tmp_path / "a.wav", make_speech(16_000, 16_000), 16_000)
    (tmp_path / "b.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    monkeypatch.setattr(ffmpeg, "find_spec", lambda name: None)
    assert build(tmp_path, tmp_path / "a.npy", TINY, workers=1).left_out
    assert not build(tmp_path, tmp_path / "a.npy", TINY, workers=1).written
    monkeypatch.setattr(building, "has_pyav", lambda: True)
    assert build(tmp_path, tmp_path / "a.npy", TINY, workers=1).written


@pytest.mark.parametrize("others", [0, 1])
def test_build_folder_of_what_only_pyav_reads_says_how_to_install_it(tmp_path, monkeypatch, others):
    monkeypatch.setattr(ffmpeg, "find_spec", lambda name: None)
    for name in ("b.m4a", "c.m4a", "d.3gp"):
        (tmp_path / name).write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    for i in range(others):
        (tmp_path / f"a{i}.wav").touch()
    with pytest.raises(
        InputError, match=rf"^None of the {3 + others} recordings in .* can be used; 3 recordings"
    ) as error:
        build(tmp_path, tmp_path / "a.npy", TINY, workers=1)
    command = f"ffmpeg -i {tmp_path}/b.m4a {tmp_path}/b.wav"
    assert f"need PyAV (3gp, m4a): pip install '.[formats]', or convert each, the first by: {command}" in one_line_of(
        error
    )


def test_build_array_is_a_plain_npy(array):
    with array.open("rb") as file:
        assert np.lib.format.read_magic(file) == (1, 0)
    clips = np.load(array, allow_pickle=False)
    assert np.array_equal(clips, load(array, "").clips)
    assert clips.min() >= 0
    assert clips.max() <= 1
    assert clips.max() > 0.5


def test_build_sidecar_describes_each_row(array):
    data = json.loads(sidecar_path(array).read_text())
    rows, loaded = data["rows"], load(array, "")
    assert data["array"]["shape"] == list(loaded.clips.shape)
    assert len(rows["recording"]) == len(rows["offset"]) == len(rows["valid_frames"]) == len(loaded.clips)
    assert rows["valid_frames"] == loaded.valid_frames().tolist()
    for i, first in enumerate(loaded.first_row[:-1]):
        n_rows = loaded.first_row[i + 1] - first
        assert rows["recording"][first : first + n_rows] == [i] * n_rows
        assert rows["offset"][first : first + n_rows] == [k * 32 * 64 for k in range(n_rows)]


def test_build_summary_holds_what_was_done(corpus):
    summary = build(corpus, corpus.parent / "a.npy", TINY, workers=1)
    seconds = 9_000 / 16_000 + (2_000 + 2_500 + 1) / 8_000
    # 9,000 samples at 16 kHz are 4,500 at 8 kHz: 72 frames; 2,000, 2,500 and 1 are 33, 41 and 2.
    assert replace(summary, columns={}) == building.Summary(
        True,
        3 + 2 + 2 + 1,
        4,
        4,
        pytest.approx(seconds),
        (72 + 33 + 41 + 2) / 256,
        [],
        {},
        {},
        understand(sorted(LENGTHS)),
    )
    assert sorted(summary.columns["n_samples"]) == [1, 2_000, 2_500, 9_000]
    assert all(0 < power <= 1 for power in summary.columns["power"] if power)


def test_build_classic_clip_of_24064_samples_is_one_full_row(tmp_path):
    (tmp_path / "corpus").mkdir()
    sf.write(tmp_path / "corpus" / "a.wav", make_speech(24_064, 22_050), 22_050)
    summary = build(tmp_path / "corpus", tmp_path / "a.npy", CLASSIC, workers=1)
    assert (summary.n_clips, summary.fill) == (1, 1.0)
    assert load(tmp_path / "a.npy", "").clips.shape == (1, 128, 48, 1)


def test_build_any_count_of_workers_gives_the_same_bytes(corpus, tmp_path):
    for workers in (1, 3):
        build(corpus, tmp_path / f"{workers}.npy", TINY, workers=workers)
    assert contents(tmp_path / "1.npy") == contents(tmp_path / "3.npy")


def test_build_short_and_long_recordings_of_any_rate_equal_log_mel(tmp_path):
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


def test_build_many_recordings_keep_their_order(tmp_path):
    (tmp_path / "corpus").mkdir()
    for i in range(30):  # more than the queue holds, of lengths that finish out of order
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
    """Add a recording."""
    sf.write(corpus / "6_new_0.wav", make_speech(3_000, 8_000, 9), 8_000)


def remove(corpus):
    """Remove a recording."""
    (corpus / "5_anna_0.wav").unlink()


def rename(corpus):
    """Rename a recording, so that it has another place in the order."""
    (corpus / "5_anna_0.wav").rename(corpus / "z.wav")


@pytest.mark.parametrize(("edit", "n_computed"), [(change, 1), (add, 1), (remove, 0), (rename, 1)])
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


def test_code_is_what_building_imports_and_what_makes_values():
    """Building imports no other modules of the package than those of CODE and a few that do not affect values."""
    package = ROOT / "speech_autoencoder"
    closure = {path.relative_to(package).as_posix() for path in import_closure(package / "data" / "building.py")}
    closure -= {path for path in closure if path.endswith("__init__.py")}
    not_in_values = {"errors.py", "system/files.py", "system/locks.py", "system/parallel.py", "system/spelling.py"}
    not_in_values |= {"system/wording.py", "data/recording_names.py", "data/name_patterns.py", "data/name_words.py"}
    not_in_values |= {"data/name_layouts.py", "audio/between.py"}
    not_in_values |= {"data/parts/clips.py", "data/parts/folder.py", "data/parts/spool.py", "script_names.py"}
    not_in_values |= {"data/recordings_folder.py", "system/extras.py", "system/isolation.py"}
    not_in_values |= {f"storage/{name}.py" for name in ("copies", "remote_path", "server", "urls")}
    assert not_in_values < closure
    assert {*building.CODE} == (closure | {"data/building.py"}) - not_in_values
    assert len(building.CODE) == len({*building.CODE})


@pytest.mark.parametrize("module", ["config.py", "audio/log_mel.py"])
def test_build_changed_code_computes_all_again(corpus, tmp_path, module):
    """Make runs the generator after a change of its code: it must not reuse an array of the old code."""
    shutil.copytree(ROOT / "speech_autoencoder", tmp_path / "speech_autoencoder")
    shutil.copy(ROOT / "train_data_generator.py", tmp_path)

    def generate():
        command = [sys.executable, "train_data_generator.py", "--audio-dir", corpus]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    generate()
    assert "Nothing has changed" in generate()
    path = tmp_path / "speech_autoencoder" / module
    path.write_text(path.read_text() + "# changed\n")
    assert "4 recordings were new or had changed" in generate()


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
def test_build_over_a_damaged_array_computes_all_again(corpus, array, damage):
    expected = contents(array)
    damage(array)
    assert build(corpus, array, TINY, workers=1).n_computed == 4
    assert contents(array) == expected


# The rate


def test_most_common_rate_is_that_of_most_readable_recordings(corpus):
    assert most_common_rate(corpus) == 8_000
    for i in range(9):
        (corpus / f"bad{i}.wav").write_text("no sound")
    assert most_common_rate(corpus) == 8_000
    sf.write(corpus / "b.wav", np.zeros(10), 16_000)
    sf.write(corpus / "c.wav", np.zeros(10), 16_000)
    assert most_common_rate(corpus) == 8_000  # three of each: the lower one
    sf.write(corpus / "d.wav", np.zeros(10), 16_000)
    assert most_common_rate(corpus) == 16_000


def test_most_common_rate_nothing_readable_is_refused(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(InputError, match="holds no readable recording"):
        most_common_rate(tmp_path)

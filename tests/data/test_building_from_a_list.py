"""An array of what a list names: parts to the sample, computed once, found again by the stages that follow."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.data import analysis, corpus_summary
from speech_autoencoder.data.audio_list import read_audio_list
from speech_autoencoder.data.building import build, most_common_rate
from speech_autoencoder.data.dataset import load, sidecar_path
from speech_autoencoder.data.splits import split
from tests.helpers.arrays import contents, edit_sidecar
from tests.helpers.common import TINY, make_speech, refused

SR = 16_000
N_SAMPLES = 10 * SR
TIMES = [(0, 1), (0.5, 2.25), (2, 2.0001), (2.25, 9.999), (8.12345, 10.01), (9.5, None)]


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a long recording, and a short one."""
    sound = np.stack([make_speech(N_SAMPLES, SR), make_speech(N_SAMPLES, SR, 1)], axis=1) * 0.5 + 0.3
    sf.write(tmp_path / "talk.flac", sound, SR)
    sf.write(tmp_path / "word_anna.wav", make_speech(4_000, 8_000, 2), 8_000)
    return tmp_path


def write(folder, rows, header="path,start,end,speaker,label"):
    """Write a list of these rows into the folder, and return its path."""
    lines = [",".join("" if value is None else str(value) for value in row) for row in rows]
    (folder / "list.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder / "list.csv"


def make(folder, rows=(), array="a.npy", *, features=TINY, **options):
    """Make an array of a list of these rows, or of the list that is there, and return what was done."""
    path = write(folder, rows, **options) if rows else folder / "list.csv"
    return build(read_audio_list(path).recordings, folder / array, features, workers=2)


def parts(times=TIMES, file="talk.flac"):
    return [(file, start, end, f"s{i % 2}", f"w{i}") for i, (start, end) in enumerate(times)]


@pytest.mark.parametrize("most_waiting", [10, 1 << 20])  # samples: parts are analysed as they are decoded, or later
def test_build_parts_have_the_samples_of_the_recording(folder, monkeypatch, most_waiting):
    monkeypatch.setattr(analysis, "_MOST_WAITING_SAMPLES", most_waiting)
    monkeypatch.setattr("speech_autoencoder.audio.decoding.BLOCK_SAMPLES", 20_000)
    assert make(folder, [*parts(), ("word_anna.wav", None, None, "anna", "")]).n_recordings == 7
    data, whole = load(folder / "a.npy", ""), read(folder / "talk.flac")
    assert len(whole) == N_SAMPLES
    for i, (start, end) in enumerate(TIMES):
        expected = whole[round(start * SR) : N_SAMPLES if end is None else round(end * SR)]
        assert data.is_part(i)
        assert data.path(i) == folder / "talk.flac"
        assert np.array_equal(data.read(i), expected)
        assert np.array_equal(data.read(i, TINY.sr, most=100), resample(expected, SR, TINY.sr)[:100])
        assert data.n_samples[i] == len(expected)
        assert data.frames(i) == pytest.approx(log_mel(resample(expected, SR, TINY.sr), TINY), abs=1e-5)
    assert not data.is_part(6)
    assert np.array_equal(data.read(6), read(folder / "word_anna.wav"))
    assert data.names[:2] == ["talk.flac 0.00-1.00 s", "talk.flac 0.50-2.25 s"]
    assert (data.speakers()[:3], data.speakers()[-1]) == (["s0", "s1", "s0"], "anna")
    assert data.labels() == [*(f"w{i}" for i in range(6)), ""]
    assert data.understanding.source == "list"


def test_build_list_of_whole_files_is_that_of_the_folder(folder):
    build(folder, folder / "folder.npy", TINY, workers=1)
    make(folder, [("word_anna.wav",), ("talk.flac",)], header="path")
    assert contents(folder / "a.npy") == contents(folder / "folder.npy")
    recordings = json.loads(sidecar_path(folder / "a.npy").read_text())["recordings"]
    assert not {"file", "start"} & recordings.keys()


def test_build_unchanged_list_in_another_order_changes_nothing(folder):
    make(folder, parts())
    before = contents(folder / "a.npy"), sidecar_path(folder / "a.npy").stat().st_mtime_ns
    summary = make(folder, parts()[::-1])
    assert (summary.written, summary.n_computed) == (False, 0)
    assert (contents(folder / "a.npy"), sidecar_path(folder / "a.npy").stat().st_mtime_ns) == before


def test_build_changed_label_changes_the_sidecar_alone(folder):
    make(folder, parts())
    clips = (folder / "a.npy").read_bytes()
    summary = make(folder, [(*row[:4], "new") for row in parts()])
    assert (summary.written, summary.n_computed) == (False, 0)
    assert (folder / "a.npy").read_bytes() == clips
    assert set(load(folder / "a.npy", "").labels()) == {"new"}


def test_build_changed_time_computes_that_part_alone_and_a_changed_file_all_of_its_parts(folder, monkeypatch):
    make(folder, parts())
    assert make(folder, parts([(0, 1.001), *TIMES[1:]])).n_computed == 1
    make(folder, parts([(0, 1.001), *TIMES[1:]]), "fresh.npy")
    assert contents(folder / "a.npy") == contents(folder / "fresh.npy")
    # The same bytes are compared once, not for each part.
    shutil.copy(folder / "talk.flac", folder / "copy")
    (folder / "copy").replace(folder / "talk.flac")
    digest_of, asked = analysis.digest_of, []
    monkeypatch.setattr(
        "speech_autoencoder.data.earlier_array.digest_of", lambda path: asked.append(path) or digest_of(path)
    )
    assert make(folder).n_computed == 0
    assert len(asked) == 1
    sf.write(folder / "talk.flac", make_speech(N_SAMPLES, SR, 5), SR)
    assert make(folder).n_computed == len(TIMES)


def test_build_part_that_is_not_there_is_left_out_and_named_by_its_row(folder):
    rows = parts([(0, 1), (9, 10.1), (11, 12), (3, 3.00001), (9, 10.02)])
    summary = make(folder, rows)
    assert summary.n_recordings == 2
    assert [name for name, _ in summary.left_out] == [
        "talk.flac 3.00-3.00001 s",
        "talk.flac 9.00-10.10 s",
        "talk.flac 11.00-12.00 s",
    ]
    reasons = [reason for _, reason in summary.left_out]
    assert "is shorter than a sample" in reasons[0]
    assert "ends after the recording, which ends at 10.00 s" in reasons[1]
    assert "starts after the recording" in reasons[2]
    assert not make(folder).written
    recordings = read_audio_list(folder / "list.csv").recordings
    with_row = ("list.csv, row 5: ", "shorter than a sample")
    refused(*with_row, do=lambda: build(recordings, folder / "b.npy", TINY, workers=1, strict=True))
    refused(*with_row, do=lambda: build(recordings, folder / "a.npy", TINY, workers=1, strict=True))


def test_build_damaged_recording_leaves_out_its_parts_that_cannot_be_read(folder):
    sound = make_speech(N_SAMPLES, SR).astype(np.float32)
    sound[5 * SR] = np.nan
    sf.write(folder / "nan.wav", sound, SR, subtype="FLOAT")
    (folder / "text.wav").write_text("no sound")
    summary = make(folder, [*parts([(0, 1), (6, 7)], "nan.wav"), *parts([(0, 1), (2, 3)], "text.wav"), *parts()])
    reasons = dict(summary.left_out)
    assert "not numbers" in reasons["nan.wav 6.00-7.00 s"]
    assert "text.wav is not a sound file" in reasons["text.wav 0.00-1.00 s"]
    assert reasons["text.wav 0.00-1.00 s"] == reasons["text.wav 2.00-3.00 s"]
    assert summary.n_recordings in (len(TIMES), len(TIMES) + 1)  # the first block may hold both parts


def test_build_list_in_another_folder_is_found_again_wherever_all_is_moved(folder):
    (folder / "lists").mkdir()
    (folder / "talk.flac").rename(folder / "lists" / "talk.flac")
    write(folder / "lists", parts())
    build(read_audio_list(folder / "lists" / "list.csv").recordings, folder / "a.npy", TINY, workers=1)
    (folder / "moved").mkdir()
    for name in ("lists", "a.npy", "a.json"):
        (folder / name).rename(folder / "moved" / name)
    data = load(folder / "moved" / "a.npy", "")
    assert data.audio_dir == folder / "moved" / "lists"
    assert not data.missing()
    (folder / "moved" / "lists" / "talk.flac").unlink()
    assert data.missing() == data.names


def test_build_columns_of_the_list_go_before_names_and_names_tell_the_others(folder):
    for speaker in ("anna", "ben"):
        for word in ("yes", "no"):
            (folder / speaker / word).mkdir(parents=True)
            for take in "12":
                shutil.copy(folder / "word_anna.wav", folder / speaker / word / f"{take}.wav")
    files = [f"{speaker}/{word}/{take}.wav" for speaker in ("anna", "ben") for word in ("no", "yes") for take in "12"]
    make(folder, [(file, "x") for file in files], header="path,speaker")
    data = load(folder / "a.npy", "")
    assert data.speakers() == ["x"] * 8
    assert data.labels() == ["no", "no", "yes", "yes"] * 2
    make(folder, [(file, 0, 0.2) for file in files], header="path,start,end")
    data = load(folder / "a.npy", "")
    assert data.speakers() == ["anna"] * 4 + ["ben"] * 4
    assert data.understanding.source == "names"


def test_most_common_rate_of_a_list_counts_its_parts(folder):
    assert most_common_rate(read_audio_list(write(folder, [*parts(), ("word_anna.wav",)])).recordings) == SR
    rows = [(*row, "") for row in [("word_anna.wav", i / 10, i / 10 + 0.1) for i in range(3)]]
    assert most_common_rate(read_audio_list(write(folder, [*parts()[:2], *rows])).recordings) == 8_000


def test_load_damaged_columns_of_parts_are_refused(folder):
    make(folder, parts())
    edit_sidecar(folder / "a.npy", lambda data: data["recordings"].update(start=["x"] * len(TIMES)))
    refused("a.json is damaged", "start is not a list of int", do=lambda: load(folder / "a.npy", ""))
    edit_sidecar(folder / "a.npy", lambda data: data["recordings"].update(start=[-1] * len(TIMES)))
    refused("do not belong together", do=lambda: load(folder / "a.npy", ""))


def test_has_changed_reads_a_file_once_for_all_its_parts(folder, monkeypatch):
    make(folder, parts())
    data, asked = load(folder / "a.npy", ""), []
    digest_of = analysis.digest_of
    monkeypatch.setattr("speech_autoencoder.data.dataset.digest_of", lambda path: asked.append(path) or digest_of(path))
    assert not any(data.has_changed(i) for i in range(len(data.names)))
    assert len(asked) == 1
    sf.write(folder / "talk.flac", make_speech(N_SAMPLES, SR, 9), SR)
    assert all(data.has_changed(i) for i in range(len(data.names)))


def test_split_parts_of_one_file_are_on_one_side_where_speakers_are_unknown(folder):
    rows = []
    for file in "abcdefghij":
        shutil.copy(folder / "word_anna.wav", folder / f"{file}.wav")
        rows += [(f"{file}.wav", i / 10, i / 10 + 0.1) for i in range(4)]
    make(folder, rows, header="path,start,end")
    data = load(folder / "a.npy", "")
    found = split(data, TrainingConfig())
    held, trained = ({data.file(i) for i in side} for side in (found.validation, found.training))
    assert held
    assert not held & trained
    assert "of 10 files, never trained on" in found.how


def test_describe_parts_of_one_file_are_no_copies_of_each_other(folder):
    columns = make(folder, parts([(i, i + 1) for i in range(6)])).columns
    assert not [line for line in corpus_summary.describe(columns) if "identical" in line]
    copies = columns | {"start": [0] * 6}
    assert [line for line in corpus_summary.describe(copies) if "5 recordings are identical" in line]


def test_sidecar_of_parts_has_their_files_and_first_samples(folder):
    make(folder, [*parts(TIMES[:2]), ("word_anna.wav",)])
    recordings = json.loads(sidecar_path(folder / "a.npy").read_text())["recordings"]
    assert recordings["file"] == ["talk.flac", "talk.flac", "word_anna.wav"]
    assert recordings["start"] == [0, SR // 2, 0]
    assert len(set(recordings["digest"])) == 2
    # The same bytes with any number of workers.
    recordings = read_audio_list(folder / "list.csv").recordings
    build(recordings, folder / "b.npy", replace(TINY), workers=1)
    assert contents(folder / "a.npy") == contents(folder / "b.npy")

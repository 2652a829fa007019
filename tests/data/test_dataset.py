"""An array and its sidecar are checked before they are used."""

import os
import pickle

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.config import preset
from speech_autoencoder.data.building import build
from speech_autoencoder.data.dataset import features_of, load, sidecar_path
from speech_autoencoder.data.sidecar import clips_file, json_file
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.scoring import read_original
from tests.helpers.arrays import change, edit_sidecar, take_sidecar_of_another
from tests.helpers.common import LENGTHS, TINY, make_dataset, make_speech, one_line_of


def test_load_array_that_is_replaced_later_stays_readable(corpus, array):
    old = load(array, "")
    frames = [old.frames(i).copy() for i in range(len(old.names))]
    old = load(array, "")
    change(corpus)
    build(corpus, array, TINY, workers=1)
    for i, expected in enumerate(frames):
        np.testing.assert_array_equal(old.frames(i), expected)
    assert load(array, "").fingerprint != old.fingerprint


@pytest.mark.parametrize(
    ("clips", "received"),
    [
        (np.zeros((2, 16, 32), np.float32), r"\(2, 16, 32\) float32"),
        (np.zeros((2, 16, 32, 2), np.float32), r"\(2, 16, 32, 2\) float32"),
        (np.zeros((2, 16, 32, 1), np.float64), r"\(2, 16, 32, 1\) float64"),
        (np.zeros((2, 16, 32, 1), np.int16), r"\(2, 16, 32, 1\) int16"),
        (np.zeros((2, 16, 32, 1), ">f4"), r"\(2, 16, 32, 1\) >f4"),
        (np.float32(0), r"\(\) float32"),
    ],
)
def test_load_array_of_another_shape_or_type_is_refused(array, clips, received):
    np.save(array, clips)
    with pytest.raises(InputError, match=rf"holds {received}: expected float32 clips .*; run train\.py again") as error:
        load(array, "train.py")
    one_line_of(error)


@pytest.mark.parametrize("shape", [(0, 16, 32, 1), (2, 0, 32, 1), (2, 16, 0, 1)])
def test_load_array_without_a_clip_is_refused(array, shape):
    np.save(array, np.zeros(shape, np.float32))
    with pytest.raises(InputError, match="holds no clips"):
        load(array, "train.py")


def test_load_array_with_pickled_objects_is_refused_unopened(array, tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was run"),)

    np.save(array, np.array([Hostile()], object), allow_pickle=True)
    with pytest.raises(InputError, match=r"train_data\.npy is not an array of clips .*: run train\.py again"):
        load(array, "train.py")
    array.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(InputError, match=r"train_data\.npy is not an array of clips .*: run train\.py again") as error:
        load(array, "train.py")
    one_line_of(error)
    assert not (tmp_path / "was run").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n",
        b"PK\3\4",
        b"\x93NUMPY",
        b"\x93NUMPY\1\0\x10\0{'descr': 1, }    ",
        b"\x93NUMPY\1\0\x10\0((((((((((((((((",
        b"\x93NUMPY\1\0\x20\x1f" + 8_000 * b"-",
    ],
    ids=["empty", "text", "ZIP", "magic", "header", "brackets", "minuses"],
)
def test_load_file_that_is_not_an_array_is_refused(array, content):
    array.write_bytes(content)
    with pytest.raises(
        InputError, match=r"train_data\.npy is not an array of clips \(.+\): run train\.py again"
    ) as error:
        load(array, "train.py")
    one_line_of(error)


def test_load_array_cut_short_or_archive_of_arrays_is_refused(array):
    data = array.read_bytes()
    array.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"train_data\.npy is not an array of clips"):
        load(array, "train.py")
    with array.open("wb") as file:
        np.savez(file, np.zeros(3))
    with pytest.raises(InputError, match=r"train_data\.npy is not an array of clips"):
        load(array, "train.py")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.001, 1.001])
def test_load_array_with_values_outside_the_range_is_refused(array, value):
    clips = np.load(array)
    clips[-1, 3, 4, 0] = value
    np.save(array, clips)
    with pytest.raises(InputError, match=r"holds values outside \[0, 1\] in rows 0 to 7: run train\.py again"):
        load(array, "train.py")


def test_load_progress_covers_the_whole_array(array, monkeypatch):
    """Gigabytes may be read here: a terminal must show progress."""
    monkeypatch.setattr(clips_file, "_ROWS_AT_ONCE", 3)
    passed = []

    def progress(items, total):
        assert total == 3  # of eight rows
        for item in items:
            passed.append(item)
            yield item

    load(array, "train.py", progress=progress)
    assert passed == [0, 3, 6]


def test_load_missing_array_or_sidecar_is_refused(array):
    sidecar_path(array).rename(array.parent / "kept.json")
    with pytest.raises(InputError, match=r"train_data\.json is missing: run train\.py first"):
        load(array, "train.py")
    with pytest.raises(InputError, match=r"train_data\.json is missing: run train\.py first"):
        features_of(array, "train.py")
    (array.parent / "kept.json").rename(sidecar_path(array))
    array.unlink()
    with pytest.raises(InputError, match=r"train_data\.npy is missing: run train\.py first"):
        load(array, "train.py")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": ', "\0"])
def test_load_damaged_sidecar_is_refused(array, content):
    sidecar_path(array).write_text(content)
    for function in (load, features_of):
        with pytest.raises(InputError, match=r"train_data\.json .*: run train\.py again"):
            function(array, "train.py")


def test_load_sidecar_much_larger_than_its_array_is_refused_unread(array, monkeypatch):
    """Parsing it would take twenty times its size in memory."""
    sidecar_path(array).write_text("[" + "[]," * 1_500_000 + "[]]")
    monkeypatch.setattr(json_file, "read_json", lambda *_: pytest.fail("was read"))
    for function in (load, features_of):
        with pytest.raises(InputError, match=r"train_data\.json is too large .* for its array: run train\.py") as error:
            function(array, "train.py")
        one_line_of(error)


@pytest.mark.parametrize("suffix", [".npy", ".json"])
def test_load_pipe_in_place_of_a_file_does_not_block(array, suffix):
    array.with_suffix(suffix).unlink()
    os.mkfifo(array.with_suffix(suffix))
    with pytest.raises(InputError, match=rf"train_data\{suffix} is not a regular file"):
        load(array, "train.py")


def test_load_sidecar_of_another_array_is_refused(corpus, array, tmp_path):
    take_sidecar_of_another(corpus, array, tmp_path)
    with pytest.raises(InputError, match=r"train_data\.npy and .*train_data\.json do not belong together"):
        load(array, "train.py")


def test_load_array_with_swapped_rows_is_refused(array):
    clips = np.load(array)
    np.save(array, clips[::-1])
    with pytest.raises(InputError, match="do not belong together"):
        load(array, "train.py")


def test_load_sidecar_of_another_preset_is_refused(array):
    edit_sidecar(array, lambda data: data.update(features=preset("fine", 8_000).to_json()))
    with pytest.raises(InputError, match=r"holds clips of \(16, 32, 1\), its sidecar says \(64, 128, 1\)"):
        load(array, "train.py")


def test_load_sidecar_of_another_format_is_refused(array):
    edit_sidecar(array, lambda data: data.update(format="speech-autoencoder clips 1"))
    with pytest.raises(
        InputError, match=r"has another format: received 'speech-autoencoder clips 1', expected .*: run train\.py again"
    ):
        load(array, "train.py")


@pytest.mark.parametrize("column", ["path", "size", "mtime_ns", "digest", "sr", "n_samples", "n_frames", "clipped"])
@pytest.mark.parametrize("value", [None, 1, "1111", [], [1], [None] * 4, [[]] * 4, [1.5] * 4, ["1"] * 3])
def test_load_sidecar_with_a_damaged_column_is_refused(array, column, value):
    edit_sidecar(array, lambda data: data["recordings"].update({column: value}))
    with pytest.raises(
        InputError, match=r"train_data\.json (is damaged|do not belong together).*: run train\.py"
    ) as error:
        load(array, "train.py")
    one_line_of(error)


@pytest.mark.parametrize("key", ["format", "features", "audio_dir", "array", "recordings"])
@pytest.mark.parametrize("value", [None, {}, [], 10**400])
def test_load_sidecar_with_a_damaged_key_is_refused(array, key, value):
    edit_sidecar(array, lambda data: data.update({key: value}))
    with pytest.raises(InputError, match=r"train_data\.json"):
        load(array, "train.py")


@pytest.mark.parametrize("column", ["sr", "n_samples", "n_frames"])
@pytest.mark.parametrize("value", [0, -1, -(10**30), 10**30, 10**15])
def test_load_sidecar_with_impossible_numbers_is_refused(array, column, value):
    edit_sidecar(array, lambda data: data["recordings"].update({column: [value] * 4}))
    with pytest.raises(InputError, match=r"train_data\.json (is damaged|do not belong together)"):
        load(array, "train.py")


def test_features_of_damaged_features_names_the_file(array):
    edit_sidecar(array, lambda data: data["features"].update(sr="8000"))
    with pytest.raises(InputError, match=r"train_data\.json is damaged \(sr is '8000': expected a value of type int"):
        features_of(array, "train.py")


def test_valid_frames_counts_frames_that_are_not_padding():
    data = make_dataset(["a", "b", "c"], [32, 33, 70])
    assert data.valid_frames().tolist() == [32, 32, 1, 32, 32, 6]


@given(st.lists(st.integers(1, 200), min_size=1, max_size=10))
def test_valid_frames_any_lengths_sum_to_all_frames(n_frames):
    data = make_dataset([str(i) for i in range(len(n_frames))], n_frames)
    valid = data.valid_frames()
    assert valid.min() > 0
    assert valid.max() <= 32
    for i, n in enumerate(n_frames):
        assert valid[data.first_row[i] : data.first_row[i + 1]].sum() == n
        assert data.frames(i).shape == (16, n)


def test_has_changed_recording_of_the_same_length_and_date_is_noticed(corpus, array):
    data, path = load(array, ""), corpus / "7_ben_2.wav"
    recording, status = data.names.index("7_ben_2.wav"), path.stat()
    assert not data.has_changed(recording)
    os.utime(path, ns=(0, 0))
    assert not data.has_changed(recording)
    sf.write(path, make_speech(LENGTHS["7_ben_2.wav"], 8_000, 77), 8_000)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert data.has_changed(recording)
    with pytest.raises(InputError, match=r"7_ben_2\.wav has changed since the array was made: make the array again"):
        read_original(data, recording)
    path.unlink()
    assert not data.has_changed(recording)

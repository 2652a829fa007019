"""Rows of several arrays are those of the one that numpy joins them to."""

import numpy as np
import pytest

from speech_autoencoder.data.parts import clips
from speech_autoencoder.data.parts.clips import PartClips
from speech_autoencoder.data.sidecar.clips_file import CheckedClips, open_array
from speech_autoencoder.errors import InputError

COUNTS = (3, 0, 1, 5, 0, 2, 0)


@pytest.fixture
def both(tmp_path):
    """Return the rows of several files, as PartClips and as one array, and a list of the files that are opened."""
    rng = np.random.default_rng(0)
    arrays = [rng.random((count, 4, 3, 1), np.float32) for count in COUNTS]
    paths, opened = [tmp_path / f"{i}.npy" for i in range(len(COUNTS))], []
    for path, array in zip(paths, arrays, strict=True):
        np.save(path, array)

    def open_part(path):
        opened.append(path.stem)
        return np.load(path, mmap_mode="r")

    return PartClips(paths, COUNTS, (4, 3, 1), open_part), np.concatenate(arrays), opened


def test_part_clips_shape_is_that_of_one_array(both):
    parts, whole, opened = both
    for name in ("shape", "dtype", "ndim", "size", "nbytes"):
        assert getattr(parts, name) == getattr(whole, name), name
    assert len(parts) == len(whole)
    assert not opened


@pytest.mark.parametrize(
    "rows",
    [
        0,
        -1,
        np.int64(10),
        slice(None),
        slice(1, 3),
        slice(2, 9),
        slice(-4, None),
        slice(3, 3),
        slice(8, 2),
        slice(5, 100),
        slice(None, None, 2),
        slice(9, None, -3),
        [],  # of floats, for numpy
        [4, 4, 0, -1, 10],
        np.array([[1, 9], [3, 0]]),
        np.arange(11) % 2 == 0,
        (slice(2, 9), 1),
        (3, slice(None), 2),
        ([9, 0], slice(1, 3)),
    ],
    ids=str,
)
def test_part_clips_rows_are_those_of_one_array(both, rows):
    parts, whole, _ = both
    found = parts[rows]
    assert found.dtype == np.float32
    assert np.array_equal(found, whole[np.array(rows, int) if isinstance(rows, list) else rows])


@pytest.mark.parametrize("rows", [11, -12, [0, 11], [-12], [0.5], np.ones(3, bool)], ids=str)
def test_part_clips_rows_that_are_not_there_are_refused(both, rows):
    with pytest.raises(IndexError):
        both[0][rows]


def test_part_clips_as_one_array_and_one_by_one(both):
    parts, whole, _ = both
    assert np.array_equal(np.asarray(parts), whole)
    assert all(np.array_equal(row, expected) for row, expected in zip(parts, whole, strict=True))


def test_part_clips_slice_within_a_part_stays_on_disk(both):
    parts, _, opened = both
    rows = parts[4:9]
    assert isinstance(rows, np.memmap)
    assert np.shares_memory(rows, parts[5:8])
    assert opened == ["3"]


def test_part_clips_opens_few_files_at_once(both, monkeypatch):
    monkeypatch.setattr(clips, "_MOST_OPEN", 2)
    parts, whole, opened = both
    for row in (0, 3, 1, 3, 10, 3, 0):
        assert np.array_equal(parts[row], whole[row])
    assert opened == ["0", "2", "5", "0"]


def test_part_clips_value_outside_the_range_names_part_row_and_recording(both, tmp_path):
    _, whole, _ = both
    paths = [tmp_path / f"{i}.npy" for i in range(len(COUNTS))]
    parts = PartClips(paths, COUNTS, (4, 3, 1), lambda path: CheckedClips(path, open_array(path, "x.py"), "x.py"))
    parts.recording_of = "recording {}".format
    np.testing.assert_array_equal(parts[2:], whole[2:])
    damaged = np.load(paths[3], mmap_mode="r+")
    damaged[1] = 2
    damaged.flush()
    with pytest.raises(
        InputError, match=r"3\.npy holds values outside \[0, 1\] in row 1, which is of recording 5: run x\.py again"
    ):
        parts[3:7]

"""A large array is checked in places when it is loaded, and wherever it is used; what is read is the same."""

import re

import numpy as np
import pytest

from speech_autoencoder.data.dataset import load
from speech_autoencoder.data.sidecar import clips_file
from speech_autoencoder.errors import InputError
from tests.helpers.batches import batches_of
from tests.helpers.common import one_line_of


@pytest.fixture
def large(array, monkeypatch):
    """Return the path of an array that is too large to be checked from end to end: only a clip of it is."""
    monkeypatch.setattr(clips_file, "CHECKED_BYTES", 1)
    monkeypatch.setattr(clips_file, "MAPPED_BYTES", 1)
    monkeypatch.setattr(clips_file, "_PLACES", 1)
    monkeypatch.setattr(clips_file, "_PLACE_BYTES", 1)
    return array


@pytest.mark.parametrize(
    "rows", [slice(None), slice(2, 5), slice(5, 2), slice(1, 8, 3), slice(None, None, -1), 3, -1, np.array([4, 0, 4])]
)
def test_getitem_any_rows_are_those_of_the_array(large, rows):
    clips, expected = load(large, "").clips, np.load(large)
    assert isinstance(clips, clips_file.CheckedClips)
    assert (clips.shape, clips.dtype, len(clips)) == (expected.shape, expected.dtype, len(expected))
    np.testing.assert_array_equal(clips[rows], expected[rows])
    np.testing.assert_array_equal(clips, expected)


@pytest.mark.parametrize("row", [8, -9])
def test_getitem_row_that_is_not_there_is_an_index_error(large, row):
    with pytest.raises(IndexError):
        load(large, "").clips[row]


def damage(path, row, value):
    """Change a value of a row in the file, as a bad disk does: neither its header nor its size changes."""
    clips = np.load(path, mmap_mode="r+")
    clips[row, 3, 4, 0] = value
    clips.flush()


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.001, 1.001])
def test_getitem_value_outside_the_range_names_the_recording_when_it_is_used(large, value):
    data = load(large, "train.py")
    row = int(data.first_row[1])
    damage(large, row, value)
    name = re.escape(data.names[1])
    expected = rf"train_data\.npy holds values outside \[0, 1\] in row {row}, which is of {name}: run train\.py again"
    for use in (lambda: data.frames(1), lambda: list(batches_of(data).epoch())):
        with pytest.raises(InputError, match=expected) as error:
            use()
        one_line_of(error)
    assert data.frames(0).max() <= 1


def test_load_value_outside_the_range_in_a_place_that_is_checked_is_refused(large):
    damage(large, 0, np.nan)
    with pytest.raises(InputError, match=r"holds values outside \[0, 1\] in row 0: run train\.py again"):
        load(large, "train.py")


def test_load_large_array_reads_a_share_of_it_and_shows_progress(large, monkeypatch):
    monkeypatch.setattr(clips_file, "_PLACES", 3)
    passed = []

    def progress(items, total):
        assert total == 3
        for item in items:
            passed.append(item)
            yield item

    load(large, "", progress=progress)
    assert passed == [0, 3, 7]


def test_getitem_of_a_file_that_was_cut_short_meanwhile_is_refused(large):
    data = load(large, "train.py")
    with large.open("r+b") as file:
        file.truncate(large.stat().st_size // 2)
    with pytest.raises(InputError, match=r"train_data\.npy is shorter than it was: run train\.py again") as error:
        data.frames(len(data.names) - 1)
    one_line_of(error)


def test_load_large_array_in_the_order_of_fortran_is_refused(large):
    np.save(large, np.asfortranarray(np.load(large)))
    with pytest.raises(InputError, match=r"is not an array of clips \(in Fortran's order\): run train\.py again"):
        load(large, "train.py")

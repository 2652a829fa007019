"""Columns in temporary files are read like the lists that they stand for."""

import pytest

from speech_autoencoder.data.parts import spool
from speech_autoencoder.data.parts.spool import Spool, kept, new_column
from speech_autoencoder.data.recordings import Recordings

TEXTS = ["a/b.wav", "", "한.wav", "with\nline break", "\udcff.wav", "x" * 1_000, "é"]
NUMBERS = [0, -1, 1 << 53, 7]
FLOATS = [0.1, -3.5, 1e-30]


@pytest.mark.parametrize(("kind", "values"), [(str, TEXTS), (int, NUMBERS), (float, FLOATS)])
def test_spool_is_read_like_a_list(kind, values, tmp_path):
    column = Spool(kind, tmp_path)
    column.extend(values[:2])
    assert list(column) == values[:2]
    column.extend(values[2:])
    assert (len(column), list(column), column.tolist()) == (len(values), values, values)
    assert [column[i] for i in range(-len(values), len(values))] == values * 2
    assert (column[1:3], column[2:1], column[:]) == (values[1:3], [], values)
    with pytest.raises(IndexError):
        column[len(values)]


def test_kept_many_values_are_not_in_memory(monkeypatch):
    assert kept(iter(TEXTS), str) == TEXTS
    monkeypatch.setattr(spool, "MOST_IN_MEMORY", 3)
    monkeypatch.setattr(spool, "_VALUES_AT_ONCE", 2)
    column = kept(iter(TEXTS), str)
    assert isinstance(column, Spool)
    assert list(column) == TEXTS
    assert (new_column(str, 3), type(new_column(str, 4))) == ([], Spool)


def test_recordings_of_a_large_folder_are_those_of_a_small_one(tmp_path, monkeypatch):
    names = [f"{speaker}/{word}_{speaker}_{take}.wav" for speaker in ("al", "jo") for word in "01" for take in "012"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    few = Recordings.of_folder(tmp_path)
    expected = few.understand()
    monkeypatch.setattr(spool, "MOST_IN_MEMORY", 3)
    monkeypatch.setattr("speech_autoencoder.data.recordings.MOST_IN_MEMORY", 3)
    many = Recordings.of_folder(tmp_path)
    assert isinstance(many.names, Spool)
    assert list(many.names) == few.names == sorted(names)
    told = many.understand()
    assert isinstance(told.speakers, Spool)
    assert (list(told.speakers), list(told.labels)) == (expected.speakers, expected.labels)
    assert (told.pattern, told.n_understood) == (expected.pattern, len(names))

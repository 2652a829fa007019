"""Columns come back from their file as they were written; what does not fit its description is refused."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.data.sidecar import columns_file
from speech_autoencoder.data.sidecar.columns_file import ColumnsFile, write_columns
from speech_autoencoder.errors import InputError

KINDS = {"name": str, "size": int, "power": float}
TEXTS = ["7_ben_2.wav", "", "a b/한.wav", "sub/\udcff.wav", "line\nbreak", "0"]
COLUMNS = {"name": TEXTS, "size": [0, -1, 1 << 62, 5, 6, 7], "power": [0.1, -0.0, 1e-300, np.inf, 3, 1 / 3]}


@pytest.fixture
def written(tmp_path):
    """Return the path of a file of columns, and what is said of it."""
    path = tmp_path / "a.columns"
    return path, write_columns(path, {"recordings": COLUMNS})


def opened(path, stored):
    """Return the file of columns at a path."""
    return ColumnsFile(path, stored, lambda reason: InputError(f"a.columns is damaged ({reason}): run x.py again."))


def columns_of(path, stored):
    """Return the columns of a file, as lists."""
    return {key: list(column) for key, column in opened(path, stored).columns("recordings", KINDS).items()}


@pytest.mark.parametrize("at_once", [1, 4, 1_000])
def test_write_columns_open_round_trip(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(columns_file, "_VALUES_AT_ONCE", at_once)
    stored = write_columns(tmp_path / "a.columns", {"recordings": COLUMNS})
    assert columns_of(tmp_path / "a.columns", stored) == COLUMNS


@given(st.lists(st.text(st.characters(min_codepoint=0), max_size=5), max_size=8), st.data())
def test_texts_any_texts_are_read_as_a_list_of_them_is(tmp_path_factory, texts, data):
    path = tmp_path_factory.mktemp("texts") / "a.columns"
    found = opened(path, write_columns(path, {"g": {"name": texts}})).columns("g", {"name": str})["name"]
    assert (len(found), list(found)) == (len(texts), texts)
    for index in range(-len(texts), len(texts)):
        assert found[index] == texts[index]
    part = data.draw(st.slices(len(texts)))
    assert found[part] == texts[part]
    with pytest.raises(IndexError):
        found[len(texts)]


def test_write_columns_of_arrays_and_texts_of_a_file_gives_the_same_bytes(written):
    path, stored = written
    columns = opened(path, stored).columns("recordings", KINDS)
    other = path.with_name("b.columns")
    assert write_columns(other, {"recordings": columns}) == stored
    assert other.read_bytes() == path.read_bytes()


def test_columns_are_numbers_that_need_no_memory(written):
    columns = opened(*written).columns("recordings", KINDS)
    assert (columns["size"].dtype, columns["power"].dtype) == (np.int64, np.float64)
    assert not columns["size"].flags.owndata
    assert not columns["size"].flags.writeable


def test_open_file_of_another_size_or_content_is_refused(written):
    path, stored = written
    content = path.read_bytes()
    for damaged, reason in (
        (content[:-1], r"1,?\d* bytes, expected \d+|\d+ bytes, expected \d+"),
        (content + b"\0", "bytes, expected"),
        (content[:100] + bytes([content[100] ^ 1]) + content[101:], "its digest is another"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=reason):
            opened(path, stored)


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("name", {"ends_at": 1 << 62}),
        ("name", {"n_bytes": 1 << 40}),
        ("name", {"n_bytes": 3}),
        ("name", {"type": "<i8"}),
        ("size", {"at": -8}),
        ("size", {"at": None}),
        ("size", {"at": 1 << 70}),
        ("size", {"n": 1 << 60}),
        ("size", {"n": -1}),
        ("size", {"n": 1.0}),
        ("size", {"n": True}),
        ("size", {"type": "text", "n_bytes": 8, "ends_at": 64}),
        ("size", {"type": "|O"}),
        ("size", {"type": ["<i8"]}),
        ("power", {"type": "<i8"}),
    ],
)
def test_columns_that_are_not_where_the_description_says_are_refused(written, key, place):
    path, stored = written
    stored["layout"]["recordings"][key] |= place
    with pytest.raises(InputError, match=r"a\.columns is damaged \(.+\): run x\.py again"):
        columns_of(path, stored)


@pytest.mark.parametrize("layout", [None, [], {}, {"recordings": None}, {"recordings": {"size": 5}}])
def test_columns_of_a_damaged_description_are_refused(written, layout):
    path, stored = written
    with pytest.raises(InputError, match=r"a\.columns is damaged"):
        columns_of(path, stored | {"layout": layout})


def test_texts_that_are_not_utf_8_or_end_before_they_begin_are_refused(written):
    path, stored = written
    place = stored["layout"]["recordings"]["name"]
    content = bytearray(path.read_bytes())
    for at, value in ((place["at"], b"\xff"), (place["ends_at"], (1 << 50).to_bytes(8, "little"))):
        damaged = bytes(content[:at] + value + content[at + len(value) :])
        path.write_bytes(damaged)
        with path.open("rb") as file:
            stored["digest"] = columns_file._digest_of(file)
        with pytest.raises(InputError, match=r"a text is not UTF-8|texts end before they begin"):
            columns_of(path, stored)


def test_write_columns_many_are_written_and_read_in_little_memory(tmp_path):
    """Of 100,000 recordings, 4 MB, a part is in memory at once: numbers, and where texts end."""
    names = map("speaker/{}.wav".format, range(100_000))
    column = Column(100_000, names)
    tracemalloc.start()
    stored = write_columns(tmp_path / "a.columns", {"recordings": {"name": column, "size": np.zeros(100_000, int)}})
    found = opened(tmp_path / "a.columns", stored).columns("recordings", KINDS)["name"]
    count = sum(1 for _ in found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_000
    assert (tmp_path / "a.columns").stat().st_size > 4 * 800_000 / 2
    assert peak < 5e6


class Column:
    """A column whose texts are made when they are used."""

    def __init__(self, n, texts):
        self.n, self.texts = n, texts

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return "first.wav"

    def __iter__(self):
        return self.texts

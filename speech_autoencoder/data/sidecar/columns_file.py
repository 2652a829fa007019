"""The columns of many recordings in a file of their own beside the JSON, which says where each of them is in it.

It is written and read a part at a time, so that memory does not grow with the corpus: numbers as they are in memory,
texts as UTF-8 one after another, and where each of them ends. Nothing in it is run or unpacked.
"""

import hashlib
import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, overload

import numpy as np

from speech_autoencoder.errors import InputError

MAGIC = b"speech-autoencoder columns 1\n"
TEXT = "text"
# How integers and other numbers are stored.
_INTEGERS = "<i8"
_FLOATS = "<f8"
# Columns begin at multiples of this many bytes.
_ALIGNMENT = 64
# Values that are in memory at once.
_VALUES_AT_ONCE = 1 << 13
# The digest of a file covers up to so many places of so many bytes: cheap, as that of the clips.
_PLACES = 512
_PLACE_BYTES = 1 << 17
# Names of files may hold bytes that are not UTF-8, which Python has as surrogates.
_ERRORS = "surrogatepass"

Column = Sequence | np.ndarray
Columns = Mapping[str, Column]
Layout = dict[str, dict[str, Any]]


class Texts(Sequence[str]):
    """Texts in a file, read when they are used."""

    def __init__(self, content: memoryview, ends: np.ndarray, file: "ColumnsFile") -> None:
        self._content, self._ends, self._file = content, ends, file

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        return next(self._some(i, i + 1))

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _VALUES_AT_ONCE):
            yield from self._some(start, start + _VALUES_AT_ONCE)
            self._file.forget()

    def tolist(self) -> list[str]:
        """Return all texts, for JSON."""
        return list(self)

    def forget(self) -> None:
        """Let the system take back the memory of what was read of the file."""
        self._file.forget()

    def _some(self, start: int, end: int) -> Iterator[str]:
        """Yield the texts from `start` to below `end`."""
        ends = self._ends[max(0, start - 1) : end].tolist()
        begin = ends.pop(0) if start else 0
        for last in ends:
            if not begin <= last <= len(self._content):
                raise self._file.damaged("texts end before they begin")
            try:
                yield str(self._content[begin:last], "utf-8", _ERRORS)
            except UnicodeDecodeError:
                raise self._file.damaged("a text is not UTF-8") from None
            begin = last


class ColumnsFile:
    """A file of columns, mapped into memory and checked.

    Parameters
    ----------
    path : Path
    stored : mapping
        What the JSON says of it, which `write_columns` has returned.
    damaged : callable
        Returns the InputError for a file that is damaged, from the reason.

    Raises
    ------
    InputError
        If it is missing, or not what the JSON says.
    """

    def __init__(self, path: Path, stored: Mapping[str, Any], damaged: Callable[[str], InputError]) -> None:
        self.damaged = damaged
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size != stored.get("size"):
                raise damaged(f"{size:,} bytes, expected {stored.get('size')}")
            if _digest_of(file) != stored.get("digest"):
                raise damaged("its digest is another")
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._layout = stored.get("layout")

    def columns(self, group: str, kinds: Mapping[str, type]) -> dict[str, Column]:
        """Return the columns of a group, as arrays and `Texts`; raise InputError if one is of another kind."""
        layout = self._layout.get(group) if isinstance(self._layout, dict) else None
        if not isinstance(layout, dict):
            raise self.damaged(f"there are no columns {group}")
        return {key: self._column(key, layout[key], kind) for key, kind in kinds.items() if key in layout}

    def _column(self, key: str, place: Any, kind: type) -> Column:
        """Return the column that is at a place."""
        if not isinstance(place, dict):
            raise self.damaged(f"column {key} has no place")
        stored_as, n = place.get("type"), place.get("n")
        if stored_as == TEXT and kind is str:
            content = self._array(key, "|u1", place.get("at"), place.get("n_bytes"))
            return Texts(content.data, self._array(key, _INTEGERS, place.get("ends_at"), n), self)
        expected = {int: _INTEGERS, float: _FLOATS}.get(kind)
        if expected is None or stored_as != expected:
            raise self.damaged(f"column {key} is not one of {kind.__name__}")
        return self._array(key, expected, place.get("at"), n)

    def _array(self, key: str, dtype: str, at: Any, n: Any) -> np.ndarray:
        """Return the values of a type at a place, if that is within the file."""
        size = np.dtype(dtype).itemsize
        if type(at) is not int or type(n) is not int or not 0 <= at <= at + n * size <= len(self._mapped) or n < 0:
            raise self.damaged(f"column {key} is not within the file")
        return np.frombuffer(self._mapped, dtype, n, at) if n else np.zeros(0, dtype)

    def forget(self) -> None:
        """Let the system take back the memory of what was read: the file still has it."""
        if hasattr(self._mapped, "madvise"):
            self._mapped.madvise(mmap.MADV_DONTNEED)


def write_columns(path: Path, groups: Mapping[str, Columns]) -> dict[str, Any]:
    """Write columns by group and name, and return what the JSON is to say of the file."""
    layout: dict[str, Layout] = {}
    with path.open("w+b") as file:
        file.write(MAGIC)
        for group, columns in groups.items():
            layout[group] = {key: _write_column(file, column) for key, column in columns.items()}
        size = file.tell()
        digest = _digest_of(file)
    return {"size": size, "digest": digest, "layout": layout}


def _write_column(file: BinaryIO, column: Column) -> dict[str, Any]:
    """Write a column at the end of a file, and return its place."""
    if isinstance(column, np.ndarray) or (len(column) and not isinstance(column[0], str)):
        dtype = _FLOATS if np.asarray(column[:1]).dtype.kind == "f" else _INTEGERS
        at = _align(file)
        for start in range(0, len(column), _VALUES_AT_ONCE):
            file.write(np.asarray(column[start : start + _VALUES_AT_ONCE]).astype(dtype).data)
        return {"type": dtype, "n": len(column), "at": at}
    at, ends, end = _align(file), np.zeros(len(column), _INTEGERS), 0
    for start, some in _in_parts(column):
        texts = [text.encode("utf-8", _ERRORS) for text in some]
        ends[start : start + len(texts)] = end + np.cumsum(list(map(len, texts)))
        end = int(ends[start + len(texts) - 1])
        file.write(b"".join(texts))
    ends_at = _align(file)
    file.write(ends.data)
    return {"type": TEXT, "n": len(column), "at": at, "n_bytes": end, "ends_at": ends_at}


def _in_parts(texts: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield some texts after others, each time with the number of the first."""
    source, start = iter(texts), 0
    while some := list(islice(source, _VALUES_AT_ONCE)):
        yield start, some
        start += len(some)


def _align(file: BinaryIO) -> int:
    """Fill a file up to where a column may begin, and return that."""
    file.write(bytes(-file.tell() % _ALIGNMENT))
    return file.tell()


def _digest_of(file: BinaryIO) -> str:
    """Return a digest of a file that is open: of all of it, or of places spread over one that is large."""
    digest, size = hashlib.blake2b(digest_size=16), file.seek(0, 2)
    n_places = min(-(-size // _PLACE_BYTES), _PLACES)
    for place in range(n_places):
        file.seek(place * (size - _PLACE_BYTES) // (n_places - 1) if n_places == _PLACES else place * _PLACE_BYTES)
        digest.update(file.read(_PLACE_BYTES))
    file.seek(size)
    return digest.hexdigest()

"""Columns of millions of recordings in temporary files, while an array is made: memory stays the same."""

import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from speech_autoencoder.system.files import Elsewhere

# Of so many recordings, names and numbers are kept in memory: they take some 10 MB.
MOST_IN_MEMORY = 50_000
# Values that are in memory at once.
_VALUES_AT_ONCE = 1 << 13
# Names of files may hold bytes that are not UTF-8, which Python has as surrogates.
_ERRORS = "surrogatepass"


class Spool(Sequence):
    """A column of numbers or texts, written from its start to its end and then read like a list.

    Parameters
    ----------
    kind : type
        str, int or float.
    folder : Path, optional
        Where its temporary files are; of a remote folder, and by default, they are where the system has its own.
    """

    def __init__(self, kind: type, folder: Path | None = None) -> None:
        place = None if isinstance(folder, Elsewhere) else folder
        self._file = tempfile.TemporaryFile(dir=place)  # noqa: SIM115 - closed when nobody uses it any more
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._ends = Spool(int, folder) if kind is str else None  # of each text, in bytes
        self._dtype = np.dtype(np.float64 if kind is float else np.int64)
        self._n = self._n_bytes = 0

    def extend(self, values: Any) -> None:
        """Add values at the end."""
        if self._ends is None:
            content = np.asarray(values, self._dtype).tobytes()
        else:
            texts = [text.encode("utf-8", _ERRORS) for text in values]
            self._ends.extend(self._n_bytes + np.cumsum(list(map(len, texts)), dtype=np.int64))
            content = b"".join(texts)
        self._file.write(content)
        self._n += len(values)
        self._n_bytes += len(content)

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            start, end, _ = index.indices(self._n)
            return self._some(start, max(start, end))
        place = range(self._n)[index]
        return self._some(place, place + 1)[0]

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self._n, _VALUES_AT_ONCE):
            yield from self._some(start, min(start + _VALUES_AT_ONCE, self._n))

    def tolist(self) -> list:
        """Return all values, for JSON."""
        return list(self)

    def _some(self, start: int, end: int) -> list:
        """Return the values from `start` to below `end`."""
        if self._ends is None:
            size = self._dtype.itemsize
            return np.frombuffer(self._bytes(start * size, end * size), self._dtype).tolist()
        ends = [self._ends[start - 1] if start else 0, *self._ends[start:end]]
        content = self._bytes(ends[0], ends[-1])
        places = [place - ends[0] for place in ends]
        return [str(content[a:b], "utf-8", _ERRORS) for a, b in pairwise(places)]

    def _bytes(self, start: int, end: int) -> bytes:
        """Return bytes of the file."""
        with self._lock:
            self._file.seek(start)
            content = self._file.read(end - start)
            self._file.seek(0, 2)
        return content


def new_column(kind: type, n: int) -> Any:
    """Return an empty column for n values, with the method `extend`: a list, or, for many, a Spool."""
    return Spool(kind) if n > MOST_IN_MEMORY else []


def kept(values: Iterable, kind: type) -> Sequence:
    """Return values as a list, or, if there are more than MOST_IN_MEMORY of them, as a Spool."""
    source = iter(values)
    first = list(islice(source, MOST_IN_MEMORY + 1))
    if len(first) <= MOST_IN_MEMORY:
        return first
    spool = Spool(kind)
    spool.extend(first)
    while some := list(islice(source, _VALUES_AT_ONCE)):
        spool.extend(some)
    return spool

"""Columns that arrive part by part and wait in temporary files: memory does not grow with the corpus."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from speech_autoencoder.system.files import Elsewhere

# Values that are in memory at once.
_VALUES_AT_ONCE = 1 << 15
# Names of files may hold bytes that are not UTF-8, which Python has as surrogates.
_ERRORS = "surrogatepass"


class Spool(Sequence):
    """A column of numbers or texts, written from its start to its end and then read like a list.

    Parameters
    ----------
    kind : type
        str, int or float.
    folder : Path
        Where its temporary files are; of a remote folder, they are where the system has its own.
    stack : ExitStack
        Removes them.
    """

    def __init__(self, kind: type, folder: Path, stack: ExitStack) -> None:
        place = None if isinstance(folder, Elsewhere) else folder
        self._file = stack.enter_context(tempfile.TemporaryFile(dir=place))  # noqa: SIM115 - the stack closes it
        self._ends = Spool(int, folder, stack) if kind is str else None  # of each text, in bytes
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
        self._file.seek(start)
        content = self._file.read(end - start)
        self._file.seek(0, 2)
        return content

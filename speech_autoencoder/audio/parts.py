"""Parts of long recordings, cut to the sample: many parts of a file while it is decoded once."""

import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from speech_autoencoder.audio.reading import opened_stream
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain, printable

# Units of time in a second.
US = 1_000_000
# The samples that wait in a temporary file to be read again, in bytes, unless one recording has more.
_MOST_BYTES = 1 << 30


class Part(NamedTuple):
    """A part of a recording.

    Attributes
    ----------
    file : str
        The path of the recording.
    start_us, end_us : int
        In microseconds, which tell samples apart at any rate; the end is None where the recording ends.
    """

    file: str
    start_us: int
    end_us: int | None

    def span(self, sr: int) -> tuple[int, int | None]:
        """Return the first sample of the part at a rate in Hz, and the one after its last: each the nearest one.

        Examples
        --------
        >>> Part("talk.wav", 500_000, 1_500_000).span(22_050)
        (11025, 33075)
        """
        return _nearest(self.start_us, sr), None if self.end_us is None else _nearest(self.end_us, sr)

    @property
    def name(self) -> str:
        """The path and the times, as in `talk.wav 12.50-14.00 s`."""
        if self.end_us is None:
            return f"{self.file} {seconds(self.start_us)} s to the end"
        return f"{self.file} {seconds(self.start_us)}-{seconds(self.end_us)} s"


def seconds(time_us: int) -> str:
    """Return microseconds in seconds, with two digits or as many more as there are.

    Examples
    --------
    >>> seconds(12_500_000), seconds(1_234)
    ('12.50', '0.001234')
    """
    if not time_us % (US // 100):
        return f"{time_us / US:.2f}"
    whole, rest = divmod(time_us, US)
    return f"{whole}.{rest:06}".rstrip("0")


def _nearest(time_us: int, sr: int) -> int:
    """Return the sample that is nearest to a time; of two that are, the later one."""
    return (2 * time_us * sr + US) // (2 * US)


class Cutter:
    """Cuts parts from a recording that arrives in blocks, in the order of their starts.

    Attributes
    ----------
    n_read : int
        The samples that have arrived.
    """

    def __init__(self, blocks: Iterable[np.ndarray]) -> None:
        self.n_read = 0
        self._blocks = iter(blocks)
        self._held: list[tuple[int, np.ndarray]] = []  # blocks that a later part begins in, and their first samples

    def cut(self, start: int, end: int | None, keep: int | None) -> Iterator[np.ndarray]:
        """Yield the samples from `start` to before `end` in pieces, fewer where the recording ends.

        Parameters
        ----------
        start, end
            The span of the part; an end of None is the recording's.
        keep
            Where the next part begins, None if this is the last: what lies before is given up.
        """
        before, self._held = self._held, []
        for first, block in before:
            self._hold(first, block, keep)
            yield from _within(block, first, start, end)
        while end is None or self.n_read < end:
            arrived = next(self._blocks, None)
            if arrived is None:
                return
            first = self.n_read
            self.n_read += len(arrived)
            self._hold(first, arrived, keep)
            yield from _within(arrived, first, start, end)

    def _hold(self, first: int, block: np.ndarray, keep: int | None) -> None:
        """Keep a block if it goes on where the next part begins."""
        if keep is not None and first + len(block) > keep:
            self._held.append((first, block))


def _within(block: np.ndarray, first: int, start: int, end: int | None) -> Iterator[np.ndarray]:
    """Yield what a block, which begins at sample `first`, holds of a span, if anything."""
    piece = block[max(0, start - first) : len(block) if end is None else max(0, end - first)]
    if len(piece):
        yield piece


class PartReader:
    """Reads parts of recordings in any order, in several threads: each recording is decoded once for all its parts.

    They wait in a temporary file without a name, which nothing has to clean up.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._places: dict[tuple[Path, int, int], tuple[int, int]] = {}
        self._failed: dict[Path, str] = {}

    def read(self, path: Path, span: tuple[int, int], spans: Iterable[tuple[int, int]]) -> np.ndarray:
        """Return a part of a recording as `audio.reading.read` gives it: mono float32 (n_samples,) at its own rate.

        Parameters
        ----------
        path
            The recording.
        span
            The first sample of the part, and the one after its last.
        spans
            All parts of this recording that may be read.

        Returns
        -------
        np.ndarray
            Fewer samples where the recording is shorter.

        Raises
        ------
        InputError
            If it cannot be decoded that far.
        """
        key = path, *span
        try:
            with self._lock:
                if key not in self._places and path not in self._failed:
                    self._cut(path, sorted({span, *spans}))
                if key not in self._places:
                    raise InputError(self._failed[path])
                offset, n_bytes = self._places[key]
                self._open().seek(offset)
                return np.frombuffer(self._open().read(n_bytes), np.float32).copy()
        except OSError as error:
            folder = printable(tempfile.gettempdir())
            raise InputError(f"Parts of {printable(path)} could not be kept in {folder}: {explain(error)}.") from error

    def _open(self) -> IO[bytes]:
        """Return the temporary file."""
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the reader
            weakref.finalize(self, self._file.close)
        return self._file

    def _cut(self, path: Path, spans: list[tuple[int, int]]) -> None:
        """Decode a recording, and write its parts to the temporary file."""
        file = self._open()
        if file.seek(0, 2) > self._most_bytes:
            file.truncate(0)
            self._places.clear()
            self._failed.clear()
        at = file.seek(0, 2)
        try:
            with opened_stream(path, salvage=True) as (_, blocks):
                cutter = Cutter(blocks)
                for (start, end), following in zip(spans, [*spans[1:], None], strict=True):
                    pieces = cutter.cut(start, end, following and following[0])
                    n_bytes = sum(file.write(piece.tobytes()) for piece in pieces)
                    self._places[path, start, end] = at, n_bytes
                    at += n_bytes
        except InputError as error:
            self._failed[path] = str(error)

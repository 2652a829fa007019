"""The array of clips beside a sidecar: opened and checked."""

import hashlib
import io
import math
import tokenize
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from speech_autoencoder.data.sidecar.json_file import size_of
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.copies import local
from speech_autoencoder.storage.remote_path import RemotePath
from speech_autoencoder.system.files import explain, printable, require_content

# An array of up to this many bytes is checked from end to end when it is opened, which takes seconds.
CHECKED_BYTES = 1 << 30
# One of up to this many bytes is mapped into memory; a larger one is read where it is used, see `CheckedClips`.
MAPPED_BYTES = 1 << 26
_ROWS_AT_ONCE = 1_024
# Of a larger one, this many places are checked then, each of this many bytes; the rest when it is used.
_PLACES = 256
_PLACE_BYTES = 1 << 20
# The rows that an array's digest covers, spread over it.
_DIGEST_ROWS = 64
_MOST_REASON = 200
# The header of an array has fewer bytes than these.
_HEADER_BYTES = 1 << 12

Progress = Callable[[Iterable, int], Iterable]


class Clips(Protocol):
    """What is common to arrays of clips (n_clips, n_mels, n_frames, 1), in memory or not."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all of them."""

    @property
    def dtype(self) -> Any:
        """The type of the values, float32."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return the clips of a row, a slice or an array of rows."""


class CheckedClips:
    """Clips in a file that is not small, which are read and checked when they are used.

    They are not mapped into memory: what was read counts as the process' memory there, and if the file is cut short
    meanwhile, or its disk is gone, the process ends without a word.

    Parameters
    ----------
    path : Path
    array : np.memmap
        The same, as `open_array` returns it.
    made_by : str
        The script to run again if a value is outside [0, 1].

    Raises
    ------
    InputError
        If it cannot be opened, or is in Fortran's order.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, path: Path, array: np.memmap, made_by: str) -> None:
        self.shape = array.shape
        self._name, self._offset, self._made_by = printable(path), array.offset, made_by
        if not array.flags.c_contiguous:
            raise InputError(f"{self._name} is not an array of clips (in Fortran's order): run {made_by} again.")
        try:
            self._file = local(path).open("rb", buffering=0)
        except OSError as error:
            raise InputError(f"{self._name} could not be read: {explain(error)}.") from error
        weakref.finalize(self, self._file.close)  # or Python warns of a file that nobody has closed
        self._lock = Lock()
        # Returns the recording of a row, once the sidecar has been read.
        self.recording_of: Callable[[int], str] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, slice):
            first, end, step = rows.indices(len(self))
            if step != 1:
                return self[np.arange(first, end, step)]
            return self._read(first, max(first, end))
        if np.ndim(rows) == 0:
            first = range(len(self))[int(rows)]
            return self._read(first, first + 1)[0]
        found = [self[int(row)] for row in rows]
        return np.stack(found) if found else np.empty((0, *self.shape[1:]), np.float32)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("clips in a file cannot be an array without a copy")
        return np.asarray(self[:], dtype)

    def _read(self, first: int, end: int) -> np.ndarray:
        """Return the rows from `first` to below `end`."""
        clips = np.empty((end - first, *self.shape[1:]), np.float32)
        if not clips.size:
            return clips
        view, n_read = clips.data.cast("B"), 0
        try:
            with self._lock:
                self._file.seek(self._offset + first * (len(view) // len(clips)))
                while n_read < len(view):
                    n = self._file.readinto(view[n_read:])
                    if not n:
                        raise InputError(f"{self._name} is shorter than it was: run {self._made_by} again.")
                    n_read += n
        except OSError as error:
            raise InputError(f"{self._name} could not be read: {explain(error)}.") from error
        if not _are_in_range(clips):
            row = first + next(i for i, clip in enumerate(clips) if not _are_in_range(clip))
            recording = self.recording_of(row) if self.recording_of else ""
            of = f", which is of {printable(recording)}" if recording else ""
            raise InputError(f"{self._name} holds values outside [0, 1] in row {row}{of}: run {self._made_by} again.")
        return clips


class RemoteClips:
    """Clips of a remote array, of which the rows that are asked for are fetched: for few of them.

    Raises
    ------
    InputError
        If it is not an array of clips.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, path: RemotePath, made_by: str) -> None:
        self._path, self._again = path, f"run {made_by} again."
        head = io.BytesIO(self._fetch([(0, _HEADER_BYTES)])[0])
        try:
            is_first = np.lib.format.read_magic(head) == (1, 0)
            read_header = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
            self.shape, in_fortran_order, dtype = read_header(head)
        except (ValueError, TypeError, SyntaxError) as error:
            raise InputError(f"{path} is not an array of clips: {self._again}") from error
        if in_fortran_order or dtype != self.dtype or len(self.shape) != 4:
            raise InputError(f"{path} holds {self.shape} {dtype}: expected float32 clips; {self._again}")
        self._offset, self._row_bytes = head.tell(), 4 * math.prod(self.shape[1:])
        self.n_bytes = self._offset + len(self) * self._row_bytes  # of the file, by its header

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        index = np.arange(len(self))[rows]
        starts = (self._offset + self._row_bytes * index.reshape(-1)).tolist()
        content = b"".join(self._fetch([(start, start + self._row_bytes) for start in starts]))
        if len(content) != self._row_bytes * len(starts):
            raise InputError(f"{self._path} is shorter than its header says: {self._again}")
        return np.frombuffer(content, self.dtype).reshape(*index.shape, *self.shape[1:])

    def _fetch(self, ranges: list[tuple[int, int]]) -> list[bytes]:
        """Return parts of the file."""
        try:
            return self._path.read_ranges(ranges)
        except FileNotFoundError:
            raise InputError(f"{self._path} is missing: {self._again}") from None
        except OSError as error:
            raise InputError(f"{self._path} could not be read: {explain(error)}.") from error


def open_few(path: Path, made_by: str) -> Clips:
    """Return the clips in path, of which few are wanted: a remote array is not copied for them."""
    return RemoteClips(path, made_by) if isinstance(path, RemotePath) else open_array(path, made_by)


def _are_in_range(values: np.ndarray) -> bool:
    """Return whether all values are in [0, 1]; NaN fails both comparisons."""
    return bool(values.min() >= 0 and values.max() <= 1)


def open_array(path: Path, made_by: str) -> np.memmap:
    """Return the array in path, memory-mapped, if it is one of float32 clips; raise InputError if not."""
    name, again = printable(path), f"run {made_by} again."
    size_of(path)
    require_content(path)
    try:
        clips = np.lib.format.open_memmap(local(path), mode="r")  # only arrays; np.load would also try ZIP and pickle
    except FileNotFoundError:
        raise InputError(f"{name} is missing: run {made_by} first.") from None
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    except (ValueError, TypeError, SyntaxError, OverflowError, MemoryError, tokenize.TokenError) as error:
        reason = " ".join(str(error).split())[:_MOST_REASON] or type(error).__name__
        raise InputError(f"{name} is not an array of clips ({reason}): {again}") from error
    if clips.dtype != np.float32 or clips.ndim != 4 or clips.shape[3] != 1:
        raise InputError(
            f"{name} holds {clips.shape} {clips.dtype}: expected float32 clips (n_clips, n_mels, n_frames, 1); {again}"
        )
    return clips


def open_clips(path: Path, made_by: str, progress: Progress) -> Clips:
    """Return the clips in path, which stay on disk, checked.

    An array of more than CHECKED_BYTES is checked in places spread over it, and wherever it is used.
    """
    clips, name, again = open_array(path, made_by), printable(path), f"run {made_by} again."
    if not clips.size:
        raise InputError(f"{name} holds no clips: {again}")
    found: Clips = clips if clips.nbytes <= MAPPED_BYTES else CheckedClips(path, clips, made_by)
    if clips.nbytes > CHECKED_BYTES:
        read_places(found, progress)
        return found
    starts = range(0, len(clips), _ROWS_AT_ONCE)
    for start in progress(starts, len(starts)):
        part = found[start : start + _ROWS_AT_ONCE]
        if not _are_in_range(part):
            raise InputError(f"{name} holds values outside [0, 1] in rows {start} to {start + len(part) - 1}: {again}")
    return found


def read_places(clips: Clips, progress: Progress) -> None:
    """Read clips in places spread over a large array, which checks them."""
    n_rows = min(len(clips), max(1, _PLACE_BYTES // clips[0].nbytes))
    places = np.unique(np.linspace(0, len(clips) - n_rows, _PLACES).astype(int)).tolist()
    for start in progress(places, len(places)):
        _ = clips[start : start + n_rows]


def digest_of_clips(clips: Clips) -> str:
    """Return a digest of an array's shape and of some of its rows: cheap, and different for each corpus."""
    rows = np.unique(np.linspace(0, len(clips) - 1, min(_DIGEST_ROWS, len(clips))).astype(int))
    digest = hashlib.blake2b(repr(clips.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(clips[rows]).data)
    return digest.hexdigest()

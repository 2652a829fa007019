"""The clips of all parts as one array, which stays on disk."""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from speech_autoencoder.data.parts.folder import has_parts, part_path
from speech_autoencoder.data.sidecar.clips_file import (
    CHECKED_BYTES,
    MAPPED_BYTES,
    CheckedClips,
    Clips,
    Progress,
    open_array,
    open_clips,
    read_places,
)
from speech_autoencoder.data.sidecar.json_file import read_sidecar, sidecar_path
from speech_autoencoder.errors import InputError
from speech_autoencoder.script_names import PROGRAM
from speech_autoencoder.system.files import printable

# Parts that are mapped into memory at the same time: each takes an entry of the system's tables, and an open file.
_MOST_OPEN = 64
# What tells in the beginning of a part's sidecar which array it belongs to.
_HEAD_BYTES = 1 << 14
_DIGEST = re.compile(rb'"array": *\{[^{}]*"digest": *"([0-9a-f]+)"')


class PartClips:
    """The rows of several arrays, one after another, read like those of one memory-mapped array.

    It knows the shape, `dtype` and length of an array; rows are read by a number, a slice or an array of numbers, as
    in `clips[3]`, `clips[10:20]` and `clips[rows]`.

    Parameters
    ----------
    paths : sequence of Path
        The arrays.
    counts : sequence of int
        The rows of each; where it is 0, the file is not opened.
    row_shape : tuple of int
        The shape of a row.
    open_part : callable
        Returns the array at a path, which stays on disk.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        paths: Sequence[Path],
        counts: Sequence[int],
        row_shape: tuple[int, ...],
        open_part: Callable[[Path], Clips],
    ) -> None:
        self._paths, self._open_part = paths, open_part
        self._first_row = np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))])
        self.shape = (int(self._first_row[-1]), *row_shape)
        self._open: OrderedDict[int, Clips] = OrderedDict()  # the one that was used last is at the end
        self._lock = threading.Lock()  # threads make batches ahead
        # Returns the recording of a row, once the index has been read: for messages.
        self.recording_of: Callable[[int], str] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """The count of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The count of values."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """The bytes of all values."""
        return self.size * self.dtype.itemsize

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("the parts of an array cannot be one array without a copy")
        return np.asarray(self[:], dtype)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return rows, as numpy does; of a tuple, the others index what is within the rows."""
        if isinstance(rows, tuple):
            first, *rest = rows
            if isinstance(first, int | np.integer):
                return self[first][tuple(rest)]
            return self[first][(slice(None), *rest)]
        if isinstance(rows, int | np.integer):
            if not -len(self) <= rows < len(self):
                raise IndexError(f"row {rows} of {len(self)}")
            row = int(rows) % len(self)
            part = int(self._parts_of(row))
            return self._part(part)[row - self._first_row[part]]
        if isinstance(rows, slice) and rows.step in (None, 1):
            start, end, _ = rows.indices(len(self))
            return self._slice(start, max(start, end))
        index = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        if index.dtype == bool:
            if index.shape != (len(self),):
                raise IndexError(f"a mask of shape {index.shape} for {len(self)} rows")
            index = np.flatnonzero(index)
        if not index.size:
            return np.empty((*index.shape, *self.shape[1:]), self.dtype)
        if index.dtype.kind not in "iu":
            raise IndexError(f"rows are of type {index.dtype}, expected integers")
        if index.min() < -len(self) or index.max() >= len(self):
            raise IndexError(f"rows {index.min()} to {index.max()} of {len(self)}")
        return self._take(np.where(index < 0, index + len(self), index))

    def _slice(self, start: int, end: int) -> np.ndarray:
        """Return successive rows."""
        if start == end:
            return np.empty((0, *self.shape[1:]), self.dtype)
        first, last = self._parts_of(np.array([start, end - 1]))
        pieces = []
        for part in range(first, last + 1):
            before, after = self._first_row[part : part + 2]
            if before < after:
                pieces.append(self._part(part)[max(start, before) - before : min(end, after) - before])
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _take(self, index: np.ndarray) -> np.ndarray:
        """Return rows in any order; each part is opened once."""
        taken = np.empty((*index.shape, *self.shape[1:]), self.dtype)
        parts = self._parts_of(index)
        for part in np.unique(parts):
            there = parts == part
            taken[there] = self._part(int(part))[index[there] - self._first_row[part]]
        return taken

    def _parts_of(self, rows: Any) -> Any:
        """Return the part of each row."""
        return np.searchsorted(self._first_row, rows, side="right") - 1

    def _part(self, number: int) -> Clips:
        """Return the clips of a part."""
        with self._lock:
            if number in self._open:
                self._open.move_to_end(number)
                return self._open[number]
        clips = self._open_part(self._paths[number])
        if isinstance(clips, CheckedClips):
            first = int(self._first_row[number])
            clips.recording_of = lambda row: self.recording_of(first + row) if self.recording_of else ""
        with self._lock:
            self._open[number] = clips
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        return clips


def open_parts(
    folder: Path, made_by: str, progress: Progress = lambda items, total: items
) -> tuple[PartClips, dict[str, Any]]:
    """Return the clips of an array in parts, which stay on disk, and its index, checked as `open_clips` does.

    Raises
    ------
    InputError
        If the index or a part is missing or damaged, or they do not belong together.
    """
    index, name = _index_of(folder, made_by), printable(sidecar_path(folder))
    try:
        counts, digests = index["parts"]["n_clips"], index["parts"]["digest"]
        shape = tuple(index["array"]["shape"])
        is_whole = len(counts) == len(digests) and all(type(n) is int and n >= 0 for n in counts)
        is_whole = is_whole and len(shape) == 4 and sum(counts) == shape[0] > 0
    except (KeyError, TypeError) as error:
        raise InputError(f"{name} is damaged ({type(error).__name__}: {error}): {_again(folder)}") from error
    if not is_whole:
        raise InputError(f"{name} is damaged: {_again(folder)}")
    paths = [part_path(folder, number) for number in range(len(counts))]
    n_bytes = 4 * int(np.prod(shape, dtype=object))
    is_small = n_bytes <= CHECKED_BYTES
    for path, count, digest in progress(zip(paths, counts, digests, strict=True), len(paths)):
        if _digest_of(path) != digest:
            missing = next((printable(x) for x in (path, sidecar_path(path)) if not x.exists()), "")
            what = f"{missing} is missing" if missing else f"{printable(path)} is not the one in {name}"
            raise InputError(f"{what}: run {made_by} again, or {PROGRAM} merge {printable(folder)}.")
        if count and is_small:
            open_clips(path, made_by, lambda items, total: items)
    clips = PartClips(
        paths, counts, shape[1:], partial(_opened, shape=shape[1:], made_by=made_by, is_mapped=n_bytes <= MAPPED_BYTES)
    )
    if not is_small:
        read_places(clips, progress)
    return clips, index


def _index_of(folder: Path, made_by: str) -> dict[str, Any]:
    """Return the index of a folder."""
    if not sidecar_path(folder).exists():
        name = printable(folder)
        if has_parts(folder):
            raise InputError(f"{name} has no index: run {PROGRAM} merge {name}, once all of its parts are made.")
        raise InputError(f"{name} is a folder without parts of an array: run {made_by}, or name an array.")
    return read_sidecar(folder, made_by)


def _again(folder: Path) -> str:
    """Return how to make the index again."""
    return f"run {PROGRAM} merge {printable(folder)} again."


def _opened(path: Path, shape: tuple[int, ...], made_by: str, *, is_mapped: bool) -> Clips:
    """Return the clips of a part."""
    clips = open_array(path, made_by)
    if clips.shape[1:] != shape:
        raise InputError(f"{printable(path)} holds clips of {clips.shape[1:]}, not {shape}: run {made_by} again.")
    return clips if is_mapped else CheckedClips(path, clips, made_by)


def _digest_of(path: Path) -> str:
    """Return the digest of a part that its sidecar tells, "" if that cannot be read or there is no part."""
    try:
        with sidecar_path(path).open("rb") as file:
            found = _DIGEST.search(file.read(_HEAD_BYTES))
        return found[1].decode("ascii") if found and path.exists() else ""
    except OSError:
        return ""

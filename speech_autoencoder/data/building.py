"""A folder of recordings -> an array of clips on disk and its sidecar."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeVar

import numpy as np

from speech_autoencoder import __version__
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import describe
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.data.analysis import Analysed, Unusable, analyse, together
from speech_autoencoder.data.dataset import (
    COLUMNS,
    FORMAT,
    Dataset,
    Progress,
    digest_of,
    load,
    read_sidecar,
    sidecar_path,
)
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import atomic_write, printable, write_json
from speech_autoencoder.system.integers import ceil_div

# The modules of the package that determine an array's values; a test compares them with what this one imports.
CODE = (
    "config.py",
    "system/integers.py",
    "audio/finding.py",
    "audio/resampling.py",
    "audio/reading.py",
    "audio/levels.py",
    "audio/log_mel.py",
    "data/dataset.py",
    "data/analysis.py",
    "data/building.py",
)
# Columns that are stored in fewer bytes than their type in COLUMNS has, while an array is made.
_STORED: dict[str, type] = {"sr": np.int32, "n_frames": np.int32}
# Groups of recordings that wait for a worker, or to be written, for each worker.
_AHEAD = 4

Item = TypeVar("Item")
Result = TypeVar("Result")
LeftOut = list[tuple[str, str]]  # names of recordings and reasons


@dataclass(frozen=True)
class Summary:
    """What `build` did.

    Attributes
    ----------
    written : bool
        Whether the array was written; False if nothing had changed.
    n_clips, n_recordings : int
        In the array.
    n_computed : int
        Recordings that were new or had changed.
    seconds : float
        The duration of the recordings.
    fill : float
        The share of the array's frames that are not padding.
    left_out : list of (str, str)
        The names of the recordings that cannot be used, and the reasons.
    columns : dict
        What the sidecar says of each recording, by column.
    """

    written: bool
    n_clips: int
    n_recordings: int
    n_computed: int
    seconds: float
    fill: float
    left_out: LeftOut
    columns: dict[str, Sequence]


def most_common_rate(folder: Path) -> int:
    """Return the sample rate (Hz) that most recordings in a folder have, of two equally common ones the lower.

    Raises
    ------
    InputError
        If no recording can be read.
    """
    rates: dict[int, int] = {}
    for name in find_recordings(folder):
        try:
            sr = describe(folder / name).sr
        except InputError:
            continue
        rates[sr] = rates.get(sr, 0) + 1
    if not rates:
        raise InputError(f"{printable(folder)} holds no readable recording: check what is in it.")
    return max(rates, key=lambda sr: (rates[sr], -sr))


def build(
    audio_dir: Path,
    array_path: Path,
    features: FeatureConfig,
    *,
    workers: int,
    strict: bool = False,
    progress: Progress = lambda items, total: items,
) -> Summary:
    """Write an array with the clips of every recording in a folder, and its sidecar.

    The rows of unchanged recordings are taken from the existing array; if nothing has changed, nothing is written.
    Memory does not grow with the corpus.

    Parameters
    ----------
    workers : int
        Threads.
    strict : bool
        Raise InputError for a recording that cannot be used, instead of leaving it out.
    progress : callable, optional
        `progress(items, total)` wraps the loops over the existing array and over the recordings.

    Raises
    ------
    InputError
        If no recording can be used, or the array cannot be written.
    """
    names = find_recordings(audio_dir)
    old = _Previous.load(array_path, features, progress)
    if old.is_current(audio_dir, names):
        left_out = [(name, entry["reason"]) for name, entry in old.left_out.items()]
        if strict and left_out:
            raise InputError(left_out[0][1])
        return _summary(False, old.columns, 0, features, left_out)

    with atomic_write(array_path) as temporary:
        written = _write_array(temporary, audio_dir, names, features, old, workers, strict, progress)
        # Before the array takes its place: if the sidecar cannot be written, the old array stays. The sidecar holds a
        # digest of the array, so that files of two different runs are noticed.
        write_json(sidecar_path(array_path), _sidecar(written, audio_dir, features))
    return _summary(True, written.columns, written.n_computed, features, written.left_out)


@dataclass(frozen=True)
class _Written:
    """An array that was written, with its digest; the other fields are those of `Dataset` and `Summary`."""

    columns: dict[str, Any]
    shape: tuple[int, ...]
    digest: str
    fingerprint: str
    left_out: LeftOut
    n_computed: int


class _Previous:
    """The array of an earlier run, as far as it can be used again."""

    def __init__(
        self,
        dataset: Dataset | None = None,
        columns: dict[str, list] | None = None,
        left_out: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.dataset = dataset
        self.columns = columns or {key: [] for key in COLUMNS}
        self.left_out = left_out or {}
        self.index = {name: i for i, name in enumerate(self.columns["path"])}

    @classmethod
    def load(cls, array_path: Path, features: FeatureConfig, progress: Progress) -> Self:
        """Return what is at array_path if this code made it with these features, else nothing to use."""
        try:
            dataset = load(array_path, "", progress=progress)
            sidecar = read_sidecar(array_path, "")
            left_out = {str(entry["path"]): entry | {"reason": str(entry["reason"])} for entry in sidecar["left_out"]}
        except (InputError, KeyError, TypeError, AttributeError):
            return cls()
        if dataset.features != features or sidecar.get("code") != _code_digest():
            return cls()
        return cls(dataset, sidecar["recordings"], left_out)

    def is_current(self, audio_dir: Path, names: list[str]) -> bool:
        """Return whether the recordings, and those that were left out, are the same and unchanged."""
        used = [name for name in names if name not in self.left_out]
        return (
            self.dataset is not None
            and self.columns["path"] == used
            and len(used) + len(self.left_out) == len(names)
            and all(self.entry(audio_dir, name) for name in used)
            and all(_stamp(audio_dir / name).items() <= entry.items() for name, entry in self.left_out.items())
        )

    def entry(self, audio_dir: Path, name: str) -> dict[str, Any] | None:
        """Return the columns of a recording if its file has not changed since."""
        index = self.index.get(name)
        if index is None or self.dataset is None or os.fspath(self.dataset.audio_dir) != os.fspath(audio_dir):
            return None
        try:
            status = (audio_dir / name).stat()
        except OSError:
            return None
        entry = {key: self.columns[key][index] for key in COLUMNS}
        return entry if (entry["size"], entry["mtime_ns"]) == (status.st_size, status.st_mtime_ns) else None

    def analysed(self, audio_dir: Path, name: str) -> Analysed | None:
        """Return the clips of a recording if its file has not changed since."""
        entry = self.entry(audio_dir, name)
        if entry is None or self.dataset is None:
            return None
        first_row, index = self.dataset.first_row, self.index[name]
        return Analysed(entry, self.dataset.clips[first_row[index] : first_row[index + 1]], is_new=False)


def _write_array(
    path: Path,
    audio_dir: Path,
    names: list[str],
    features: FeatureConfig,
    old: _Previous,
    workers: int,
    strict: bool,
    progress: Progress,
) -> _Written:
    """Write the clips of all recordings that can be used, of unchanged ones those of the old array."""
    # Numbers in arrays, not as objects, and in as few bytes as they need: the corpus may be large.
    columns: dict[str, np.ndarray] = {
        key: np.empty(len(names), _STORED.get(key, kind)) for key, kind in COLUMNS.items() if kind is not str
    }
    left_out: LeftOut = []
    n_used = n_rows = n_computed = 0
    fingerprint = hashlib.blake2b(digest_size=16)
    work = partial(analyse, audio_dir, features=features, known=partial(old.analysed, audio_dir))
    # Closed here, whatever happens: the garbage collector may close it where no thread can be waited for.
    with path.open("wb") as file, closing(_in_order(work, together(audio_dir, names), workers)) as lists:
        _write_header(file, (0, features.n_mels, features.n_frames, 1))
        for name, found in zip(names, progress(chain.from_iterable(lists), len(names)), strict=True):
            if isinstance(found, Unusable):
                if strict:
                    raise InputError(found.reason)
                left_out.append((name, found.reason))
                continue
            for key, column in columns.items():
                column[n_used] = found.entry[key]
            n_used += 1
            fingerprint.update(f"{name!r} {found.entry['digest']}\n".encode("ascii", "backslashreplace"))
            file.write(np.ascontiguousarray(found.clips, "<f4").data)
            n_rows += len(found.clips)
            n_computed += found.is_new
        if left_out and not audio_dir.is_dir():
            raise InputError(f"{printable(audio_dir)} disappeared while it was read: put it back and run again.")
        if not n_rows:
            first = left_out[0][1]
            raise InputError(
                f"None of the {len(names)} recordings in {printable(audio_dir)} can be used; the first: {first}"
            )
        file.seek(0)
        shape = (n_rows, features.n_mels, features.n_frames, 1)
        _write_header(file, shape)
        file.flush()
        digest = digest_of(np.load(path, mmap_mode="r"))
    if left_out:
        unused = {name for name, _ in left_out}
        names = [name for name in names if name not in unused]
    used = {"path": names} | {key: column[:n_used] for key, column in columns.items()}
    return _Written(used, shape, digest, fingerprint.hexdigest(), left_out, n_computed)


def _in_order(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Generator[Result, None, None]:
    """Yield work(item) of each item, in order, with a few computed ahead.

    By threads, as numpy, soxr and libsndfile release the interpreter's lock.
    """
    with ThreadPoolExecutor(max(1, workers)) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= _AHEAD * max(1, workers):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Write the header of a float32 .npy of this shape; numpy leaves space in it for any count of rows."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _sidecar(written: _Written, audio_dir: Path, features: FeatureConfig) -> dict[str, Any]:
    """Return the contents of the sidecar of an array that was written."""
    return {
        "format": FORMAT,
        "version": __version__,
        "code": _code_digest(),
        "features": features.to_json(),
        "audio_dir": os.fspath(audio_dir),
        "fingerprint": written.fingerprint,
        "array": {"shape": list(written.shape), "digest": written.digest},
        "recordings": written.columns,
        "rows": _rows(written.columns, features),
        "left_out": [{"path": name, "reason": reason, **_stamp(audio_dir / name)} for name, reason in written.left_out],
    }


def _rows(columns: dict[str, Any], features: FeatureConfig) -> dict[str, np.ndarray]:
    """Return, for each row, the index of its recording, its offset there (samples at features.sr), its valid frames."""
    size = features.n_frames
    n_frames = np.array(columns["n_frames"], np.int32)
    n_clips = ceil_div(n_frames, size)
    recording = np.repeat(np.arange(len(n_frames), dtype=np.int32), n_clips)
    start = size * (np.arange(len(recording)) - (np.cumsum(n_clips) - n_clips)[recording])
    valid = np.minimum(size, n_frames[recording] - start).astype(np.int32)
    return {"recording": recording, "offset": start * features.hop_length, "valid_frames": valid}


def _summary(
    written: bool, columns: dict[str, Any], n_computed: int, features: FeatureConfig, left_out: LeftOut
) -> Summary:
    """Return the summary of an array with these columns."""
    n_frames = np.array(columns["n_frames"])
    n_clips = int(ceil_div(n_frames, features.n_frames).sum())
    seconds = sum(n / sr for n, sr in zip(columns["n_samples"], columns["sr"], strict=True))
    fill = float(n_frames.sum() / (n_clips * features.n_frames))
    return Summary(written, n_clips, len(n_frames), n_computed, seconds, fill, left_out, columns)


@cache
def _code_digest() -> str:
    """Return a digest of CODE: an array that other code made is not used again."""
    digest = hashlib.blake2b(__version__.encode(), digest_size=8)
    package = Path(__file__).parents[1]
    for name in CODE:
        digest.update((package / name).read_bytes())
    return digest.hexdigest()


def _stamp(path: Path) -> dict[str, int]:
    """Return what changes when a file or its permissions change, nothing if that is unknown."""
    try:
        status = path.stat()
    except OSError:
        return {}
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "ctime_ns": status.st_ctime_ns}

"""A folder of recordings -> an array of clips on disk and its sidecar."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path

import numpy as np

from speech_autoencoder import __version__
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import describe
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.data.analysis import Analysed, analyse, together
from speech_autoencoder.data.dataset import COLUMNS, FORMAT, Progress, digest_of, load, read_sidecar, sidecar_path
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import atomic_write, printable, write_json

# What has less room than COLUMNS' numbers need while an array is made.
_STORED = {"sr": np.int32, "n_frames": np.int32}


@dataclass(frozen=True)
class Summary:
    """What `build` did: whether it wrote the array, its clips, the recordings used and computed anew, their duration,
    the share of frames that are not padding, what was left out and why, and what the sidecar says of each recording.
    """

    written: bool
    n_clips: int
    n_recordings: int
    n_computed: int
    seconds: float
    fill: float
    left_out: list[tuple[str, str]]
    columns: dict[str, Sequence]


def most_common_rate(folder: Path) -> int:
    """The sample rate (Hz) that most recordings below folder have; unreadable ones have no say."""
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
    """What was done to make array_path hold the clips of every recording below audio_dir, and its sidecar tell of them.

    Rows of recordings that have not changed are taken from the array that is there; when none has, nothing is
    written. Unreadable recordings are left out, or raise with strict. Memory does not grow with the corpus.
    `progress(items, total)` wraps the loops over the array that is there, and over the recordings.

    Raises InputError when nothing readable is left, or the array cannot be written.
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
        # Before the array takes its place: where the one cannot be written, the other stays as it was. It names the
        # array's very bytes, so that two of different runs are noticed.
        write_json(sidecar_path(array_path), _sidecar(written, audio_dir, features))
    return _summary(True, written.columns, written.n_computed, features, written.left_out)


@dataclass(frozen=True)
class _Written:
    """What is known of an array that was written: the columns of its recordings, its shape and a digest of it, one of
    the recordings' contents, which of them were left out and why, how many were computed anew.
    """

    columns: dict[str, Sequence]
    shape: tuple[int, ...]
    digest: str
    fingerprint: str
    left_out: list[tuple[str, str]]
    n_computed: int


def _write_array(path, audio_dir, names, features, old, workers, strict, progress):
    """What was _Written to path: the clips of all recordings that can be used, where unchanged those that `old` has."""
    # Numbers as numbers, not as objects, and in no more room than they need: the corpus may be large.
    columns = {key: np.empty(len(names), _STORED.get(key, kind)) for key, kind in COLUMNS.items() if kind is not str}
    n_used, left_out, rows, n_computed = 0, [], 0, 0
    fingerprint = hashlib.blake2b(digest_size=16)
    work = partial(analyse, audio_dir, features=features, known=partial(old.analysed, audio_dir))
    # Closed here, whatever happens: the garbage collector may come to it where no thread can be waited for.
    with path.open("wb") as file, closing(_in_order(work, together(audio_dir, names), workers)) as lists:
        _write_header(file, (0, features.n_mels, features.n_frames, 1))
        for name, found in zip(names, progress(chain.from_iterable(lists), len(names)), strict=True):
            if found.reason:
                if strict:
                    raise InputError(found.reason)
                left_out.append((name, found.reason))
                continue
            for key, column in columns.items():
                column[n_used] = found.entry[key]
            n_used += 1
            fingerprint.update(f"{name!r} {found.entry['digest']}\n".encode("ascii", "backslashreplace"))
            file.write(np.ascontiguousarray(found.clips, "<f4").data)
            rows += len(found.clips)
            n_computed += found.is_new
        if left_out and not audio_dir.is_dir():
            raise InputError(f"{printable(audio_dir)} has gone while it was read: put it back and run again.")
        if not rows:
            first = left_out[0][1]
            raise InputError(
                f"None of the {len(names)} recordings in {printable(audio_dir)} can be used; the first: {first}"
            )
        file.seek(0)
        shape = (rows, features.n_mels, features.n_frames, 1)
        _write_header(file, shape)
        digest = _array_digest(path, file)
    if left_out:
        unused = {name for name, _ in left_out}
        names = [name for name in names if name not in unused]
    columns = {"path": names} | {key: column[:n_used] for key, column in columns.items()}
    return _Written(columns, shape, digest, fingerprint.hexdigest(), left_out, n_computed)


def _sidecar(written, audio_dir, features):
    """What the sidecar says of the array that was written."""
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


class _Previous:
    """The array that an earlier run left, as far as it can be used again."""

    def __init__(self, clips=None, first_row=None, audio_dir=None, columns=None, left_out=None):
        self.clips, self.first_row, self.audio_dir, self.left_out = clips, first_row, audio_dir, left_out or {}
        self.columns = columns or {key: [] for key in COLUMNS}
        self.index = {name: i for i, name in enumerate(self.columns["path"])}

    @classmethod
    def load(cls, array_path, features, progress):
        """What is at array_path if it was made with these features, else nothing to use."""
        try:
            dataset = load(array_path, "", progress=progress)
            sidecar = read_sidecar(array_path, "")
            left_out = {str(entry["path"]): entry | {"reason": str(entry["reason"])} for entry in sidecar["left_out"]}
        except (InputError, KeyError, TypeError, AttributeError):
            return cls()
        if dataset.features != features or sidecar.get("code") != _code_digest():
            return cls()
        return cls(dataset.clips, dataset.first_row, os.fspath(dataset.audio_dir), sidecar["recordings"], left_out)

    def is_current(self, audio_dir, names):
        """Whether these are the same recordings, unchanged, and so are those that were left out."""
        used = [name for name in names if name not in self.left_out]
        return (
            self.clips is not None
            and self.columns["path"] == used
            and len(used) + len(self.left_out) == len(names)
            and all(self.entry(audio_dir, name) for name in used)
            and all(_stamp(audio_dir / name).items() <= entry.items() for name, entry in self.left_out.items())
        )

    def entry(self, audio_dir, name):
        """The columns of a recording whose file has not changed since, or None."""
        index = self.index.get(name)
        if index is None or self.audio_dir != os.fspath(audio_dir):
            return None
        try:
            status = (audio_dir / name).stat()
        except OSError:
            return None
        entry = {key: self.columns[key][index] for key in COLUMNS}
        return entry if (entry["size"], entry["mtime_ns"]) == (status.st_size, status.st_mtime_ns) else None

    def analysed(self, audio_dir, name):
        """What there is of a recording whose file has not changed since, or None."""
        entry = self.entry(audio_dir, name)
        if not entry:
            return None
        index = self.index[name]
        return Analysed(entry, self.clips[self.first_row[index] : self.first_row[index + 1]], is_new=False)


@cache
def _code_digest():
    """Return a digest of the code that makes an array's values: an array that other code made is not used again."""
    digest = hashlib.blake2b(__version__.encode(), digest_size=8)
    package = Path(__file__).parents[1]
    for path in (package / "config.py", *sorted(package.glob("audio/*.py")), *sorted(package.glob("data/*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _stamp(path):
    """What tells whether a file has changed, its permissions included; nothing where it cannot be asked."""
    try:
        status = path.stat()
    except OSError:
        return {}
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "ctime_ns": status.st_ctime_ns}


def _in_order(work: Callable, items: Iterable, workers: int) -> Iterator:
    """work(item) for each item, in order, at most a few ahead. Threads: numpy, soxr and libsndfile free the lock."""
    with ThreadPoolExecutor(max(1, workers)) as pool:
        waiting = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= 4 * max(1, workers):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _rows(columns, features):
    """For each row: the index of its recording, its offset there (samples at features.sr), its valid frames."""
    size = features.n_frames
    n_frames = np.array(columns["n_frames"], np.int32)
    n_clips = -(-n_frames // size)
    recording = np.repeat(np.arange(len(n_frames), dtype=np.int32), n_clips)
    start = size * (np.arange(len(recording)) - (np.cumsum(n_clips) - n_clips)[recording])
    valid = np.minimum(size, n_frames[recording] - start).astype(np.int32)
    return {"recording": recording, "offset": start * features.hop_length, "valid_frames": valid}


def _summary(written, columns, n_computed, features, left_out):
    """The Summary of an array with these columns."""
    n_frames = np.array(columns["n_frames"])
    n_clips = int((-(-n_frames // features.n_frames)).sum())
    seconds = sum(n / sr for n, sr in zip(columns["n_samples"], columns["sr"], strict=True))
    fill = float(n_frames.sum() / (n_clips * features.n_frames))
    return Summary(written, n_clips, len(n_frames), n_computed, seconds, fill, left_out, columns)


def _write_header(file, shape):
    """The header of a float32 .npy of this shape; numpy leaves room in it for more rows."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _array_digest(path, file):
    """`digest_of` the array that is being written."""
    file.flush()
    return digest_of(np.load(path, mmap_mode="r"))

"""A folder of recordings -> an array of clips on disk and its sidecar, and back."""

import hashlib
import os
import stat
import tokenize
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from speech_autoencoder import __version__
from speech_autoencoder.audio import describe, find_recordings, opened
from speech_autoencoder.config import RATES_HZ, FeatureConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.features import cut_clips, mel_spectrogram_stream, normalise
from speech_autoencoder.files import explain, read_json, replacing, shown, write_json
from speech_autoencoder.levels import Levels

_FORMAT = "speech-autoencoder clips 3"
# What the sidecar says of each recording, one list per name, in the array's order.
_COLUMNS = {"path": str, "size": int, "mtime_ns": int, "digest": int, "sr": int, "n_samples": int, "n_frames": int}
# What `Levels` gives, of the recording as mono at its own rate.
_COLUMNS |= {"peak": float, "power": float, "clipped": int, "quiet": float}
# A number that any reader of JSON takes in exactly.
_DIGEST_BYTES = 6
_ROWS_AT_ONCE = 1_024
# A sidecar is small beside its array, some 400 bytes for each recording; one that is larger than this and a part of the
# array was not written by us, and parsing it could take all memory.
_SIDECAR_BYTES, _SIDECAR_PART = 4 << 20, 16
Progress = Callable[[Iterable, int], Iterable]


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


@dataclass(frozen=True)
class Dataset:
    """Clips on disk (n_clips, n_mels, n_frames, 1), memory-mapped, and the recordings that they were cut from.

    Recording i has the rows first_row[i] to first_row[i + 1], and in them n_frames[i] frames that are not padding.
    """

    clips: np.ndarray
    features: FeatureConfig
    audio_dir: Path
    names: list[str]
    sr: np.ndarray
    n_samples: np.ndarray
    n_frames: np.ndarray
    first_row: np.ndarray
    fingerprint: str

    def path(self, recording: int) -> Path:
        """Where the recording was when the array was made."""
        return self.audio_dir / self.names[recording]

    def frames(self, recording: int) -> np.ndarray:
        """The recording's normalised log-mel (n_mels, n_frames[recording]), without padding."""
        rows = np.asarray(self.clips[self.first_row[recording] : self.first_row[recording + 1], :, :, 0])
        return rows.transpose(1, 0, 2).reshape(rows.shape[1], -1)[:, : self.n_frames[recording]]

    def valid_frames(self) -> np.ndarray:
        """The count of frames that are not padding in each row, shape (n_clips,)."""
        valid = np.full(len(self.clips), self.features.n_frames)
        n_clips = np.diff(self.first_row)
        valid[self.first_row[1:] - 1] = self.n_frames - (n_clips - 1) * self.features.n_frames
        return valid

    def groups(self) -> list[str]:
        """A name for the speaker (or other group) of each recording; see `group_of`."""
        return [group_of(name) for name in self.names]


def group_of(name: str) -> str:
    """The speaker that a recording's relative name tells, or "" where it tells none.

    `7_jackson_32.wav` (label, speaker, take) tells the middle part; otherwise the first folder is the group.
    """
    path = Path(name)
    parts = path.stem.split("_")
    if len(parts) == 3 and parts[1] and not parts[1].isdigit():
        return parts[1]
    return path.parts[0] if len(path.parts) > 1 else ""


def sidecar_path(array_path: Path) -> Path:
    """Where the description of an array is: `train_data.npy` -> `train_data.json`."""
    return array_path.with_suffix(".json")


def features_of(array_path: Path, made_by: str) -> FeatureConfig:
    """The features that an array was made with. Raises InputError when its sidecar is missing or damaged."""
    path = sidecar_path(array_path)
    try:
        return FeatureConfig.from_json(_read_sidecar(array_path, made_by).get("features"))
    except InputError as error:
        raise InputError(str(error) if shown(path) in str(error) else f"{shown(path)}: {error}") from error


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
        raise InputError(f"{shown(folder)} holds no readable recording: check what is in it.")
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

    # Numbers as numbers, not as objects, and in no more room than they need: the corpus may be large.
    columns = {key: np.empty(len(names), kind) for key, kind in _COLUMNS.items() if kind is not str}
    used, left_out, rows, n_computed = [], [], 0, 0
    digest = hashlib.blake2b(digest_size=16)
    with replacing(array_path) as temporary:
        with temporary.open("wb") as file:
            _write_header(file, (0, features.n_mels, features.n_frames, 1))
            results = _in_order(lambda name: _features_of(audio_dir, name, features, old), names, workers)
            for name, (entry, clips, reason, reused) in zip(names, progress(results, len(names)), strict=True):
                if reason:
                    if strict:
                        raise InputError(reason)
                    left_out.append((name, reason))
                    continue
                for key, column in columns.items():
                    column[len(used)] = entry[key]
                used.append(name)
                digest.update(f"{name!r} {entry['digest']}\n".encode("ascii", "backslashreplace"))
                file.write(np.ascontiguousarray(clips, "<f4").data)
                rows += len(clips)
                n_computed += not reused
            if left_out and not audio_dir.is_dir():
                raise InputError(f"{shown(audio_dir)} has gone while it was read: put it back and run again.")
            if not rows:
                first = left_out[0][1]
                raise InputError(
                    f"None of the {len(names)} recordings in {shown(audio_dir)} can be used; the first: {first}"
                )
            file.seek(0)
            _write_header(file, (rows, features.n_mels, features.n_frames, 1))
            sample = _array_digest(temporary, file)
        columns = {"path": used} | {key: column[: len(used)] for key, column in columns.items()}
        # Before the array takes its place: where the one cannot be written, the other stays as it was. It names the
        # array's very bytes, so that two of different runs are noticed.
        write_json(
            sidecar_path(array_path),
            {
                "format": _FORMAT,
                "version": __version__,
                "code": _code_digest(),
                "features": features.to_json(),
                "audio_dir": os.fspath(audio_dir),
                "fingerprint": digest.hexdigest(),
                "array": {"shape": [rows, features.n_mels, features.n_frames, 1], "digest": sample},
                "recordings": columns,
                "rows": _rows(columns, features),
                "left_out": [{"path": name, "reason": reason, **_stamp(audio_dir / name)} for name, reason in left_out],
            },
        )
    return _summary(True, columns, n_computed, features, left_out)


def load(array_path: Path, made_by: str, *, progress: Progress = lambda items, total: items) -> Dataset:
    """The array and its sidecar, checked; the clips stay on disk, memory-mapped. `made_by` names their script.

    `progress(items, total)` wraps the loop over the array, which is read once from end to end.

    Raises InputError when either is missing or damaged, they do not belong together, or the array is not of
    float32 clips (n_clips, n_mels, n_frames, 1) with values in [0, 1].
    """
    clips = _open_array(array_path, made_by, progress)
    sidecar = _read_sidecar(array_path, made_by)
    again = f"run {made_by} again."
    name = shown(sidecar_path(array_path))
    try:
        if sidecar["format"] != _FORMAT:
            raise InputError(f"{name} is of another format ({str(sidecar['format'])[:40]!r}): {again}")
        features = FeatureConfig.from_json(sidecar["features"])
        columns = {key: sidecar["recordings"][key] for key in _COLUMNS}
        for key, column in columns.items():
            if type(column) is not list or not all(type(value) is _COLUMNS[key] for value in column):
                raise TypeError(f"{key} is no list of {_COLUMNS[key].__name__}")
        names = columns["path"]
        numbers = {key: np.array(columns[key], kind) for key, kind in _COLUMNS.items() if kind is not str}
        sr, n_samples, n_frames = (numbers[key] for key in ("sr", "n_samples", "n_frames"))
        digest, audio_dir = sidecar["array"]["digest"], Path(sidecar["audio_dir"])
        fingerprint = str(sidecar["fingerprint"])
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name} is damaged ({type(error).__name__}: {error}): {again}") from error
    if clips.shape[1:] != (features.n_mels, features.n_frames, 1):
        raise InputError(
            f"{shown(array_path)} holds clips of {clips.shape[1:]}, its sidecar says "
            f"{(features.n_mels, features.n_frames, 1)}: {again}"
        )
    n_clips = -(-n_frames // features.n_frames)
    whole = names and {len(column) for column in columns.values()} == {len(names)}
    whole = whole and min(sr.min(), n_samples.min(), n_frames.min()) > 0 and _fit(features, sr, n_samples, n_frames)
    if not whole or n_clips.sum() != len(clips) or digest != _digest_of(clips):
        raise InputError(f"{shown(array_path)} and {name} do not belong together: {again}")
    first_row = np.concatenate([[0], np.cumsum(n_clips)])
    return Dataset(clips, features, audio_dir, names, sr, n_samples, n_frames, first_row, fingerprint)


def _fit(features, sr, n_samples, n_frames):
    """Whether recordings of these rates and lengths give about so many frames: a lossy file's header is not exact."""
    low, high = RATES_HZ
    expected = n_samples / sr * features.frame_rate
    return sr.min() >= low and sr.max() <= high and (np.abs(n_frames - expected) <= 0.1 * n_frames + 8).all()


def _read_sidecar(array_path, made_by):
    """The JSON object beside the array, of a size that fits it."""
    path = sidecar_path(array_path)
    n_bytes = _size(path)
    if n_bytes > _SIDECAR_BYTES + _size(array_path) // _SIDECAR_PART:
        raise InputError(f"{shown(path)} is too large ({n_bytes:,} bytes) for its array: run {made_by} again.")
    return read_json(path, made_by)


def _size(path):
    """The bytes of a file, 0 where it cannot be asked. Raises InputError for a pipe or a device, which would block."""
    try:
        status = path.stat()
    except OSError:
        return 0  # reading it will say why
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise InputError(f"{shown(path)} is not a regular file: name one that a script has made.")
    return status.st_size


def _open_array(path, made_by, progress):
    """The clips in path, memory-mapped and checked, values included."""
    name, again = shown(path), f"run {made_by} again."
    _size(path)
    try:
        clips = np.lib.format.open_memmap(path, mode="r")  # nothing but arrays; np.load would try ZIP and pickle
    except FileNotFoundError:
        raise InputError(f"{name} is missing: run {made_by} first.") from None
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    except (ValueError, TypeError, SyntaxError, OverflowError, MemoryError, tokenize.TokenError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{name} is no array of clips ({reason}): {again}") from error
    if clips.dtype != np.float32 or clips.ndim != 4 or clips.shape[3] != 1:
        raise InputError(
            f"{name} holds {clips.shape} {clips.dtype}: expected float32 clips (n_clips, n_mels, n_frames, 1); {again}"
        )
    if not clips.size:
        raise InputError(f"{name} holds no clip: {again}")
    starts = range(0, len(clips), _ROWS_AT_ONCE)
    for start in progress(starts, len(starts)):
        part = clips[start : start + _ROWS_AT_ONCE]
        # NaN fails both comparisons.
        if not (part.min() >= 0 and part.max() <= 1):
            raise InputError(f"{name} holds values outside [0, 1] in rows {start} to {start + len(part) - 1}: {again}")
    return clips


class _Previous:
    """The array that an earlier run left, as far as it can be used again."""

    def __init__(self, clips=None, audio_dir=None, columns=None, left_out=None):
        self.clips, self.audio_dir, self.left_out = clips, audio_dir, left_out or {}
        self.columns = columns or {key: [] for key in _COLUMNS}
        self.index = {name: i for i, name in enumerate(self.columns["path"])}
        self.n_frames = np.array(self.columns["n_frames"], np.int64)

    @classmethod
    def load(cls, array_path, features, progress):
        """What is at array_path if it was made with these features, else nothing to use."""
        try:
            dataset = load(array_path, "", progress=progress)
            sidecar = _read_sidecar(array_path, "")
            left_out = {str(entry["path"]): entry | {"reason": str(entry["reason"])} for entry in sidecar["left_out"]}
        except (InputError, KeyError, TypeError, AttributeError):
            return cls()
        if dataset.features != features or sidecar.get("code") != _code_digest():
            return cls()
        previous = cls(dataset.clips, os.fspath(dataset.audio_dir), sidecar["recordings"], left_out)
        previous.first_row = dataset.first_row
        return previous

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
        entry = {key: self.columns[key][index] for key in _COLUMNS}
        return entry if (entry["size"], entry["mtime_ns"]) == (status.st_size, status.st_mtime_ns) else None

    def rows(self, name):
        """The clips of a recording."""
        index = self.index[name]
        return self.clips[self.first_row[index] : self.first_row[index + 1]]


@cache
def _code_digest():
    """A digest of the modules that make an array's values: what other code has made is not used again."""
    digest = hashlib.blake2b(__version__.encode(), digest_size=8)
    for name in ("audio.py", "levels.py", "features.py", "dataset.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()


def _stamp(path):
    """What tells whether a file has changed, its permissions included; nothing where it cannot be asked."""
    try:
        status = path.stat()
    except OSError:
        return {}
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "ctime_ns": status.st_ctime_ns}


def _features_of(audio_dir, name, features, old):
    """(columns' entry, clips, None, whether they were there already), or (None, None, reason, False)."""
    entry = old.entry(audio_dir, name)
    if entry:
        return entry, old.rows(name), None, True
    path = audio_dir / name
    try:
        status = path.stat()
        with opened(path) as (recording, blocks):
            levels = Levels(recording.sr)
            chunks = list(mel_spectrogram_stream(blocks(features.sr, levels), features))
        frames = normalise(chunks[0] if len(chunks) == 1 else np.concatenate(chunks, axis=1), features)
        with path.open("rb", buffering=0) as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES)).digest()
    except InputError as error:
        return None, None, str(error), False
    except OSError as error:
        return None, None, f"{shown(path)} could not be read: {explain(error)}.", False
    entry = {
        "path": name,
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "digest": int.from_bytes(digest),
        "sr": recording.sr,
        "n_samples": recording.n_samples,
        "n_frames": frames.shape[1],
        **levels.columns(),
    }
    return entry, cut_clips(frames, features), None, False


def _in_order(work: Callable, items: list, workers: int) -> Iterator:
    """work(item) for each item, in order, at most a few ahead. Threads: numpy, scipy and libsndfile free the lock."""
    with ThreadPoolExecutor(max(1, workers)) as pool:
        waiting, items = deque(), iter(items)
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
    n_frames = np.array(columns["n_frames"], np.int64)
    n_clips = -(-n_frames // size)
    recording = np.repeat(np.arange(len(n_frames)), n_clips)
    start = size * (np.arange(len(recording)) - np.repeat(np.cumsum(n_clips) - n_clips, n_clips))
    valid = np.minimum(size, n_frames[recording] - start)
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
    """`_digest_of` the array that is being written."""
    file.flush()
    return _digest_of(np.load(path, mmap_mode="r"))


def _digest_of(clips):
    """A digest of the shape and of up to 64 rows spread over the array: cheap, and changes with every corpus."""
    rows = np.unique(np.linspace(0, len(clips) - 1, 64).astype(int))
    digest = hashlib.blake2b(repr(clips.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(clips[rows]).data)
    return digest.hexdigest()

"""An array of clips on disk and its sidecar, loaded and checked."""

import hashlib
import stat
import tokenize
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.log_mel import join_clips
from speech_autoencoder.config import RATES_HZ, FeatureConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain, printable, read_json

FORMAT = "speech-autoencoder clips 3"
# What the sidecar says of each recording, one list per name, in the array's order.
COLUMNS = {"path": str, "size": int, "mtime_ns": int, "digest": int, "sr": int, "n_samples": int, "n_frames": int}
# What `Levels` gives, of the recording as mono at its own rate.
COLUMNS |= {"peak": float, "power": float, "clipped": int, "quiet": float}
_ROWS_AT_ONCE = 1_024
# A sidecar is small beside its array, some 400 bytes for each recording; one that is larger than this and a part of the
# array was not written by us, and parsing it could take all memory.
_SIDECAR_BYTES, _SIDECAR_PART = 4 << 20, 16
Progress = Callable[[Iterable, int], Iterable]


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
        rows = np.asarray(self.clips[self.first_row[recording] : self.first_row[recording + 1]])
        return join_clips(rows, self.n_frames[recording])

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
    return _features(read_sidecar(array_path, made_by), printable(sidecar_path(array_path)), made_by)


def _features(sidecar, name, made_by):
    """The features that the sidecar of this name tells of."""
    try:
        return FeatureConfig.from_json(sidecar.get("features"))
    except InputError as error:
        raise InputError(f"{name} is damaged ({str(error).rstrip('.')}): run {made_by} again.") from error


def load(array_path: Path, made_by: str, *, progress: Progress = lambda items, total: items) -> Dataset:
    """The array and its sidecar, checked; the clips stay on disk, memory-mapped. `made_by` names their script.

    `progress(items, total)` wraps the loop over the array, which is read once from end to end.

    Raises InputError when either is missing or damaged, they do not belong together, or the array is not of
    float32 clips (n_clips, n_mels, n_frames, 1) with values in [0, 1].
    """
    clips = _open_array(array_path, made_by, progress)
    sidecar = read_sidecar(array_path, made_by)
    again = f"run {made_by} again."
    name = printable(sidecar_path(array_path))
    if sidecar.get("format") != FORMAT:
        raise InputError(f"{name} is of another format ({str(sidecar.get('format'))[:40]!r}): {again}")
    features = _features(sidecar, name, made_by)
    try:
        columns = {key: sidecar["recordings"][key] for key in COLUMNS}
        for key, column in columns.items():
            if type(column) is not list or not all(type(value) is COLUMNS[key] for value in column):
                raise TypeError(f"{key} is no list of {COLUMNS[key].__name__}")
        names = columns["path"]
        numbers = {key: np.array(columns[key], kind) for key, kind in COLUMNS.items() if kind is not str}
        sr, n_samples, n_frames = (numbers[key] for key in ("sr", "n_samples", "n_frames"))
        digest, audio_dir = sidecar["array"]["digest"], Path(sidecar["audio_dir"])
        fingerprint = str(sidecar["fingerprint"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name} is damaged ({type(error).__name__}: {error}): {again}") from error
    if clips.shape[1:] != (features.n_mels, features.n_frames, 1):
        raise InputError(
            f"{printable(array_path)} holds clips of {clips.shape[1:]}, its sidecar says "
            f"{(features.n_mels, features.n_frames, 1)}: {again}"
        )
    n_clips = -(-n_frames // features.n_frames)
    whole = names and {len(column) for column in columns.values()} == {len(names)}
    whole = whole and min(sr.min(), n_samples.min(), n_frames.min()) > 0 and _fit(features, sr, n_samples, n_frames)
    if not whole or n_clips.sum() != len(clips) or digest != digest_of(clips):
        raise InputError(f"{printable(array_path)} and {name} do not belong together: {again}")
    first_row = np.concatenate([[0], np.cumsum(n_clips)])
    return Dataset(clips, features, audio_dir, names, sr, n_samples, n_frames, first_row, fingerprint)


def _fit(features, sr, n_samples, n_frames):
    """Whether recordings of these rates and lengths give so many frames."""
    low, high = RATES_HZ
    if sr.min() < low or sr.max() > high:
        return False
    return (n_frames == features.count_frames(-(-n_samples * features.sr // sr))).all()


def read_sidecar(array_path, made_by):
    """The JSON object beside the array, of a size that fits it."""
    path = sidecar_path(array_path)
    n_bytes = _size(path)
    if n_bytes > _SIDECAR_BYTES + _size(array_path) // _SIDECAR_PART:
        raise InputError(f"{printable(path)} is too large ({n_bytes:,} bytes) for its array: run {made_by} again.")
    return read_json(path, made_by)


def _size(path):
    """The bytes of a file, 0 where it cannot be asked. Raises InputError for a pipe or a device, which would block."""
    try:
        status = path.stat()
    except OSError:
        return 0  # reading it will say why
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise InputError(f"{printable(path)} is not a regular file: name one that a script has made.")
    return status.st_size


def _open_array(path, made_by, progress):
    """The clips in path, memory-mapped and checked, values included."""
    name, again = printable(path), f"run {made_by} again."
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


def digest_of(clips):
    """A digest of the shape and of up to 64 rows spread over the array: cheap, and changes with every corpus."""
    rows = np.unique(np.linspace(0, len(clips) - 1, 64).astype(int))
    digest = hashlib.blake2b(repr(clips.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(clips[rows]).data)
    return digest.hexdigest()

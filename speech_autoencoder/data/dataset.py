"""An array of clips on disk and its sidecar: loaded and checked."""

import hashlib
import tokenize
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from speech_autoencoder.audio.log_mel import join_clips
from speech_autoencoder.audio.parts import PartReader
from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import resample_recording, resampled_length
from speech_autoencoder.config import RATES_HZ, FeatureConfig
from speech_autoencoder.data import recordings_folder
from speech_autoencoder.data.analysis import digest_of, stamp
from speech_autoencoder.data.recording_names import Understanding, understand
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain, is_regular, printable, read_json, require_content
from speech_autoencoder.system.integers import ceil_div
from speech_autoencoder.system.spelling import on_disk

FORMAT = "speech-autoencoder clips 3"
# What the sidecar says of each recording: one list a column, in the array's order.
COLUMNS: dict[str, type] = {
    "path": str,
    "size": int,
    "mtime_ns": int,
    "digest": int,
    "sr": int,
    "n_samples": int,
    "n_frames": int,
    # The columns of `Levels`, of the recording as mono at its own rate.
    "peak": float,
    "power": float,
    "clipped": int,
    "quiet": float,
}
# Columns that sidecars of earlier versions do not have: what else tells whether a file is the same, and what its name
# tells, "" where unknown.
FILE_COLUMNS: dict[str, type] = {"inode": int, "ctime_ns": int}
NAME_COLUMNS: dict[str, type] = {"speaker": str, "label": str}
# Columns that there are only where a recording is a part of a file: the file, and the first sample of the part in it.
PART_COLUMNS: dict[str, type] = {"file": str, "start": int}
_ROWS_AT_ONCE = 1_024
# The rows that an array's digest covers, spread over it.
_DIGEST_ROWS = 64
# A sidecar has some 400 bytes for each recording. One of more bytes than this, and than this fraction (1 / 16) of its
# array more, was not written by this program, and parsing it could exhaust the memory.
_SIDECAR_BYTES = 4 << 20
_SIDECAR_PART = 16
# The most characters of a file's contents that a message quotes.
_MOST_QUOTED = 40
_MOST_REASON = 200
# Digests of files that are remembered.
_MOST_DIGESTS = 1_024

Progress = Callable[[Iterable, int], Iterable]


@dataclass(frozen=True)
class Dataset:
    """Clips on disk, and the recordings that they were cut from.

    Recording i has the rows first_row[i] to first_row[i + 1] of the array.

    Attributes
    ----------
    clips : np.ndarray, (n_clips, n_mels, n_frames, 1) float32
        Memory-mapped.
    features : FeatureConfig
    audio_dir : Path
        The folder of the recordings.
    names : list of str
        Those of the recordings, relative to it.
    sr : np.ndarray, (n_recordings,) int
        The rate of each recording, Hz.
    n_samples : np.ndarray, (n_recordings,) int
        The length of each at its own rate.
    n_frames : np.ndarray, (n_recordings,) int
        The frames of each that are not padding.
    first_row : np.ndarray, (n_recordings + 1,) int
    fingerprint : str
        A digest of the recordings' names and contents.
    understood : Understanding, optional
        What the names were understood to tell when the array was made.
    digests : sequence of int, optional
        Those of the files of the recordings; see `analysis.digest_of`.
    files : list of str, optional
        The files of the recordings, relative to the folder, if some recordings are parts of them: there, the name is
        another one. Without them, the names are those of files.
    starts : np.ndarray, (n_recordings,) int, optional
        The first sample of each recording in its file.
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
    understood: Understanding | None = None
    digests: Sequence[int] = ()
    files: Sequence[str] = ()
    starts: Sequence[int] | np.ndarray = ()
    _reader: PartReader = field(default_factory=PartReader, repr=False, compare=False)

    def file(self, recording: int) -> str:
        """Return the path of the file of a recording, from the folder."""
        return self.files[recording] if self.files else self.names[recording]

    def path(self, recording: int) -> Path:
        """Return where the file of a recording is."""
        return on_disk(self.audio_dir / self.file(recording))

    def is_part(self, recording: int) -> bool:
        """Return whether a recording is a part of a file."""
        return self.file(recording) != self.names[recording]

    def span(self, recording: int) -> tuple[int, int]:
        """Return the first sample of a recording in its file, and the one after its last."""
        start = int(self.starts[recording]) if self.is_part(recording) else 0
        return start, start + int(self.n_samples[recording])

    def read(
        self, recording: int, sr: int | None = None, *, most: int | None = None, salvage: bool = True
    ) -> np.ndarray:
        """Return a recording, or at most its first `most` samples, as `audio.reading.read` does.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        path = self.path(recording)
        if not self.is_part(recording):
            return read(path, sr, most=most, salvage=salvage)
        spans = (self.span(i) for i in self._parts[self.file(recording)])
        waveform, own_sr = self._reader.read(path, self.span(recording), spans), int(self.sr[recording])
        return np.concatenate(list(resample_recording([waveform], own_sr, sr or own_sr)))[:most]

    @cached_property
    def _parts(self) -> dict[str, list[int]]:
        """The parts of each file."""
        parts: dict[str, list[int]] = {}
        for i, file in enumerate(self.files):
            if self.is_part(i):
                parts.setdefault(file, []).append(i)
        return parts

    def has_changed(self, recording: int) -> bool:
        """Return whether the file of a recording holds other bytes than when the array was made, if it can be read."""
        path = self.path(recording)
        try:
            return bool(self.digests) and self._digest_of(path, tuple(stamp(path).items())) != self.digests[recording]
        except OSError:
            return False

    @cached_property
    def _digest_of(self) -> Callable[[Path, object], int]:
        """The digest of a file of a stamp: many recordings may be parts of it."""
        return lru_cache(_MOST_DIGESTS)(lambda path, stamp: digest_of(path))

    def missing(self) -> list[str]:
        """Return the names of the recordings that are no longer there."""
        exists = cache(lambda file: on_disk(self.audio_dir / file).exists())
        return [name for i, name in enumerate(self.names) if not exists(self.file(i))]

    def frames(self, recording: int) -> np.ndarray:
        """Return the recording's normalised log-mel, (n_mels, n_frames[recording]), without padding."""
        rows = np.asarray(self.clips[self.first_row[recording] : self.first_row[recording + 1]])
        return join_clips(rows, self.n_frames[recording])

    def valid_frames(self) -> np.ndarray:
        """Return the count of frames that are not padding in each row, (n_clips,)."""
        valid = np.full(len(self.clips), self.features.n_frames)
        n_clips = np.diff(self.first_row)
        valid[self.first_row[1:] - 1] = self.n_frames - (n_clips - 1) * self.features.n_frames
        return valid

    @cached_property
    def understanding(self) -> Understanding:
        """What the names tell."""
        return self.understood or understand(self.names)

    def speakers(self) -> list[str]:
        """Return the speaker of each recording, "" where unknown."""
        return self.understanding.speakers

    def labels(self) -> list[str]:
        """Return the label of each recording as its name tells it, "" where unknown."""
        return self.understanding.labels


def sidecar_path(array_path: Path) -> Path:
    """Return the path of an array's description: of `train_data.npy`, it is `train_data.json`."""
    return array_path.with_suffix(".json")


def load(array_path: Path, made_by: str, *, progress: Progress = lambda items, total: items) -> Dataset:
    """Load an array and its sidecar and check them; the clips stay on disk.

    Parameters
    ----------
    made_by : str
        The script that makes the array; messages suggest to run it.
    progress : callable, optional
        `progress(items, total)` wraps the loop over the array, which is read once from end to end.

    Raises
    ------
    InputError
        If a file is missing or damaged, they do not belong together, or the array is not of float32 clips
        (n_clips, n_mels, n_frames, 1) with values in [0, 1].
    """
    clips = _open_array(array_path, made_by, progress)
    sidecar = read_sidecar(array_path, made_by)
    again = f"run {made_by} again."
    name = printable(sidecar_path(array_path))
    if sidecar.get("format") != FORMAT:
        received = repr(str(sidecar.get("format"))[:_MOST_QUOTED])
        raise InputError(f"{name} has another format: received {received}, expected {FORMAT!r}: {again}")
    features = _features(sidecar, name, made_by)
    try:
        columns = _columns(sidecar)
        names = columns["path"]
        numbers: dict[str, np.ndarray] = {
            key: np.array(columns[key], kind) for key, kind in COLUMNS.items() if kind is not str
        }
        sr, n_samples, n_frames = (numbers[key] for key in ("sr", "n_samples", "n_frames"))
        digest, fingerprint = sidecar["array"]["digest"], str(sidecar["fingerprint"])
        files = columns.get("file", [])
        starts = columns["start"] if files else []
        audio_dir = recordings_folder.find(sidecar, array_path, files or names, columns["size"])
        understood = _understanding(sidecar, columns)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InputError(f"{name} is damaged ({type(error).__name__}: {error}): {again}") from error
    if clips.shape[1:] != (features.n_mels, features.n_frames, 1):
        raise InputError(
            f"{printable(array_path)} holds clips of {clips.shape[1:]}, its sidecar says "
            f"{(features.n_mels, features.n_frames, 1)}: {again}"
        )
    n_clips = ceil_div(n_frames, features.n_frames)
    whole = names and {len(column) for column in columns.values()} == {len(names)}
    whole = whole and min(sr.min(), n_samples.min(), n_frames.min()) > 0 and min(starts, default=0) >= 0
    whole = whole and _fit(features, sr, n_samples, n_frames)
    if not whole or n_clips.sum() != len(clips) or digest != digest_of_clips(clips):
        raise InputError(f"{printable(array_path)} and {name} do not belong together: {again}")
    first_row = np.concatenate([[0], np.cumsum(n_clips)])
    return Dataset(
        clips,
        features,
        audio_dir,
        names,
        sr,
        n_samples,
        n_frames,
        first_row,
        fingerprint,
        understood,
        columns["digest"],
        files,
        starts,
    )


def features_of(array_path: Path, made_by: str) -> FeatureConfig:
    """Return the features of an array, which the script `made_by` makes.

    Raises
    ------
    InputError
        If the array's sidecar is missing or damaged.
    """
    return _features(read_sidecar(array_path, made_by), printable(sidecar_path(array_path)), made_by)


def understanding_of(array_path: Path) -> Understanding | None:
    """Return what the names of an array's recordings were understood to tell, None if there is no such array."""
    try:
        sidecar = read_sidecar(array_path, "")
        columns = _columns(sidecar)
        return _understanding(sidecar, columns) or understand(columns["path"])
    except (InputError, KeyError, TypeError, IndexError):
        return None


def read_sidecar(array_path: Path, made_by: str) -> dict[str, Any]:
    """Return the JSON object beside an array; raise InputError if it is missing, damaged or far too large."""
    path = sidecar_path(array_path)
    n_bytes = _size(path)
    if n_bytes > _SIDECAR_BYTES + _size(array_path) // _SIDECAR_PART:
        raise InputError(f"{printable(path)} is too large ({n_bytes:,} bytes) for its array: run {made_by} again.")
    return read_json(path, made_by)


def digest_of_clips(clips: np.ndarray) -> str:
    """Return a digest of an array's shape and of some of its rows: cheap, and different for each corpus."""
    rows = np.unique(np.linspace(0, len(clips) - 1, _DIGEST_ROWS).astype(int))
    digest = hashlib.blake2b(repr(clips.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(clips[rows]).data)
    return digest.hexdigest()


def _features(sidecar: dict[str, Any], name: str, made_by: str) -> FeatureConfig:
    """Return the features in the sidecar of this name."""
    try:
        return FeatureConfig.from_json(sidecar.get("features"))
    except InputError as error:
        raise InputError(f"{name} is damaged ({str(error).rstrip('.')}): run {made_by} again.") from error


def _columns(sidecar: dict[str, Any]) -> dict[str, list]:
    """Return the sidecar's columns; raise TypeError or KeyError if one is damaged or missing."""
    recordings = sidecar["recordings"]
    later = FILE_COLUMNS | NAME_COLUMNS | PART_COLUMNS
    kinds = COLUMNS | {key: kind for key, kind in later.items() if key in recordings}
    columns = {key: recordings[key] for key in kinds}
    for key, column in columns.items():
        if type(column) is not list or not all(type(value) is kinds[key] for value in column):
            raise TypeError(f"{key} is not a list of {kinds[key].__name__}")
    return columns


def how_names_are_read(told: Understanding) -> dict[str, str]:
    """Return what the sidecar holds of how names are read."""
    return {"pattern": told.pattern, "source": told.source}


def name_columns(told: Understanding) -> dict[str, list[str]]:
    """Return the columns of what names tell, NAME_COLUMNS."""
    return dict(zip(NAME_COLUMNS, (told.speakers, told.labels), strict=True))


def _understanding(sidecar: dict[str, Any], columns: dict[str, list]) -> Understanding | None:
    """Return what the sidecar says that the names tell, None if it is of an earlier version."""
    if not NAME_COLUMNS.keys() <= columns.keys():
        return None
    how = sidecar["names"]
    return Understanding(columns["speaker"], columns["label"], str(how["pattern"]), str(how["source"]))


def _fit(features: FeatureConfig, sr: np.ndarray, n_samples: np.ndarray, n_frames: np.ndarray) -> bool:
    """Return whether recordings of these rates and lengths have these counts of frames."""
    low, high = RATES_HZ
    if sr.min() < low or sr.max() > high:
        return False
    return bool((n_frames == features.count_frames(resampled_length(n_samples, sr, features.sr))).all())


def _size(path: Path) -> int:
    """Return the size of a file in bytes, 0 if it is unknown; raise InputError for a pipe or a device."""
    try:
        status = path.stat()
        is_file = is_regular(status) or path.is_dir()
    except OSError:
        return 0  # reading it reports why
    if not is_file:
        raise InputError(f"{printable(path)} is not a regular file: name one that a script has made.")
    return status.st_size


def _open_array(path: Path, made_by: str, progress: Progress) -> np.ndarray:
    """Return the clips in path, memory-mapped and checked, values included."""
    name, again = printable(path), f"run {made_by} again."
    _size(path)
    require_content(path)
    try:
        clips = np.lib.format.open_memmap(path, mode="r")  # only arrays; np.load would also try ZIP and pickle
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
    if not clips.size:
        raise InputError(f"{name} holds no clips: {again}")
    starts = range(0, len(clips), _ROWS_AT_ONCE)
    for start in progress(starts, len(starts)):
        part = clips[start : start + _ROWS_AT_ONCE]
        # NaN fails both comparisons.
        if not (part.min() >= 0 and part.max() <= 1):
            raise InputError(f"{name} holds values outside [0, 1] in rows {start} to {start + len(part) - 1}: {again}")
    return clips

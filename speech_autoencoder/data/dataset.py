"""An array of clips on disk and its sidecar: loaded and checked."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.between import frames_between
from speech_autoencoder.audio.log_mel import join_clips
from speech_autoencoder.audio.parts import PartReader
from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import resample, resample_recording, resampled_length
from speech_autoencoder.config import RATES_HZ, FeatureConfig
from speech_autoencoder.data import recordings_folder
from speech_autoencoder.data.analysis import digest_of, stamp
from speech_autoencoder.data.parts.clips import PartClips, open_parts
from speech_autoencoder.data.recording_names import Understanding, understand
from speech_autoencoder.data.sidecar.clips_file import CheckedClips, Clips, Progress, digest_of_clips, open_clips
from speech_autoencoder.data.sidecar.columns import columns_in, numbers_in, understanding_in
from speech_autoencoder.data.sidecar.columns_file import Texts
from speech_autoencoder.data.sidecar.json_file import FORMAT, FORMATS, features_in, read_sidecar, sidecar_path
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.remote_path import RemotePath, joined
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.integers import ceil_div
from speech_autoencoder.system.spelling import on_disk

# The most characters of a file's contents that a message quotes.
_MOST_QUOTED = 40
# Recordings whose numbers are checked at once.
_RECORDINGS_AT_ONCE = 1 << 15
# Rows that are counted in 32 bits.
_MOST_ROWS = (1 << 31) - 1
# Digests of files that are remembered.
_MOST_DIGESTS = 1_024


@dataclass(frozen=True)
class Dataset:
    """Clips on disk, and the recordings that they were cut from.

    Recording i has the rows first_row[i] to first_row[i + 1] of the array.

    Attributes
    ----------
    clips : Clips, (n_clips, n_mels, n_frames, 1) float32
        On disk: mapped into memory, or read when they are used.
    features : FeatureConfig
    audio_dir : Path
        The folder of the recordings.
    names : sequence of str
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
    digests : sequence of int or array, optional
        Those of the files of the recordings; see `analysis.digest_of`.
    files : sequence of str, optional
        The files of the recordings, relative to the folder, if some recordings are parts of them: there, the name is
        another one. Without them, the names are those of files.
    starts : np.ndarray, (n_recordings,) int, optional
        The first sample of each recording in its file.
    """

    clips: Clips
    features: FeatureConfig
    audio_dir: Path
    names: Sequence[str]
    sr: np.ndarray
    n_samples: np.ndarray
    n_frames: np.ndarray
    first_row: np.ndarray
    fingerprint: str
    understood: Understanding | None = None
    digests: Sequence[int] | np.ndarray = ()
    files: Sequence[str] = ()
    starts: Sequence[int] | np.ndarray = ()
    _reader: PartReader = field(default_factory=PartReader, repr=False, compare=False)

    def file(self, recording: int) -> str:
        """Return the path of the file of a recording, from the folder."""
        return self.files[recording] if self.files else self.names[recording]

    def path(self, recording: int) -> Path:
        """Return where the file of a recording is."""
        return on_disk(joined(self.audio_dir, self.file(recording)))

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
            return (
                len(self.digests) > 0 and self._digest_of(path, tuple(stamp(path).items())) != self.digests[recording]
            )
        except OSError:
            return False

    @cached_property
    def _digest_of(self) -> Callable[[Path, object], int]:
        """The digest of a file of a stamp: many recordings may be parts of it."""
        return lru_cache(_MOST_DIGESTS)(lambda path, stamp: digest_of(path))

    def missing(self, recordings: Iterable[int] | None = None) -> list[str]:
        """Return the names of the recordings that are no longer there, of all or of some of them."""
        if isinstance(self.audio_dir, RemotePath):
            self.audio_dir.find()  # asks once, not for each of them
        exists = cache(lambda file: on_disk(joined(self.audio_dir, file)).exists())
        chosen = range(len(self.names)) if recordings is None else recordings
        return [self.names[i] for i in chosen if not exists(self.file(i))]

    def frames(self, recording: int, *, most: int | None = None) -> np.ndarray:
        """Return the recording's normalised log-mel, (n_mels, n_frames[recording]), without padding.

        With `most`, it is at most its first `most` frames, and no more of it is read.
        """
        first, end, n_frames = self.first_row[recording], self.first_row[recording + 1], self.n_frames[recording]
        if most is not None and most < n_frames:
            end, n_frames = first + ceil_div(most, self.features.n_frames), most
        return join_clips(np.asarray(self.clips[first:end]), n_frames)

    def frames_between(self, recording: int, waveform: np.ndarray) -> np.ndarray:
        """Return the frames between (n_mels, k), see `audio.between`, of a recording, or of its first samples.

        The waveform has its own rate. Of a part, the frames that the rest would change are left out.
        """
        resampled = resample(waveform, int(self.sr[recording]), self.features.sr)
        n_frames = int(self.n_frames[recording])
        if len(waveform) < self.n_samples[recording]:
            n_frames = len(resampled) // self.features.hop_length - self.features.n_fft // self.features.hop_length
        return frames_between(resampled, self.features)[:, : max(0, n_frames)]

    def recording_of(self, row: int) -> int:
        """Return the recording that has a row."""
        return int(np.searchsorted(self.first_row, row, side="right")) - 1

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

    def speakers(self) -> Sequence[str]:
        """Return the speaker of each recording, "" where unknown."""
        return self.understanding.speakers

    def labels(self) -> Sequence[str]:
        """Return the label of each recording as its name tells it, "" where unknown."""
        return self.understanding.labels


def load(array_path: Path, made_by: str, *, progress: Progress = lambda items, total: items) -> Dataset:
    """Load an array, a file or a folder of parts, and its sidecar and check them; the clips stay on disk.

    Parameters
    ----------
    made_by : str
        The script that makes the array; messages suggest to run it.
    progress : callable, optional
        `progress(items, total)` wraps the loop over the array, which is read once, a large one in places.

    Raises
    ------
    InputError
        If a file is missing or damaged, they do not belong together, or the array is not of float32 clips
        (n_clips, n_mels, n_frames, 1) with values in [0, 1].
    """
    clips: Clips
    if array_path.is_dir():
        made_by = f"{made_by} --parts"
        clips, sidecar = open_parts(array_path, made_by, progress)
    else:
        clips, sidecar = open_clips(array_path, made_by, progress), read_sidecar(array_path, made_by)
    again = f"run {made_by} again."
    name = printable(sidecar_path(array_path))
    if sidecar.get("format") not in FORMATS:
        received = repr(str(sidecar.get("format"))[:_MOST_QUOTED])
        raise InputError(f"{name} has another format: received {received}, expected {FORMAT!r}: {again}")
    features = features_in(sidecar, name, made_by)
    if clips.shape[1:] != (features.n_mels, features.n_frames, 1):
        raise InputError(
            f"{printable(array_path)} holds clips of {clips.shape[1:]}, its sidecar says "
            f"{(features.n_mels, features.n_frames, 1)}: {again}"
        )
    try:
        columns = columns_in(sidecar)
        numbers = numbers_in(columns)
        names, files = columns["path"], columns.get("file", ())
        digest, fingerprint = sidecar["array"]["digest"], str(sidecar["fingerprint"])
        beside = sidecar_path(array_path) if array_path.is_dir() else array_path
        audio_dir = recordings_folder.find(sidecar, beside, files or names, columns["size"])
        understood = understanding_in(sidecar, columns)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InputError(f"{name} is damaged ({type(error).__name__}: {error}): {again}") from error
    is_whole = len(names) > 0 and {len(column) for column in columns.values()} == {len(names)}
    first_row = _first_rows(features, numbers, names) if is_whole else None
    if first_row is None or first_row[-1] != len(clips) or digest != digest_of_clips(clips):
        raise InputError(f"{printable(array_path)} and {name} do not belong together: {again}")
    data = Dataset(
        clips,
        features,
        audio_dir,
        names,
        numbers["sr"],
        numbers["n_samples"],
        numbers["n_frames"],
        first_row,
        fingerprint,
        understood,
        columns["digest"],
        files,
        numbers.get("start", ()),
    )
    if isinstance(clips, CheckedClips | PartClips):
        clips.recording_of = lambda row: names[data.recording_of(row)]
    return data


def features_of(array_path: Path, made_by: str) -> FeatureConfig:
    """Return the features of an array, which the script `made_by` makes.

    Raises
    ------
    InputError
        If the array's sidecar is missing or damaged.
    """
    return features_in(read_sidecar(array_path, made_by), printable(sidecar_path(array_path)), made_by)


def understanding_of(array_path: Path) -> Understanding | None:
    """Return what the names of an array's recordings were understood to tell, None if there is no such array."""
    try:
        sidecar = read_sidecar(array_path, "")
        columns = columns_in(sidecar)
        return understanding_in(sidecar, columns) or understand(columns["path"])
    except (InputError, KeyError, TypeError, IndexError):
        return None


def _first_rows(features: FeatureConfig, numbers: dict[str, np.ndarray], names: Sequence[str]) -> np.ndarray | None:
    """Return the first row of each recording, and the count of rows; None if these numbers are no recordings'."""
    first_row = np.zeros(len(names) + 1, np.int32 if isinstance(names, Texts) else np.int64)
    for first in range(0, len(names), _RECORDINGS_AT_ONCE):
        some = {key: column[first : first + _RECORDINGS_AT_ONCE] for key, column in numbers.items()}
        if not _fit(features, some["sr"], some["n_samples"], some["n_frames"]) or min(some.get("start", [0])) < 0:
            return None
        ends = first_row[first] + np.cumsum(ceil_div(some["n_frames"], features.n_frames))
        if ends[-1] > _MOST_ROWS:
            first_row = first_row.astype(np.int64)
        first_row[first + 1 : first + 1 + len(ends)] = ends
        if isinstance(names, Texts):
            names.forget()
    return first_row


def _fit(features: FeatureConfig, sr: np.ndarray, n_samples: np.ndarray, n_frames: np.ndarray) -> bool:
    """Return whether there are recordings of these rates, lengths and counts of frames."""
    low, high = RATES_HZ
    if sr.min() < low or sr.max() > high or n_samples.min() <= 0 or n_frames.min() <= 0:
        return False
    return bool((n_frames == features.count_frames(resampled_length(n_samples, sr, features.sr))).all())

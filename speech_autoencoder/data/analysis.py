"""Recordings -> their clips and their entries in the sidecar: short recordings several at once, long ones in blocks."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speech_autoencoder.audio.levels import Levels
from speech_autoencoder.audio.log_mel import cut_clips, log_mels, mel_spectrogram_stream, normalise
from speech_autoencoder.audio.reading import opened
from speech_autoencoder.audio.resampling import resample_together
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain, printable

# The most recordings that are analysed together.
_MOST_TOGETHER = 16
# A group of recordings ends with the one that takes it over this size of its files, in bytes.
_MOST_BYTES_TOGETHER = 1 << 19
# The most samples of a short recording, which is analysed with others.
_SHORT_SAMPLES = 1 << 16
# The length of a file's digest: a number that any reader of JSON holds exactly.
_DIGEST_BYTES = 6
# The same bound for the number of a file.
_MOST_INODES = 1 << 53


@dataclass(frozen=True)
class Analysed:
    """A recording that can be used.

    Attributes
    ----------
    entry : dict
        Its values of the sidecar's columns, dataset.COLUMNS and FILE_COLUMNS.
    clips : np.ndarray, (n_clips, n_mels, n_frames, 1)
    is_new : bool
        Whether the clips were computed now, not taken from an earlier array.
    note : str
        What is to be said of it, such as how much of a recording that is not whole was used. Empty for most.
    """

    entry: dict[str, Any]
    clips: np.ndarray
    is_new: bool = True
    note: str = ""


@dataclass(frozen=True)
class Unusable:
    """A recording that cannot be used, and the reason for a person to read."""

    reason: str


def stamp_of(status: os.stat_result) -> dict[str, int]:
    """Return the columns that change when a file is changed or replaced, whatever its time of change is set to."""
    return {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "inode": status.st_ino % _MOST_INODES,
        "ctime_ns": status.st_ctime_ns,
    }


def stamp(path: Path) -> dict[str, int]:
    """Return what changes when a file or its permissions change, nothing if that is unknown."""
    try:
        status = path.stat()
    except OSError:
        return {}
    return stamp_of(status)


def digest_of(path: Path) -> int:
    """Return a digest of the bytes of a file; raise OSError if it cannot be read."""
    with path.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES)).digest()
    return int.from_bytes(digest)


def together(audio_dir: Path, names: list[str]) -> Iterator[list[str]]:
    """Yield lists of successive names: of several short recordings, to be analysed at once, or of a long one."""
    some: list[str] = []
    n_bytes = 0
    for name in names:
        some.append(name)
        with suppress(OSError):  # `analyse` reports what is wrong with it
            n_bytes += (audio_dir / name).stat().st_size
        if len(some) == _MOST_TOGETHER or n_bytes > _MOST_BYTES_TOGETHER:
            yield some
            some, n_bytes = [], 0
    if some:
        yield some


def analyse(
    audio_dir: Path,
    names: list[str],
    features: FeatureConfig,
    known: Callable[[str], Analysed | None] = lambda name: None,
    *,
    salvage: bool = False,
) -> list[Analysed | Unusable]:
    """Return the clips of each recording, or the reason why it cannot be used.

    `known` returns the result for a name from an earlier run, if there is one. With `salvage`, what can be decoded of
    a recording that is not whole is used.
    """
    found = [known(name) or _read(audio_dir, name, features, salvage) for name in names]
    short = [sound for sound in found if isinstance(sound, _Sound)]
    waveforms = resample_together([x.waveform for x in short], [x.entry["sr"] for x in short], features.sr)
    frames = iter(log_mels(waveforms, features))
    return [_analysed(x.entry, next(frames), features, x.note) if isinstance(x, _Sound) else x for x in found]


@dataclass(frozen=True)
class _Sound:
    """A short recording: its entry, without n_frames, and its samples (n_samples,) at its own rate."""

    entry: dict[str, Any]
    waveform: np.ndarray
    note: str


def _read(audio_dir: Path, name: str, features: FeatureConfig, salvage: bool) -> _Sound | Analysed | Unusable:
    """Return the sound of a short recording, the clips of a long one, or the reason why it cannot be used."""
    path = audio_dir / name
    try:
        status = path.stat()
        with opened(path, salvage=salvage) as (recording, blocks):
            levels = Levels(recording.sr)
            is_short = recording.n_samples <= _SHORT_SAMPLES
            if is_short:
                waveform = np.concatenate(list(blocks(None, levels)))
            else:
                chunks = mel_spectrogram_stream(blocks(features.sr, levels), features)
                frames = np.concatenate([normalise(chunk, features) for chunk in chunks], axis=1)
        digest = digest_of(path)
    except InputError as error:
        return Unusable(str(error))
    except OSError as error:
        return Unusable(f"{printable(path)} could not be read: {explain(error)}.")
    entry = {
        "path": name,
        **stamp_of(status),
        "digest": digest,
        "sr": recording.sr,
        "n_samples": levels.n_samples,
        **levels.columns(),
    }
    return _Sound(entry, waveform, recording.note) if is_short else _analysed(entry, frames, features, recording.note)


def _analysed(entry: dict[str, Any], frames: np.ndarray, features: FeatureConfig, note: str) -> Analysed:
    """Return the clips of a recording with this normalised log-mel (n_mels, n_frames)."""
    return Analysed(entry | {"n_frames": frames.shape[1]}, cut_clips(frames, features), note=note)

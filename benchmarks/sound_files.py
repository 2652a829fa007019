"""The files that codecs are measured on, strings of recordings with short pauses, and what codecs make of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from benchmarks.scoring import strings_of
from speech_autoencoder import metrics
from speech_autoencoder.audio import find_recordings, read
from speech_autoencoder.dataset import most_common_rate
from speech_autoencoder.errors import InputError

_FULL_SCALE = 32_768


@dataclass(frozen=True)
class SoundFile:
    """A string of recordings: its waveform (n_samples,), as 16 bits hold it, their names and (start, stop) in it."""

    waveform: np.ndarray
    names: list[str]
    places: list[tuple[int, int]]


@dataclass(frozen=True)
class Coded:
    """Files as they were decoded, each aligned with the original and as long, and the bytes that each took."""

    waveforms: list[np.ndarray]
    n_bytes: list[float]


@dataclass(frozen=True)
class System:
    """A codec: its name, its settings, and code(setting, waveforms, sr) -> Coded of all files at one of them."""

    name: str
    settings: Sequence[str]
    code: Callable[[str, list[np.ndarray], int], Coded]


def files_of(folder: Path, sr: int | None = None) -> tuple[list[SoundFile], int]:
    """(a file for each string of the recordings below folder, their rate: sr, or what most recordings have)."""
    sr = sr or most_common_rate(folder)
    names, waveforms = [], []
    for name in find_recordings(folder):
        try:
            waveforms.append(read(folder / name, sr))
        except InputError:
            continue
        names.append(name)
    strings = strings_of(names, [len(waveform) / sr for waveform in waveforms])
    return [string_file([waveforms[i] for i in string], [names[i] for i in string], sr) for string in strings], sr


def string_file(waveforms: list[np.ndarray], names: list[str], sr: int) -> SoundFile:
    """The recordings as one file, as `metrics.join` puts them."""
    joined = metrics.join(waveforms, sr)
    pause = (len(joined) - sum(map(len, waveforms))) // len(waveforms)
    starts = np.cumsum([0, *(len(waveform) + pause for waveform in waveforms)])
    places = [(int(start), int(start) + len(waveform)) for start, waveform in zip(starts, waveforms, strict=False)]
    return SoundFile(_to_16_bits(joined).astype(np.float32) / _FULL_SCALE, names, places)


def cut_back(files: list[SoundFile], decoded: list[np.ndarray]) -> tuple[list[np.ndarray], list[str]]:
    """(the recordings, cut out of the decoded files at their own places; their names)."""
    pairs = list(zip(files, decoded, strict=True))
    cut = [waveform[start:stop] for file, waveform in pairs for start, stop in file.places]
    return cut, [name for file, _ in pairs for name in file.names]


def write(path: Path, waveform: np.ndarray, sr: int) -> Path:
    """path, a WAV of 16 bits of the waveform."""
    sf.write(path, _to_16_bits(waveform), sr)
    return path


def to_raw(waveform: np.ndarray) -> bytes:
    """The waveform as 16-bit samples, the least significant byte first, without a header."""
    return _to_16_bits(waveform).astype("<i2").tobytes()


def from_raw(data: bytes) -> np.ndarray:
    """The waveform (n_samples,) of such samples."""
    return np.frombuffer(data, "<i2").astype(np.float32) / _FULL_SCALE


def resample(waveform: np.ndarray, sr_in: int, sr_out: int) -> np.ndarray:
    """The waveform at sr_out Hz."""
    return waveform if sr_in == sr_out else soxr.resample(waveform, sr_in, sr_out)


def fit_length(waveform: np.ndarray, n_samples: int) -> np.ndarray:
    """The waveform cut or padded with silence to n_samples."""
    return np.pad(waveform[:n_samples], (0, max(0, n_samples - len(waveform))))


def _to_16_bits(waveform):
    """The waveform as int16, exactly that of which it was read."""
    return np.clip(np.round(waveform * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)

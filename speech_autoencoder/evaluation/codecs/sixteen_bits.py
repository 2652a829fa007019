"""Waveforms as samples of 16 bits, as codecs take and give them."""

from pathlib import Path

import numpy as np
import soundfile as sf

_FULL_SCALE = 32_768


def write_wav(path: Path, waveform: np.ndarray, sr: int) -> Path:
    """Write a waveform (n_samples,) at `sr` Hz as 16-bit WAV, and return the path."""
    sf.write(path, to_16_bits(waveform), sr)
    return path


def to_raw(waveform: np.ndarray) -> bytes:
    """Return a waveform as 16-bit samples, little-endian, without a header; `from_raw` is the inverse."""
    return to_16_bits(waveform).astype("<i2").tobytes()


def from_raw(data: bytes) -> np.ndarray:
    """Return the waveform (n_samples,) of 16-bit samples that `to_raw` wrote."""
    return from_16_bits(np.frombuffer(data[: len(data) // 2 * 2], "<i2"))


def to_16_bits(waveform: np.ndarray) -> np.ndarray:
    """Return a waveform as int16, exactly the samples that it was read from; `from_16_bits` is the inverse."""
    return np.clip(np.round(waveform * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def from_16_bits(samples: np.ndarray) -> np.ndarray:
    """Return the waveform (n_samples,) of samples of int16."""
    return samples.astype(np.float32) / _FULL_SCALE

"""Arguments of the API's functions, checked: each error is one line with the name, what was received and expected."""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from speech_autoencoder.audio.decoding import BLOCK_SAMPLES
from speech_autoencoder.audio.reading import PEAK_LIMIT, without_offset
from speech_autoencoder.config import RATES_HZ, FeatureConfig, preset
from speech_autoencoder.errors import InputError

# What may be given for an array of floats.
Floats = np.ndarray | Sequence[float]


def number(name: str, value: Any, kind: type, *, is_positive: bool = True) -> Any:
    """Return a number as this type, int or float.

    Raises
    ------
    InputError
        If it is none, is not finite, or should be above zero and is not.
    """
    try:
        if isinstance(value, bool | str | bytes):
            raise TypeError
        result = operator.index(value) if kind is int else float(value)
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not (math.isfinite(result) and (result > 0 or not is_positive)):
        what = "a whole number" if kind is int else "a number"
        raise InputError(f"{name} is {value!r}: expected {what}{' above zero' if is_positive else ''}.")
    return result


def optional(name: str, value: Any, kind: type, *, is_positive: bool = True) -> Any:
    """Return a `number`, None as it is."""
    return None if value is None else number(name, value, kind, is_positive=is_positive)


def sample_rate(sr: Any) -> int:
    """Return a sample rate in Hz; raise InputError if it is not a whole number of those that recordings have."""
    low, high = RATES_HZ
    value = number("sr", sr, float)
    if value != int(value) or not low <= value <= high:
        raise InputError(f"sr is {sr!r}: expected the sample rate, a whole number of {low:,} to {high:,} Hz.")
    return int(value)


def waveform_blocks(waveform: Any, sr: int) -> list[np.ndarray]:
    """Return a waveform in float32 blocks, treated as a recording of these samples in a file is.

    Raises
    ------
    InputError
        If it is not one-dimensional and of floats, is empty, or holds samples that are no sound.
    """
    samples = floats("waveform", waveform)
    if samples.ndim != 1:
        advice = ": mix its channels first, as with waveform.mean(axis=1)" if samples.ndim == 2 else ""
        raise InputError(f"waveform has the shape {samples.shape}, expected (n_samples,){advice}.")
    if not len(samples):
        raise InputError("waveform holds no samples.")
    peak = float(np.abs(samples).max())
    if peak > PEAK_LIMIT:
        raise InputError(f"waveform holds samples of up to {peak:.3g}, where full scale is 1: scale it to [-1, 1].")
    blocks = (samples[start : start + BLOCK_SAMPLES] for start in range(0, len(samples), BLOCK_SAMPLES))
    return list(without_offset(blocks, sr, None))


def floats(name: str, values: Any) -> np.ndarray:
    """Return an array as contiguous float32; raise InputError if it is not of floats, or not all are finite."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        array = np.empty(0, object)
    if array.dtype.kind != "f":
        advice = f", {-np.iinfo(array.dtype).min:,} for {array.dtype}" if array.dtype.kind == "i" else ""
        raise InputError(
            f"{name} is of type {array.dtype}, expected floats"
            + (f": divide it by its full scale{advice}." if array.dtype.kind in "iu" and name == "waveform" else ".")
        )
    with np.errstate(over="ignore"):
        array = np.asarray(array, np.float32, order="C")  # np.ascontiguousarray would add a dimension to a number
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds values that are not finite (NaN or infinite).")
    return array


def feature_config(features: Any, sr: int | None) -> FeatureConfig:
    """Return features by the name of their preset, for recordings at sr Hz, or as they are.

    Raises
    ------
    InputError
        If they are neither, or the preset depends on a rate that is not given.
    """
    if isinstance(features, FeatureConfig):
        return features
    if not isinstance(features, str):
        raise InputError(f"features is {features!r}: expected the name of a preset or a FeatureConfig.")
    if features == "fine" and sr is None:
        raise InputError("features is 'fine', which depends on the recording's sample rate: give sr too.")
    return preset(features, sr or 0)

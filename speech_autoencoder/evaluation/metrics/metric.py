"""A metric: a record beside its function of a pair, reference and estimate; and the kinds of pairs.

To add one, write its function and its record in a module of this folder, and list the record in `registry.METRICS`.
The table, evaluation.json, the figure, the page, the intervals, the coverage and the list in docs/evaluation.md follow.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.metrics.pitch_tracker import track
from speech_autoencoder.evaluation.results import MeasuredOn
from speech_autoencoder.system.integers import ceil_div
from speech_autoencoder.system.isolation import CallFailed


def match_level(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Return the estimate, scaled to the mean power of the reference; silence stays silence.

    Parameters
    ----------
    reference, estimate
        Waveforms (n_samples,).
    """
    power = float(np.mean(estimate.astype(np.float64) ** 2))
    return estimate * np.float32(np.sqrt(np.mean(reference.astype(np.float64) ** 2) / power)) if power > 0 else estimate


def require_same_shape(reference: np.ndarray, estimate: np.ndarray) -> None:
    """Raise InputError if the shapes differ."""
    if reference.shape != estimate.shape:
        raise InputError(f"The reference is {reference.shape}, the estimate {estimate.shape}: cut them to one length.")


def split(waveform: np.ndarray, most: int) -> list[np.ndarray]:
    """Return a waveform (n_samples,) in equal parts of at most `most` samples: libraries fail on very long sound."""
    return np.array_split(waveform, max(1, ceil_div(len(waveform), most)))


def mean_of_parts(values: list[float]) -> float:
    """Return the mean of the values that are known, NaN if there are none."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


@dataclass(frozen=True)
class Measurement:
    """What a metric measured on one pair: its value, and its share of the average over all pairs.

    The average is the sum of `total` over the sum of `weight`. If a pair could not be measured, its total is not finite
    or its weight is 0. If that is because a library failed, `failure` says how.
    """

    value: float
    total: float
    weight: float = 1
    failure: str = ""

    @property
    def is_known(self) -> bool:
        """Whether anything could be measured."""
        return bool(np.isfinite(self.total) and self.weight)


@dataclass(frozen=True)
class Sound:
    """A waveform (n_samples,) at `sr` Hz; its pitch is tracked once, when a metric asks for it."""

    waveform: np.ndarray
    sr: int

    @cached_property
    def pitch_hz(self) -> np.ndarray:
        """F0 every 10 ms, 0 where there is no voice, (n_frames,)."""
        return track(self.waveform, self.sr)


@dataclass(frozen=True)
class SoundPair:
    """A reference and an estimate of the same length and rate: of one recording, or of a segment."""

    reference: Sound
    estimate: Sound

    @property
    def sr(self) -> int:
        """The sample rate in Hz."""
        return self.reference.sr

    @cached_property
    def levelled(self) -> np.ndarray:
        """The estimate's waveform at the reference's level, for metrics that must not measure the level."""
        return match_level(self.reference.waveform, self.estimate.waveform)


@dataclass(frozen=True)
class LogMelPair:
    """Two normalised log-mels (n_mels, n_frames) of one recording."""

    reference: np.ndarray
    estimate: np.ndarray
    features: FeatureConfig


@dataclass(frozen=True)
class LabelPair:
    """The label of a recording, such as its word, and the one that was recognised in its sound ("" for none)."""

    label: str
    recognised: str


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric: its names, how its values are written, what it is measured on, and its function.

    Attributes
    ----------
    key
        Its name in evaluation.json.
    heading, unit, format_spec
        Its name and its unit in tables, and how its values are written there.
    higher_is_better
        Whether higher values are better; otherwise lower ones are.
    has_bars
        Whether the page draws its values, from 0 to 1, as bars.
    in_figure
        Whether evaluation.png shows it.
    pair
        What it compares: `LogMelPair` and `LabelPair` are of recordings, `SoundPair` is of either.
    measured_on
        Segments, if it needs some seconds of sound, or recordings.
    measure
        Its function, of a `pair`.
    of_each_recording
        Whether evaluation.json has the model's value of each recording, however short.
    of_originals
        Whether the original recordings have a value too, as it does not compare with them.
    is_root
        Whether its average is the root of the mean of squares; otherwise it is the mean.
    averaged_over
        What the mean is over, such as frames: the weights of its measurements.
    missing
        Why it may be missing.
    is_installed, extra
        Whether its package is installed, and the extra of the project that installs it.
    install_note
        What the evaluation prints if its package is not installed.
    least_sr
        The lowest sample rate of sound, in Hz, that it takes.
    measures, cannot_tell
        What docs/evaluation.md says of it.
    """

    key: str
    heading: str
    unit: str = ""
    format_spec: str = ".3f"
    higher_is_better: bool = False
    has_bars: bool = False
    in_figure: bool = False
    pair: type
    measured_on: MeasuredOn
    measure: Callable[[Any], Measurement]
    of_each_recording: bool = True
    of_originals: bool = False
    is_root: bool = False
    averaged_over: str
    missing: str = ""
    is_installed: Callable[[], bool] = lambda: True
    extra: str = ""
    install_note: str = ""
    least_sr: int = 0
    measures: str
    cannot_tell: str

    @property
    def title(self) -> str:
        """The heading with its unit."""
        return f"{self.heading}, {self.unit}" if self.unit else self.heading

    def format(self, value: float | None, *, sign: bool = False) -> str:
        """Return a value as tables show it, "-" for None, with a plus sign if asked for."""
        return "-" if value is None else format(value, "+" * sign + self.format_spec)


def unweighted(value: float) -> Measurement:
    """Return the measurement of a value that counts once in the average."""
    return Measurement(value, value)


def attempt(function: Callable[..., float], *args: Any) -> Measurement:
    """Return the measurement of function(*args), which counts once, or that the library behind it failed."""
    try:
        return unweighted(function(*args))
    except CallFailed as error:
        return Measurement(math.nan, math.nan, failure=str(error))

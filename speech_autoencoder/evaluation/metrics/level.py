"""The error of the level."""

import math

import numpy as np

from speech_autoencoder.evaluation.metrics.metric import Measurement, Metric, SoundPair, require_same_shape


def level_error_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Return how much louder the estimate is than the reference, in dB of their mean power.

    It cannot tell whether speech or noise is louder.

    Parameters
    ----------
    reference, estimate
        Waveforms (n_samples,) of the same length, each at its own level.

    Returns
    -------
    float
        Above 0 where the estimate is louder; minus infinity where it is silent; NaN where the reference is silent.

    Raises
    ------
    InputError
        If the lengths differ.
    """
    require_same_shape(reference, estimate)
    power, reference_power = (float(np.mean(x.astype(np.float64) ** 2)) for x in (estimate, reference))
    if not reference_power:
        return float("nan")
    return 10 * math.log10(power / reference_power) if power else -math.inf


def _measure_level(pair: SoundPair) -> Measurement:
    """Return the signed error; the average is of its size, so that too loud and too quiet do not cancel."""
    error = level_error_db(pair.reference.waveform, pair.estimate.waveform)
    return Measurement(error, abs(error))


LEVEL = Metric(
    key="level_db",
    heading="level error",
    unit="dB",
    format_spec=".2f",
    pair=SoundPair,
    measured_on="recordings",
    measure=_measure_level,
    averaged_over="recordings",
    missing="reconstructed as silence, or not scored as sound",
    measures="The size of the difference in level, in dB of mean power. The value of a recording is signed: above 0 "
    "is too loud.",
    cannot_tell="Whether speech or noise is too loud.",
)

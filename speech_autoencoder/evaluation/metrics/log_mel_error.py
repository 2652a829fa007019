"""The difference of two log-mels, before any sound is made: overall, by band, and over time."""

import numpy as np

from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.evaluation.metrics.metric import LogMelPair, Measurement, Metric, require_same_shape

N_PARTS = 10  # equal parts of a recording, each with an error of its own


def log_mel_error_db(reference: np.ndarray, estimate: np.ndarray, config: FeatureConfig) -> float:
    """Return the root mean square difference, in dB, of two normalised log-mels (n_mels, n_frames).

    It cannot tell noise, which nobody misses, from speech, and knows nothing of the inversion.

    Parameters
    ----------
    reference, estimate
        Normalised log-mels of the same shape.
    config
        Their features, which give the range in dB.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    require_same_shape(reference, estimate)
    return float(np.sqrt(np.mean((reference - estimate) ** 2)) * config.range_db)


def log_mel_error_by_band_db(reference: np.ndarray, estimate: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return the root mean square difference, in dB, of two normalised log-mels in each band, (n_mels,).

    It shows where in the spectrum a model errs, not whether that is audible: noise counts as much as speech. The
    parameters are those of `log_mel_error_db`.
    """
    return np.sqrt(_squares_db(reference, estimate, config).mean(axis=1))


def log_mel_error_over_time_db(reference: np.ndarray, estimate: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return the root mean square difference, in dB, of two normalised log-mels in each tenth of the time, (N_PARTS,).

    NaN in tenths without a frame, as recordings of fewer than ten frames have. It shows whether beginnings and ends are
    worse than the middle. The parameters are those of `log_mel_error_db`.
    """
    sums, counts = log_mel_sums_over_time(reference, estimate, config)
    return np.sqrt(np.divide(sums, counts, out=np.full(N_PARTS, np.nan), where=counts > 0))


def log_mel_sums_over_time(
    reference: np.ndarray, estimate: np.ndarray, config: FeatureConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of squared differences (dB^2) and the counts of values in each tenth of the time, (N_PARTS,)."""
    squares = _squares_db(reference, estimate, config)
    parts = np.arange(squares.shape[1]) * N_PARTS // max(1, squares.shape[1])
    counts = np.bincount(parts, minlength=N_PARTS)
    return np.bincount(parts, squares.sum(axis=0), N_PARTS), counts * len(squares)


def _squares_db(reference: np.ndarray, estimate: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return the squared difference of each value, in dB^2."""
    require_same_shape(reference, estimate)
    return ((estimate - reference).astype(np.float64) * config.range_db) ** 2


def _measure_log_mel_error(pair: LogMelPair) -> Measurement:
    """Return the RMS difference; the average is the root of the mean square over all frames."""
    by_band = log_mel_error_by_band_db(pair.reference, pair.estimate, pair.features) ** 2
    n_frames = pair.reference.shape[1]
    return Measurement(
        log_mel_error_db(pair.reference, pair.estimate, pair.features), by_band.mean() * n_frames, n_frames
    )


LOG_MEL_ERROR = Metric(
    key="log_mel_db",
    heading="log-mel error",
    unit="dB",
    format_spec=".2f",
    in_figure=True,
    pair=LogMelPair,
    measured_on="recordings",
    measure=_measure_log_mel_error,
    is_root=True,
    averaged_over="frames",
    measures="The root mean square difference of the log-mels, in dB, before any sound is made.",
    cannot_tell="Noise, which nobody misses, counts as much as speech.",
)

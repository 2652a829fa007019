"""The delay of what a codec decodes, found on envelopes and removed."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from speech_autoencoder.audio.resampling import fit_length

# Delays are found by the envelopes of octaves, smoothed over some pitch periods, as not every codec keeps the phase.
_LONGEST_DELAY_S = 0.1
_SMOOTHING_S = 0.02
_LOWEST_HZ = 100
_N_OCTAVES = 5


def delay_of(references: list[np.ndarray], estimates: list[np.ndarray], sr: int) -> int:
    """Return the common delay of the estimates against the references in samples (negative: they are early).

    It is the shift at which the envelopes of octaves correlate most, summed over octaves and pairs.

    Parameters
    ----------
    references, estimates
        Waveforms (n_samples,), in pairs.
    sr
        Their sample rate in Hz.
    """
    n_lags = round(_LONGEST_DELAY_S * sr)
    total = np.zeros(2 * n_lags + 1)
    for reference, estimate in zip(references, estimates, strict=True):
        # With silence behind them, since the correlation is circular.
        n_samples = max(len(reference), len(estimate)) + n_lags
        one, other = (_envelopes(fit_length(x, n_samples), sr) for x in (reference, estimate))
        products = np.fft.irfft(np.fft.rfft(other) * np.fft.rfft(one).conj(), n_samples)
        norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1) + 1e-12
        total += (products[:, np.arange(-n_lags, n_lags + 1)] / norms[:, None]).sum(axis=0)
    return int(total.argmax()) - n_lags


def without_delay(waveform: np.ndarray, delay: int, n_samples: int) -> np.ndarray:
    """Return n_samples of a waveform without its delay; segments end in a pause, so no sound is lost."""
    return fit_length(np.pad(waveform, (max(0, -delay), 0))[max(0, delay) :], n_samples)


def _envelopes(waveform: np.ndarray, sr: int) -> np.ndarray:
    """Return the envelope of each octave, (n_octaves, n_samples), compressed as in hearing and with a mean of zero."""
    spectrum = np.fft.rfft(waveform.astype(np.float64))
    hz = np.fft.rfftfreq(len(waveform), 1 / sr)
    lowest = _LOWEST_HZ * 2.0 ** np.arange(_N_OCTAVES)[:, None]
    octaves = np.fft.irfft(np.where((hz >= lowest) & (hz < 2 * lowest), spectrum, 0), len(waveform))
    envelopes = np.sqrt(uniform_filter1d(np.abs(octaves), round(_SMOOTHING_S * sr), axis=1))
    return envelopes - envelopes.mean(axis=1, keepdims=True)

"""Pure functions of spectra, (reference, estimate) -> numbers: the cepstral distortion, and where log-mels differ."""

from functools import lru_cache

import numpy as np
import scipy.fft

from speech_autoencoder.audio.log_mel import hann
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.evaluation.metrics import require_same_shape

# Windows of 32 ms every 10 ms, mel bands up to 8 kHz, and the cepstrum's coefficients beside the 0th.
_WINDOW_S, _HOP_S, _N_MELS, _HIGHEST_HZ, N_COEFFICIENTS = 0.032, 0.010, 40, 8_000, 13
# Frames that are further below the reference's loudest are not heard, and all of them would be noise of the recording.
# What is further below the reference's loudest band is as quiet as this.
_HEARD_DB, _LOWEST_DB = 40.0, 80.0
_DB = 10 * np.sqrt(2) / np.log(10)
# The parts of a recording, from its beginning to its end, over which errors are told.
N_PARTS = 10


def mel_cepstral_distortion_db(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """The mean over frames of 10/ln 10 sqrt(2 sum (c - c')^2), dB, over the mel cepstrum's coefficients 1 to 13.

    Needs waveforms (n_samples,) of one length that begin together: frames are compared one by one, without dynamic time
    warping. The cepstrum is that of 40 mel bands up to 8 kHz, c_m = 2/K sum_k ln(magnitude_k) cos(pi m (k + 1/2) / K),
    so that the number is the RMS difference, in dB, of two smooth spectral envelopes. Only frames within 40 dB of the
    reference's loudest count; NaN where there are none. Level does not count, as the 0th coefficient is left out.

    It cannot judge pitch, phase or noise between harmonics, nor whether one understands; values of other programs, with
    other bands, windows or coefficients, are not comparable.
    """
    distortions = mel_cepstral_distortions_db(reference, estimate, sr)
    return float(distortions.mean()) if len(distortions) else float("nan")


def mel_cepstral_distortions_db(reference: np.ndarray, estimate: np.ndarray, sr: int) -> np.ndarray:
    """The distortion of each frame that is heard in the reference, shape (n_heard,); `mel_cepstral_distortion_db`."""
    require_same_shape(reference, estimate)
    ours, theirs = (_mel_magnitudes(waveform, sr) for waveform in (reference, estimate))
    power = (ours**2).sum(axis=1)
    if not power.any():
        return np.zeros(0)
    heard = power >= power.max() * 10 ** (-_HEARD_DB / 10)
    lowest = ours.max() * 10 ** (-_LOWEST_DB / 20)
    difference = _cepstrum(ours[heard], lowest) - _cepstrum(theirs[heard], lowest)
    return _DB * np.sqrt((difference**2).sum(axis=1))


def log_mel_error_by_band_db(reference: np.ndarray, estimate: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """The root mean square difference, in dB, of two normalised log-mels (n_mels, n_frames) in each band, (n_mels,).

    It tells where in the spectrum a model errs, not whether one hears it: noise counts as much as speech.
    """
    return np.sqrt(_squares_db(reference, estimate, config).mean(axis=1))


def log_mel_error_over_time_db(reference: np.ndarray, estimate: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """The root mean square difference, in dB, of two normalised log-mels in each tenth of the recording, (N_PARTS,).

    NaN in tenths that hold no frame, as there are in recordings of fewer than ten. It tells whether beginnings and ends
    are worse than the middle, not when within a word.
    """
    sums, counts = log_mel_sums_over_time(reference, estimate, config)
    return np.sqrt(np.divide(sums, counts, out=np.full(N_PARTS, np.nan), where=counts > 0))


def log_mel_sums_over_time(
    reference: np.ndarray, estimate: np.ndarray, config: FeatureConfig
) -> tuple[np.ndarray, np.ndarray]:
    """(sums of squared differences in dB^2, counts of values) of each tenth of the recording, each (N_PARTS,)."""
    squares = _squares_db(reference, estimate, config)
    parts = np.arange(squares.shape[1]) * N_PARTS // max(1, squares.shape[1])
    counts = np.bincount(parts, minlength=N_PARTS)
    return np.bincount(parts, squares.sum(axis=0), N_PARTS), counts * len(squares)


def _squares_db(reference, estimate, config):
    """The squared difference of each value, in dB^2."""
    require_same_shape(reference, estimate)
    return ((estimate - reference).astype(np.float64) * config.range_db) ** 2


def _mel_magnitudes(waveform, sr):
    """The magnitudes (n_frames, n_bands) of the waveform, a frame around every 10 ms."""
    size, hop = 2 * round(_WINDOW_S * sr / 2), round(_HOP_S * sr)
    padded = np.pad(waveform.astype(np.float64), size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    return np.concatenate(
        [
            np.abs(scipy.fft.rfft(frames[start : start + 512] * hann(size), axis=-1)) @ _filters(sr, size)
            for start in range(0, len(frames), 512)
        ]
    )


@lru_cache(maxsize=8)
def _filters(sr, size):
    """The mel filters (n_bins, n_bands)."""
    import librosa.filters

    return librosa.filters.mel(
        sr=sr, n_fft=size, n_mels=_N_MELS, fmax=min(_HIGHEST_HZ, sr / 2), norm=None, dtype=np.float64
    ).T


def _cepstrum(magnitudes, lowest):
    """The coefficients 1 to 13 (n_frames, 13) of magnitudes (n_frames, n_bands)."""
    bands = np.log(np.maximum(magnitudes, lowest))
    return scipy.fft.dct(bands, type=2, axis=1)[:, 1 : N_COEFFICIENTS + 1] / bands.shape[1]

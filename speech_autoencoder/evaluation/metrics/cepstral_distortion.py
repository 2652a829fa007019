"""The difference of two spectral envelopes: the mel-cepstral distortion."""

from functools import lru_cache

import numpy as np
import scipy.fft

from speech_autoencoder.audio.log_mel import hann
from speech_autoencoder.evaluation.metrics.metric import Measurement, Metric, SoundPair, require_same_shape

_WINDOW_S = 0.032
_HOP_S = 0.010
_N_MELS = 40
_HIGHEST_HZ = 8_000
N_COEFFICIENTS = 13  # of the cepstrum, without the 0th, which is the level
_AUDIBLE_DB = 40.0  # frames further below the reference's loudest are inaudible, or noise of the recording
_LOWEST_DB = 80.0  # bands further below the reference's loudest count as this far below
_FRAMES_AT_ONCE = 512  # bounds the memory
_DB = 10 * np.sqrt(2) / np.log(10)


def mel_cepstral_distortion_db(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """Return the mean over frames of 10/ln 10 sqrt(2 sum (c - c')^2), in dB (Kubichek, 1993).

    The coefficients c are 1 to 13 of the cepstrum of 40 mel bands up to 8 kHz, c_m = 2/K sum_k ln(magnitude_k)
    cos(pi m (k + 1/2) / K), so that the value is the RMS difference, in dB, of two smooth spectral envelopes. Frames
    are compared one by one, without time warping. The level does not count, since the 0th coefficient is left out.

    It cannot judge pitch, phase, noise between harmonics or whether speech can be understood. Values of programs with
    other bands, windows or coefficients are not comparable.

    Parameters
    ----------
    reference, estimate
        Waveforms (n_samples,) of the same length that begin together.
    sr
        Their sample rate in Hz.

    Returns
    -------
    float
        NaN where the reference is silent.

    Raises
    ------
    InputError
        If the lengths differ.
    """
    distortions = mel_cepstral_distortions_db(reference, estimate, sr)
    return float(distortions.mean()) if len(distortions) else float("nan")


def mel_cepstral_distortions_db(reference: np.ndarray, estimate: np.ndarray, sr: int) -> np.ndarray:
    """Return the distortion of each frame within 40 dB of the reference's loudest, (n_audible,) in dB.

    The parameters are those of `mel_cepstral_distortion_db`.
    """
    require_same_shape(reference, estimate)
    ours, theirs = (mel_magnitudes(waveform, sr) for waveform in (reference, estimate))
    power = (ours**2).sum(axis=1)
    if not power.any():
        return np.zeros(0)
    audible = power >= power.max() * 10 ** (-_AUDIBLE_DB / 10)
    lowest = ours.max() * 10 ** (-_LOWEST_DB / 20)
    difference = cepstrum(ours[audible], lowest) - cepstrum(theirs[audible], lowest)
    return _DB * np.sqrt((difference**2).sum(axis=1))


def mel_magnitudes(waveform: np.ndarray, sr: int) -> np.ndarray:
    """Return the magnitudes (n_frames, n_bands) of a waveform, a frame every 10 ms."""
    size, hop = 2 * round(_WINDOW_S * sr / 2), round(_HOP_S * sr)
    padded = np.pad(waveform, size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    return np.concatenate(
        [
            np.abs(scipy.fft.rfft(some.astype(np.float64) * hann(size), axis=-1)) @ _filters(sr, size)
            for start in range(0, len(frames), _FRAMES_AT_ONCE)
            for some in [frames[start : start + _FRAMES_AT_ONCE]]
        ]
    )


@lru_cache(maxsize=8)
def _filters(sr: int, size: int) -> np.ndarray:
    """Return the mel filters (n_bins, n_bands)."""
    import librosa.filters  # slow to load, and nothing else here needs it

    return librosa.filters.mel(
        sr=sr, n_fft=size, n_mels=_N_MELS, fmax=min(_HIGHEST_HZ, sr / 2), norm=None, dtype=np.float64
    ).T


def cepstrum(magnitudes: np.ndarray, lowest: float, n: int = N_COEFFICIENTS) -> np.ndarray:
    """Return the coefficients 1 to n, (n_frames, n), of magnitudes (n_frames, n_bands)."""
    bands = np.log(np.maximum(magnitudes, lowest))
    return scipy.fft.dct(bands, type=2, axis=1)[:, 1 : n + 1] / bands.shape[1]


def _measure_cepstral_distortion(pair: SoundPair) -> Measurement:
    """Return the mean over frames; in the average every frame counts the same."""
    distortions = mel_cepstral_distortions_db(pair.reference.waveform, pair.estimate.waveform, pair.sr)
    mean = float(distortions.mean()) if len(distortions) else float("nan")
    return Measurement(mean, float(distortions.sum()), len(distortions))


CEPSTRAL_DISTORTION = Metric(
    key="mcd_db",
    heading="mel-cepstral distortion",
    unit="dB",
    format_spec=".2f",
    pair=SoundPair,
    measured_on="recordings",
    measure=_measure_cepstral_distortion,
    averaged_over="audible frames",
    missing="not scored as sound",
    measures="Mel-cepstral distortion: the mean over frames of 10/ln 10 sqrt(2 sum (c - c')^2), in dB, over the "
    "coefficients 1 to 13 of 40 mel bands up to 8 kHz. Frames are compared one by one, without time warping; only "
    "those within 40 dB of the loudest count.",
    cannot_tell="Pitch, phase, noise between harmonics. Values of programs with other bands are not comparable.",
)

"""Sound and features without a model: read a recording, analyse it, make sound of its features."""

from os import PathLike

import numpy as np

from speech_autoencoder.api.arguments import Floats, feature_config, floats, optional, sample_rate, waveform_blocks
from speech_autoencoder.audio.log_mel import mel_spectrogram_stream, normalise
from speech_autoencoder.audio.reading import opened
from speech_autoencoder.audio.resampling import resample_recording, resampled_length
from speech_autoencoder.cli.process import blas_threads
from speech_autoencoder.codec.reconstruction import to_waveform
from speech_autoencoder.config import FeatureConfig, InversionConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.remote_path import expanded

# Normalised values beyond these are another scale, such as dB.
_LOWEST, _HIGHEST = -1, 2


def read(path: str | PathLike, sr: int | None = None, *, salvage: bool = False) -> tuple[np.ndarray, int]:
    """Read a recording of any format as mono.

    Channels are averaged; if they cancel, the loudest one is taken. A large offset is subtracted.

    Parameters
    ----------
    path : str or Path
        The recording.
    sr : int, optional
        The rate to resample it to, in Hz; by default it keeps its own.
    salvage : bool
        Use what can be decoded of a recording that is cut short or damaged.

    Returns
    -------
    waveform : np.ndarray, (n_samples,) float32
        Full scale is 1.
    sr : int
        Its sample rate in Hz.

    Raises
    ------
    InputError
        If the file is not a usable recording, or is not whole and `salvage` is not set.

    Examples
    --------
    >>> import speech_autoencoder as sa
    >>> waveform, sr = sa.read("recordings/a.wav")
    >>> waveform.dtype, waveform.ndim, sr
    (dtype('float32'), 1, 16000)
    """
    wanted = None if sr is None else sample_rate(sr)
    with opened(expanded(path), salvage=salvage) as (recording, blocks):
        return np.concatenate(list(blocks(wanted, None))), wanted or recording.sr


def log_mel(waveform: Floats, sr: int, features: FeatureConfig | str = "classic") -> np.ndarray:
    """Return the normalised log-mel of a waveform, as arrays and models have it.

    Parameters
    ----------
    waveform : np.ndarray, (n_samples,) of floats
        Mono; full scale is 1. It is resampled to the rate of the features.
    sr : int
        Its sample rate in Hz.
    features : FeatureConfig or str
        Those of a model, ``model.features``, or the name of a preset: ``"classic"`` or ``"fine"``.

    Returns
    -------
    np.ndarray, (n_mels, n_frames) float32
        In [0, 1], from floor_db to ceiling_db of the features.

    Raises
    ------
    InputError
        If the waveform is not mono, of floats, finite and within full scale, or has no samples.

    Examples
    --------
    >>> import numpy as np
    >>> import speech_autoencoder as sa
    >>> waveform = 0.1 * np.sin(np.arange(16_000) / 8)
    >>> sa.log_mel(waveform, 16_000).shape
    (128, 45)
    >>> sa.log_mel(waveform, 16_000, "fine").shape
    (80, 126)
    """
    sr = sample_rate(sr)
    config, blocks = feature_config(features, sr), waveform_blocks(waveform, sr)
    with blas_threads(1):  # how a sum is split among threads changes its last bits
        chunks = mel_spectrogram_stream(resample_recording(blocks, sr, config.sr), config)
        return np.concatenate([normalise(chunk, config) for chunk in chunks], axis=1)


def invert(
    log_mel: np.ndarray,
    features: FeatureConfig | str = "classic",
    *,
    sr: int | None = None,
    n_samples: int | None = None,
) -> np.ndarray:
    """Return the waveform of a normalised log-mel, with phases that fit it: the inverse of `log_mel`, but for them.

    Parameters
    ----------
    log_mel : np.ndarray, (n_mels, n_frames) of floats
        As `log_mel` returns it.
    features : FeatureConfig or str
        Its features, see `log_mel`.
    sr : int, optional
        The sample rate of the waveform in Hz, by default that of the features.
    n_samples : int, optional
        The length of the waveform, by default up to the centre of the last frame.

    Returns
    -------
    np.ndarray, (n_samples,) float32

    Raises
    ------
    InputError
        If the array is not a normalised log-mel of these features.

    Examples
    --------
    >>> import numpy as np
    >>> import speech_autoencoder as sa
    >>> waveform = 0.1 * np.sin(np.arange(16_000) / 8)
    >>> sa.invert(sa.log_mel(waveform, 16_000), sr=16_000, n_samples=16_000).shape
    (16000,)
    """
    sr = None if sr is None else sample_rate(sr)
    config, frames = feature_config(features, sr), floats("log_mel", log_mel)
    if frames.ndim != 2 or frames.shape[0] != config.n_mels or not frames.shape[1]:
        raise InputError(f"log_mel has the shape {frames.shape}, expected ({config.n_mels}, n_frames).")
    low, high = float(frames.min()), float(frames.max())
    if low < _LOWEST or high > _HIGHEST:
        raise InputError(f"log_mel holds values from {low:.3g} to {high:.3g}, expected a normalised one, in [0, 1].")
    sr = sr or config.sr
    longest = (frames.shape[1] - 1) * config.hop_length
    n_samples = optional("n_samples", n_samples, int) or resampled_length(longest, config.sr, sr)
    with blas_threads(1):
        return np.concatenate(list(to_waveform([frames], config, InversionConfig(), sr, n_samples)))

"""The short-time Fourier transform and its least-squares inverse."""

import numpy as np
import scipy.fft

from speech_autoencoder.audio.log_mel import hann

# The least sum of squared windows to divide by: where they almost vanish, dividing would only amplify rounding.
LEAST_WEIGHT = 1e-3


def stft(waveform: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """Return the spectrum (n_frames, n_fft // 2 + 1) of every full frame of a waveform, without padding; complex64."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, n_fft)[::hop_length]
    # For float32, scipy is 1.5 times as fast as numpy.
    return scipy.fft.rfft(frames * hann(n_fft), axis=-1)


def istft(spectrum: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """Return the waveform whose `stft` is nearest to a spectrum in the least-squares sense.

    Griffin and Lim (1984), equation 6: windowed overlap-add divided by the overlapping squared windows. Samples
    that no window reaches are zero.

    Parameters
    ----------
    spectrum : np.ndarray, (n_frames, n_fft // 2 + 1)
    n_fft, hop_length : int
        Samples; hop_length divides n_fft.

    Returns
    -------
    np.ndarray, (n_fft + (n_frames - 1) * hop_length,) float32
    """
    n_frames, overlap = len(spectrum), n_fft // hop_length
    frames = scipy.fft.irfft(spectrum, n=n_fft, axis=-1)
    frames *= hann(n_fft)
    total = _overlap_add(frames.reshape(n_frames, overlap, hop_length))
    # The sum of the windows differs only at the first and the last samples.
    n_edge = min(n_frames, overlap)
    squared = (hann(n_fft) ** 2).reshape(overlap, hop_length)
    weight = _overlap_add(np.broadcast_to(squared, (n_edge, overlap, hop_length)))
    rows = np.arange(len(total))
    weight = np.where(weight > LEAST_WEIGHT, weight, np.float32(np.inf))
    total /= weight[np.maximum(np.minimum(rows, n_edge - 1), rows - (n_frames - n_edge))]
    return total.ravel()


def _overlap_add(frames: np.ndarray) -> np.ndarray:
    """Return the sum (n_frames + overlap - 1, hop) of frames (n_frames, overlap, hop), each one hop after the last."""
    n_frames, overlap, hop_length = frames.shape
    total = np.zeros((n_frames + overlap - 1, hop_length), np.float32)
    for part in range(overlap):
        total[part : part + n_frames] += frames[:, part]
    return total

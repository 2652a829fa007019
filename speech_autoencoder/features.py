"""Waveform -> magnitude mel -> dB -> [0, 1], each step beside its exact inverse.

Every recording is analysed as one signal; clips are cut from its frames, so that nothing happens at their joins.
"""

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import scipy.fft

from speech_autoencoder.config import FeatureConfig

# Frames transformed at once: large enough to amortise the calls, small enough to stay in a core's cache.
_FRAMES_AT_ONCE = 256


@lru_cache(maxsize=8)
def mel_filters(config: FeatureConfig) -> np.ndarray:
    """Slaney's triangular mel filters with peaks of 1, shape (n_mels, n_bins), float32."""
    return triangular_filters(mel_edges_hz(config), config.sr, config.n_fft).astype(np.float32)


def triangular_filters(edges_hz: np.ndarray, sr: int, n_fft: int) -> np.ndarray:
    """The triangles between each three edges (n + 2,), with peaks of 1, at the n_fft // 2 + 1 frequencies: (n, n_bins).

    As librosa.filters gives them, which would load scipy's signal processing and statistics, most of a second, for it.
    """
    widths_hz = np.diff(edges_hz)
    from_edges_hz = np.fft.rfftfreq(n_fft, 1 / sr) - edges_hz[:, None]
    rising, falling = from_edges_hz[:-2] / widths_hz[:-1, None], -from_edges_hz[2:] / widths_hz[1:, None]
    return np.maximum(0, np.minimum(rising, falling))


def mel_edges_hz(config: FeatureConfig) -> np.ndarray:
    """Where the mel filters begin, have their peaks and end, shape (n_mels + 2,): filter i has the peak i + 1."""
    import librosa  # not at the top, as --help need not pay for it

    return librosa.mel_frequencies(n_mels=config.n_mels + 2, fmax=config.sr / 2)


@lru_cache(maxsize=8)
def scaled_filters(config: FeatureConfig) -> np.ndarray:
    """The mel filters (n_bins, n_mels) by which a full-scale sine has a magnitude of about 1."""
    return np.ascontiguousarray(mel_filters(config).T) * np.float32(2 / hann(config.n_fft).sum())


@lru_cache(maxsize=8)
def hann(n_fft: int, dtype: type = np.float32) -> np.ndarray:
    """The periodic Hann window of n_fft samples."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(dtype)


def stft(waveform: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """The spectrum of every full frame, shape (n_frames, n_bins), as precise as waveform; nothing is padded."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, n_fft)[::hop_length]
    return scipy.fft.rfft(frames * hann(n_fft, waveform.dtype.type), axis=-1)


def istft(spectrum: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """The waveform whose `stft` is nearest to spectrum in the least squares sense, shape (n_fft + (n - 1) hop,).

    Griffin and Lim (1984), equation 6: windowed overlap-add divided by the overlapping squared windows. Samples
    that no window reaches are zero. hop_length must divide n_fft.
    """
    n_frames, overlap = len(spectrum), n_fft // hop_length
    frames = scipy.fft.irfft(spectrum, n=n_fft, axis=-1)
    frames *= hann(n_fft)
    total = _overlap_add(frames.reshape(n_frames, overlap, hop_length))
    # What the windows add up to differs at the first and last samples alone.
    n_edge = min(n_frames, overlap)
    squared = (hann(n_fft) ** 2).reshape(overlap, hop_length)
    weight = _overlap_add(np.broadcast_to(squared, (n_edge, overlap, hop_length)))
    rows = np.arange(len(total))
    # Where they all but vanish dividing would only amplify rounding.
    weight = np.where(weight > 1e-3, weight, np.float32(np.inf))
    total /= weight[np.maximum(np.minimum(rows, n_edge - 1), rows - (n_frames - n_edge))]
    return total.ravel()


def _overlap_add(frames):
    """The sum (n_frames + overlap - 1, hop_length) of frames (n_frames, overlap, hop_length), each a hop later."""
    n_frames, overlap, hop_length = frames.shape
    total = np.zeros((n_frames + overlap - 1, hop_length), np.float32)
    for part in range(overlap):
        total[part : part + n_frames] += frames[:, part]
    return total


def mel_spectrogram_stream(blocks: Iterable[np.ndarray], config: FeatureConfig) -> Iterator[np.ndarray]:
    """Chunks of the magnitude mel spectrogram, shape (n_mels, k), of a waveform that arrives in blocks.

    Frames are centred, as librosa's are, with zeros around the waveform: frame i is around sample i * hop_length.
    A full-scale sine has a magnitude of about 1. Whatever the blocks are, the frames are the same.
    """
    filters = scaled_filters(config)
    n_samples, n_frames = 0, 0
    pending = np.zeros(config.n_fft // 2, np.float32)

    def analyse(signal):
        nonlocal n_frames
        step = _FRAMES_AT_ONCE * config.hop_length
        for start in range(0, len(signal) - config.n_fft + 1, step):
            part = signal[start : start + step + config.n_fft - config.hop_length]
            # In float64: rounding beside loud sound would be heard of in bands 100 dB below it, by 0.01 dB.
            spectrum = stft(part.astype(np.float64), config.n_fft, config.hop_length)
            mel = np.abs(spectrum).astype(np.float32) @ filters
            n_frames += len(mel)
            yield mel.T

    for block in blocks:
        # What is there waits for the next block: a short recording, of one block, is then analysed at once.
        n_ready = (len(pending) - config.n_fft) // config.hop_length + 1
        if n_ready > 0:
            yield from analyse(pending[: (n_ready - 1) * config.hop_length + config.n_fft])
            pending = pending[n_ready * config.hop_length :]
        n_samples += len(block)
        pending = np.concatenate([pending, block])
    missing = config.count_frames(n_samples) - n_frames
    if n_samples and missing > 0:
        needed = (missing - 1) * config.hop_length + config.n_fft
        yield from analyse(np.concatenate([pending, np.zeros(max(0, needed - len(pending)), np.float32)])[:needed])


def mel_spectrogram(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """The magnitude mel spectrogram of a whole waveform, shape (n_mels, count_frames(n_samples))."""
    return np.concatenate([np.empty((config.n_mels, 0), np.float32), *mel_spectrogram_stream([waveform], config)], 1)


def normalise(mel: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Magnitude mel of any shape -> log-mel in [0, 1], float32.

    The floor is added, not cut off: silence is exactly 0, and `denormalise` is the inverse everywhere below the
    ceiling.
    """
    floor = 10 ** (config.floor_db / 20)
    log_mel = 20 * np.log10(np.maximum(mel, 0) + np.float32(floor))
    return np.clip((log_mel - config.floor_db) / config.range_db, 0, 1).astype(np.float32)


def denormalise(normalised: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Log-mel in [0, 1] -> magnitude mel, float32: the inverse of `normalise`."""
    floor = 10 ** (config.floor_db / 20)
    # expm1, as a difference of two powers would leave rounding where there is silence.
    return (floor * np.expm1(np.clip(normalised, 0, 1) * (config.range_db * math.log(10) / 20))).astype(np.float32)


def log_mel(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """The normalised log-mel of a waveform, shape (n_mels, n_frames)."""
    return normalise(mel_spectrogram(waveform, config), config)


def cut_clips(frames: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Normalised frames (n_mels, n) -> clips (n_clips, n_mels, n_frames, 1), the last padded with silence."""
    n_clips = -(-frames.shape[1] // config.n_frames)
    padded = np.zeros((config.n_mels, n_clips * config.n_frames), np.float32)
    padded[:, : frames.shape[1]] = frames
    return padded.reshape(config.n_mels, n_clips, config.n_frames).transpose(1, 0, 2)[..., None]


def join_clips(clips: np.ndarray, n_frames: int) -> np.ndarray:
    """Clips (n_clips, n_mels, n_frames, 1) -> the first n_frames frames (n_mels, n_frames): inverse of `cut_clips`."""
    return clips[..., 0].transpose(1, 0, 2).reshape(clips.shape[1], -1)[:, :n_frames]

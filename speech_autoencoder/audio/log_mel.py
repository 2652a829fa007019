"""Waveform -> magnitude mel -> dB -> [0, 1], each step beside its exact inverse.

Every recording is analysed as one signal; clips are cut from its frames, so that nothing happens at their joins.
"""

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate

import numpy as np

from speech_autoencoder.audio.resampling import fit_length
from speech_autoencoder.config import FeatureConfig

# Frames transformed at once: large enough to amortise the calls, small enough to stay in a core's cache.
_FRAMES_AT_ONCE = 128
# Slaney's mel scale: so many Hz a mel up to the knee, and from there a factor of exp(_MEL_STEP) a mel.
_HZ_A_MEL, _KNEE_HZ, _MEL_STEP = 200 / 3, 1_000.0, math.log(6.4) / 27
_KNEE_MEL = _KNEE_HZ / _HZ_A_MEL


@lru_cache(maxsize=8)
def mel_filters(config: FeatureConfig) -> np.ndarray:
    """Triangular mel filters with peaks of 1, shape (n_mels, n_bins), float32."""
    edges_hz = mel_edges_hz(config)
    widths_hz = np.diff(edges_hz)
    from_edges_hz = np.fft.rfftfreq(config.n_fft, 1 / config.sr) - edges_hz[:, None]
    rising, falling = from_edges_hz[:-2] / widths_hz[:-1, None], -from_edges_hz[2:] / widths_hz[1:, None]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def mel_edges_hz(config: FeatureConfig) -> np.ndarray:
    """Where the mel filters begin, have their peaks and end, shape (n_mels + 2,): filter i has the peak i + 1.

    They are as far apart on Slaney's scale (Auditory Toolbox, 1998), which is linear up to 1 kHz and then logarithmic.
    These are librosa's filters, to the last bit; librosa itself takes longer to load than many a folder to analyse.
    """
    highest = _KNEE_MEL + math.log(config.sr / 2 / _KNEE_HZ) / _MEL_STEP
    mels = np.linspace(0, highest, config.n_mels + 2)
    return np.where(mels < _KNEE_MEL, mels * _HZ_A_MEL, _KNEE_HZ * np.exp(_MEL_STEP * (mels - _KNEE_MEL)))


@lru_cache(maxsize=8)
def scaled_filters(config: FeatureConfig) -> np.ndarray:
    """The mel filters (n_bins, n_mels) by which a full-scale sine has a magnitude of about 1."""
    return np.ascontiguousarray(mel_filters(config).T) * np.float32(2 / hann(config.n_fft).sum())


@lru_cache(maxsize=8)
def hann(n_fft: int, dtype: type = np.float32) -> np.ndarray:
    """The periodic Hann window of n_fft samples."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(dtype)


def mel_spectrogram_stream(blocks: Iterable[np.ndarray], config: FeatureConfig) -> Iterator[np.ndarray]:
    """Chunks of the magnitude mel spectrogram, shape (n_mels, k), of a waveform that arrives in blocks.

    Frames are centred, as librosa's are, with zeros around the waveform: frame i is around sample i * hop_length.
    A full-scale sine has a magnitude of about 1. Whatever the blocks are, the frames are the same.
    """
    n_samples, n_frames = 0, 0
    pending = np.zeros(config.n_fft // 2, np.float32)
    for block in blocks:
        # What is there waits for the next block: a short recording, of one block, is then analysed at once.
        n_ready = (len(pending) - config.n_fft) // config.hop_length + 1
        if n_ready > 0:
            yield from _analyse(pending[: (n_ready - 1) * config.hop_length + config.n_fft], config)
            n_frames += n_ready
            pending = pending[n_ready * config.hop_length :]
        n_samples += len(block)
        pending = np.concatenate([pending, block])
    missing = config.count_frames(n_samples) - n_frames
    if n_samples and missing > 0:
        needed = (missing - 1) * config.hop_length + config.n_fft
        yield from _analyse(fit_length(pending, needed), config)


def _analyse(signal, config):
    """Chunks of the magnitude mel spectrogram (n_mels, k) of every full frame of a signal; nothing is padded."""
    for magnitudes in _magnitudes(signal, config):
        yield (magnitudes @ scaled_filters(config)).T


def _magnitudes(signal, config):
    """Chunks (k, n_bins) of the magnitudes of every full frame of a signal, _FRAMES_AT_ONCE but for the last."""
    window, step = hann(config.n_fft, np.float64), _FRAMES_AT_ONCE * config.hop_length
    for start in range(0, len(signal) - config.n_fft + 1, step):
        part = signal[start : start + step + config.n_fft - config.hop_length]
        frames = np.lib.stride_tricks.sliding_window_view(part, config.n_fft)[:: config.hop_length]
        # In float64: rounding beside loud sound would be heard of in bands 100 dB below it, by 0.01 dB.
        yield np.abs(np.fft.rfft(frames * window)).astype(np.float32)


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


def log_mels(waveforms: list[np.ndarray], config: FeatureConfig) -> list[np.ndarray]:
    """The `log_mel` of each waveform, to the last bit: short ones are sooner done as one signal.

    In that, each has silence around it that is as long as half a frame.
    """
    if not waveforms:
        return []
    counts = [config.count_frames(len(waveform)) for waveform in waveforms]
    # Frames that reach from one into the next, of which nothing is used.
    between = config.n_fft // config.hop_length - 1
    starts = [0, *accumulate(count + between for count in counts)]
    signal = np.zeros(starts[-1] * config.hop_length, np.float32)
    for start, waveform in zip(starts, waveforms, strict=False):
        first = start * config.hop_length + config.n_fft // 2
        signal[first : first + len(waveform)] = waveform
    magnitudes = np.concatenate(list(_magnitudes(signal, config)))
    mels = []
    for start, count in zip(starts, counts, strict=False):
        # As many rows in a product as if it were alone: how many there are may change the last bit.
        parts = range(start, start + count, _FRAMES_AT_ONCE)
        mels += [magnitudes[i : min(i + _FRAMES_AT_ONCE, start + count)] @ scaled_filters(config) for i in parts]
    return np.split(normalise(np.concatenate(mels).T, config), list(accumulate(counts[:-1])), axis=1)


def cut_clips(frames: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Normalised frames (n_mels, n) -> clips (n_clips, n_mels, n_frames, 1), the last padded with silence."""
    n_clips = -(-frames.shape[1] // config.n_frames)
    padded = np.zeros((config.n_mels, n_clips * config.n_frames), np.float32)
    padded[:, : frames.shape[1]] = frames
    return padded.reshape(config.n_mels, n_clips, config.n_frames).transpose(1, 0, 2)[..., None]


def join_clips(clips: np.ndarray, n_frames: int) -> np.ndarray:
    """Clips (n_clips, n_mels, n_frames, 1) -> the first n_frames frames (n_mels, n_frames): inverse of `cut_clips`."""
    return clips[..., 0].transpose(1, 0, 2).reshape(clips.shape[1], -1)[:, :n_frames]

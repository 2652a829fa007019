"""Waveform -> magnitude mel -> dB -> [0, 1], each step beside its exact inverse.

Every recording is analysed as one signal; clips are cut from its frames, so that their joins are not audible.
"""

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate

import numpy as np

from speech_autoencoder.audio.resampling import fit_length
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.system.integers import ceil_div

# Frames transformed at once: enough to amortise the calls, few enough to stay in a core's cache.
_FRAMES_AT_ONCE = 128
# Slaney's mel scale: linear up to the knee, then each mel is a factor of exp(_MEL_STEP).
_HZ_PER_MEL = 200 / 3
_KNEE_HZ = 1_000.0
_KNEE_MEL = _KNEE_HZ / _HZ_PER_MEL
_MEL_STEP = math.log(6.4) / 27


def log_mel(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return the normalised log-mel of a waveform (n_samples,) at config.sr.

    Returns
    -------
    np.ndarray, (n_mels, n_frames) float32
        In [0, 1]; n_frames is config.count_frames(n_samples).
    """
    return normalise(mel_spectrogram(waveform, config), config)


def log_mels(waveforms: list[np.ndarray], config: FeatureConfig) -> list[np.ndarray]:
    """Return the `log_mel` of each waveform, to the last bit: several short ones are faster as one signal.

    In that signal, silence separates the waveforms, so that no frame that is used holds samples of two.
    """
    if not waveforms:
        return []
    counts = [config.count_frames(len(waveform)) for waveform in waveforms]
    # Frames that reach from one waveform into the next; they are not used.
    between = config.n_fft // config.hop_length - 1
    starts = [0, *accumulate(count + between for count in counts)]
    signal = np.zeros(starts[-1] * config.hop_length, np.float32)
    for start, waveform in zip(starts, waveforms, strict=False):
        first = start * config.hop_length + config.n_fft // 2
        signal[first : first + len(waveform)] = waveform
    magnitudes = np.concatenate(list(_magnitudes(signal, config)))
    mels: list[np.ndarray] = []
    for start, count in zip(starts, counts, strict=False):
        # Each product has as many rows as for the waveform alone: their count may change the last bit.
        parts = range(start, start + count, _FRAMES_AT_ONCE)
        mels += [magnitudes[i : min(i + _FRAMES_AT_ONCE, start + count)] @ scaled_filters(config) for i in parts]
    return np.split(normalise(np.concatenate(mels).T, config), list(accumulate(counts[:-1])), axis=1)


def mel_spectrogram(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return the magnitude mel spectrogram (n_mels, n_frames) of a whole waveform; see `mel_spectrogram_stream`."""
    return np.concatenate([np.empty((config.n_mels, 0), np.float32), *mel_spectrogram_stream([waveform], config)], 1)


def mel_spectrogram_stream(
    blocks: Iterable[np.ndarray], config: FeatureConfig, *, first: int = 0
) -> Iterator[np.ndarray]:
    """Yield the magnitude mel spectrogram of a waveform that arrives in blocks; it does not depend on the blocks.

    Frames are centred, as librosa's are, with zeros around the waveform: frame i is around sample first + i *
    hop_length. A full-scale sine has a magnitude of about 1.

    Parameters
    ----------
    blocks : iterable of np.ndarray, each (n_samples,)
        At config.sr.
    first : int
        The sample that frame 0 is around, at most half a window.

    Yields
    ------
    np.ndarray, (n_mels, k) float32
    """
    n_samples, n_frames = 0, 0
    pending = np.zeros(config.n_fft // 2 - first, np.float32)
    for block in blocks:
        # Pending samples wait for the next block, so that a short recording, of one block, is analysed at once.
        n_ready = (len(pending) - config.n_fft) // config.hop_length + 1
        if n_ready > 0:
            yield from _mel_chunks(pending[: (n_ready - 1) * config.hop_length + config.n_fft], config)
            n_frames += n_ready
            pending = pending[n_ready * config.hop_length :]
        n_samples += len(block)
        pending = np.concatenate([pending, block])
    missing = config.count_frames(n_samples) - n_frames
    if n_samples and missing > 0:
        needed = (missing - 1) * config.hop_length + config.n_fft
        yield from _mel_chunks(fit_length(pending, needed), config)


def _mel_chunks(signal: np.ndarray, config: FeatureConfig) -> Iterator[np.ndarray]:
    """Yield the magnitude mel spectrogram (n_mels, k) of every full frame of a signal, without padding."""
    for magnitudes in _magnitudes(signal, config):
        yield (magnitudes @ scaled_filters(config)).T


def _magnitudes(signal: np.ndarray, config: FeatureConfig) -> Iterator[np.ndarray]:
    """Yield the magnitudes (k, n_bins) of every full frame of a signal, _FRAMES_AT_ONCE but for the last."""
    window, step = hann(config.n_fft, np.float64), _FRAMES_AT_ONCE * config.hop_length
    for start in range(0, len(signal) - config.n_fft + 1, step):
        part = signal[start : start + step + config.n_fft - config.hop_length]
        frames = np.lib.stride_tricks.sliding_window_view(part, config.n_fft)[:: config.hop_length]
        # In float64: rounding beside loud sound would change bands 100 dB below it by 0.01 dB.
        yield np.abs(np.fft.rfft(frames * window)).astype(np.float32)


@lru_cache(maxsize=8)
def scaled_filters(config: FeatureConfig) -> np.ndarray:
    """Return the mel filters (n_bins, n_mels), scaled so that a full-scale sine has a magnitude of about 1."""
    return np.ascontiguousarray(mel_filters(config).T) * np.float32(2 / hann(config.n_fft).sum())


@lru_cache(maxsize=8)
def mel_filters(config: FeatureConfig) -> np.ndarray:
    """Return triangular mel filters with peaks of 1, (n_mels, n_bins) float32."""
    edges_hz = mel_edges_hz(config)
    widths_hz = np.diff(edges_hz)
    from_edges_hz = np.fft.rfftfreq(config.n_fft, 1 / config.sr) - edges_hz[:, None]
    rising, falling = from_edges_hz[:-2] / widths_hz[:-1, None], -from_edges_hz[2:] / widths_hz[1:, None]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def mel_edges_hz(config: FeatureConfig) -> np.ndarray:
    """Return the frequencies at which mel filters begin, have their peaks and end.

    They are equally spaced on Slaney's scale (Auditory Toolbox, 1998), which is linear up to 1 kHz and logarithmic
    above. The filters are librosa's, to the last bit, but loading librosa takes longer than analysing a small folder.

    Returns
    -------
    np.ndarray, (n_mels + 2,)
        Hz. Filter i extends from element i to i + 2, with its peak at i + 1.
    """
    highest = _KNEE_MEL + math.log(config.sr / 2 / _KNEE_HZ) / _MEL_STEP
    mels = np.linspace(0, highest, config.n_mels + 2)
    return np.where(mels < _KNEE_MEL, mels * _HZ_PER_MEL, _KNEE_HZ * np.exp(_MEL_STEP * (mels - _KNEE_MEL)))


@lru_cache(maxsize=8)
def hann(n_fft: int, dtype: type = np.float32) -> np.ndarray:
    """Return the periodic Hann window of n_fft samples."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(dtype)


def normalise(mel: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return the log-mel of a magnitude mel of any shape, normalised to [0, 1], float32.

    The magnitude at floor_db is added to each, not a limit of it: silence is exactly 0, and `denormalise` is the
    inverse everywhere below ceiling_db.
    """
    floor = 10 ** (config.floor_db / 20)
    log_mel = 20 * np.log10(np.maximum(mel, 0) + np.float32(floor))
    return np.clip((log_mel - config.floor_db) / config.range_db, 0, 1).astype(np.float32)


def denormalise(normalised: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return the magnitude mel of a normalised log-mel, float32: the inverse of `normalise`."""
    floor = 10 ** (config.floor_db / 20)
    # expm1, as a difference of two powers would leave rounding errors in silence.
    return (floor * np.expm1(np.clip(normalised, 0, 1) * (config.range_db * math.log(10) / 20))).astype(np.float32)


def cut_clips(frames: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return frames (n_mels, n) as clips (n_clips, n_mels, n_frames, 1), the last padded with silence."""
    n_clips = ceil_div(frames.shape[1], config.n_frames)
    padded = np.zeros((config.n_mels, n_clips * config.n_frames), np.float32)
    padded[:, : frames.shape[1]] = frames
    return padded.reshape(config.n_mels, n_clips, config.n_frames).transpose(1, 0, 2)[..., None]


def join_clips(clips: np.ndarray, n_frames: int) -> np.ndarray:
    """Return the first n_frames frames of clips, (n_mels, n_frames): the inverse of `cut_clips`."""
    return clips[..., 0].transpose(1, 0, 2).reshape(clips.shape[1], -1)[:, :n_frames]

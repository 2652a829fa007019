"""Resample waveforms: one, several at once, or one that arrives in blocks."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import soxr

from speech_autoencoder.system.integers import ceil_div

# Waveforms that are resampled as channels of one sound.
_CHANNELS = 8


def resampled_length(n_samples: Any, sr_in: Any, sr_out: Any) -> Any:
    """Return the count of samples that a recording of n_samples at sr_in has at sr_out; also for arrays of integers.

    Examples
    --------
    >>> resampled_length(8_001, 8_000, 22_050)
    22053
    """
    return ceil_div(n_samples * sr_out, sr_in)


def fit_length(waveform: np.ndarray, n_samples: int) -> np.ndarray:
    """Return the waveform cut, or padded with zeros, to n_samples."""
    fitted = np.zeros(n_samples, waveform.dtype)  # np.pad takes ten times as long for a short recording
    fitted[: len(waveform)] = waveform[:n_samples]
    return fitted


def resample(waveform: np.ndarray, sr_in: int, sr_out: int) -> np.ndarray:
    """Return the waveform (n_samples,) at sr_out Hz; the same array if that is its rate."""
    return waveform if sr_in == sr_out else soxr.resample(waveform, sr_in, sr_out)


def resample_together(waveforms: list[np.ndarray], rates: list[int], sr: int) -> list[np.ndarray]:
    """Return each waveform at one rate, to the last bit as `resample_recording` does.

    Waveforms of one rate and of similar length become channels of one sound, for which soxr plans its filters once:
    for a short recording, planning takes longer than resampling.

    Parameters
    ----------
    waveforms, rates
        Each waveform (n_samples,), and its own rate in Hz.
    sr : int
        The rate of the results, Hz.
    """
    resampled = list(waveforms)
    for own_sr in set(rates) - {sr}:
        of_rate = sorted((i for i, rate in enumerate(rates) if rate == own_sr), key=lambda i: len(waveforms[i]))
        for first in range(0, len(of_rate), _CHANNELS):
            some = of_rate[first : first + _CHANNELS]
            channels = np.zeros((len(waveforms[some[-1]]), len(some)), np.float32)
            for channel, i in enumerate(some):
                channels[: len(waveforms[i]), channel] = waveforms[i]
            channels = _resampler(own_sr, sr, len(some)).resample_chunk(channels, last=True)
            for channel, i in enumerate(some):
                # soxr rounds a sound's length; where rounding up gives one sample more, it is zero.
                n_given = (2 * len(waveforms[i]) * sr + own_sr) // (2 * own_sr)
                resampled[i] = fit_length(channels[:n_given, channel], resampled_length(len(waveforms[i]), own_sr, sr))
    return resampled


def resample_recording(blocks: Iterable[np.ndarray], sr_in: int, sr_out: int) -> Iterator[np.ndarray]:
    """Yield the blocks (k,) of a recording, at least one, at another rate: `resampled_length` samples in all."""
    if sr_in == sr_out:
        yield from blocks
        return
    resampler = _resampler(sr_in, sr_out)
    n_in = n_out = 0
    for block, is_last in _with_last(blocks):
        n_in += len(block)
        expected = resampled_length(n_in, sr_in, sr_out)
        block = resampler.resample_chunk(block, last=is_last)
        if is_last:
            block = fit_length(block, expected - n_out)
        n_out += len(block)
        yield block


def resample_stream(blocks: Iterable[np.ndarray], sr_in: int, sr_out: int, n_samples: int) -> Iterator[np.ndarray]:
    """Yield a waveform that arrives in blocks (k,), resampled to sr_out, and cut or padded with zeros to n_samples."""
    resampler = None if sr_in == sr_out else _resampler(sr_in, sr_out)
    left = n_samples
    for block in blocks:
        block = resampler.resample_chunk(np.ascontiguousarray(block, np.float32)) if resampler else block
        block = block[:left]
        left -= len(block)
        yield block
    if resampler:
        block = resampler.resample_chunk(np.empty(0, np.float32), last=True)[:left]
        left -= len(block)
        yield block
    yield np.zeros(left, np.float32)


def _resampler(sr_in: int, sr_out: int, n_channels: int = 1) -> soxr.ResampleStream:
    """Return a resampler for a sound that arrives in blocks; it does what `soxr.resample` does to a whole one."""
    return soxr.ResampleStream(sr_in, sr_out, n_channels, dtype="float32", quality="HQ")


def _with_last(items: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    """Yield each item, and whether it is the last."""
    iterator = iter(items)
    item = next(iterator)
    for following in iterator:
        yield item, False
        item = following
    yield item, True

"""Read any recording as mono float32, in blocks or whole, at its own rate or another."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.decoding import Decoder
from speech_autoencoder.audio.resampling import resample_recording
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable

# The largest magnitude of a sample: a lossy decoder's may pass full scale a little, unscaled integers pass it far.
PEAK_LIMIT = 16.0
# A mono mean this much quieter than the channels (as power) has cancelled: 20 dB.
_CANCELLED = 1e-2
# A mean of more than this share of the RMS around it is an offset and is subtracted: it is inaudible, but its ends
# click, and a window makes a hum of it.
_OFFSET = 0.2
# Seconds; a shorter recording may have such a mean without an offset.
_OFFSET_S = 0.1

Watch = Callable[[np.ndarray], None]


@dataclass(frozen=True)
class Recording:
    """A recording that can be used.

    Attributes
    ----------
    sr : int
        Hz.
    n_samples : int
        Its length at that rate: exactly what `read_stream` yields.
    n_channels : int
    note : str
        What is to be said of it, without its name: how much of a file that is not whole is used. Empty for most.
    """

    path: Path
    sr: int
    n_samples: int
    n_channels: int
    note: str = ""

    @property
    def duration_s(self) -> float:
        """The length in seconds."""
        return self.n_samples / self.sr


def describe(path: Path, *, salvage: bool = False) -> Recording:
    """Return what a recording holds; what is coded (FLAC, OGG, MP3) is decoded for it.

    Parameters
    ----------
    salvage : bool
        Accept a file that is not whole, with what can be decoded of it.

    Raises
    ------
    InputError
        If the file is not a usable recording, or is not whole and `salvage` is not set.
    """
    with Decoder(path, salvage=salvage) as decoder:
        return _describe(decoder)


def sample_rate(path: Path) -> int:
    """Return the sample rate of a recording in Hz, by its header; see `describe`."""
    with Decoder(path, salvage=True) as decoder:
        return decoder.sr


@contextmanager
def opened(
    path: Path, *, salvage: bool = False
) -> Iterator[tuple[Recording, Callable[[int | None, Watch | None], Iterator[np.ndarray]]]]:
    """Open a recording once, to describe it and to read it once.

    Yields
    ------
    Recording
        As `describe` returns it.
    callable
        Takes the sr and watch of `read_stream`, and returns the same blocks.
    """
    with Decoder(path, salvage=salvage) as decoder:
        yield _describe(decoder), partial(_blocks, decoder)


@contextmanager
def opened_stream(path: Path, *, salvage: bool = False) -> Iterator[tuple[int, Iterator[np.ndarray]]]:
    """Open a recording to read as much of it as is needed; see `read_stream`.

    Yields
    ------
    int
        Its sample rate in Hz.
    iterator
        The blocks of `read_stream`, at that rate.
    """
    with Decoder(path, salvage=salvage) as decoder:
        yield decoder.sr, _blocks(decoder, None, None)


def _describe(decoder: Decoder) -> Recording:
    """Return what an open recording holds."""
    n_samples, note = decoder.measure()
    return Recording(decoder.path, decoder.sr, n_samples, decoder.n_channels, note)


def read_stream(
    path: Path, sr: int | None = None, watch: Watch | None = None, *, salvage: bool = False
) -> Iterator[np.ndarray]:
    """Yield the recording as mono in blocks (n_samples,) of float32.

    Channels are averaged; if they cancel (one is the other upside down), the loudest is used instead. A large offset
    is subtracted. All blocks together hold `resampled_length` samples.

    Parameters
    ----------
    sr : int, optional
        Hz; without it, the recording's own.
    watch : callable, optional
        Called with each block as mono at the recording's own rate, offset included.
    salvage : bool
        Use what can be decoded of a file that is not whole.

    Raises
    ------
    InputError
        If the file is unreadable or not whole, or holds NaN, infinite or absurdly large samples.
    """
    with Decoder(path, salvage=salvage) as decoder:
        yield from _blocks(decoder, sr, watch)


def read(path: Path, sr: int | None = None, *, most: int | None = None, salvage: bool = False) -> np.ndarray:
    """Return the recording, or at most its first `most` samples, as mono float32 (n_samples,); see `read_stream`."""
    blocks, n_samples = [], 0
    for block in read_stream(path, sr, salvage=salvage):
        blocks.append(block)
        n_samples += len(block)
        if most is not None and n_samples >= most:
            break
    return np.concatenate(blocks)[:most]


def _blocks(decoder: Decoder, sr: int | None, watch: Watch | None) -> Iterator[np.ndarray]:
    """Return the blocks that `read_stream` yields, of an open file."""
    blocks = without_offset(_mono_blocks(decoder), decoder.sr, watch)
    return resample_recording(blocks, decoder.sr, sr or decoder.sr)


def without_offset(blocks: Iterable[np.ndarray], sr: int, watch: Watch | None) -> Iterator[np.ndarray]:
    """Yield the blocks, each shown to watch, minus the offset of the first one if that is large."""
    offset: np.float32 | None = None
    for block in blocks:
        if watch:
            watch(block)
        if offset is None:
            precise = block.astype(np.float64)
            mean, power = precise.mean(), precise @ precise / len(block)
            is_large = len(block) >= _OFFSET_S * sr and mean**2 > _OFFSET**2 * (power - mean**2)
            offset = np.float32(mean if is_large else 0)
        yield block - offset if offset else block


def _mono_blocks(decoder: Decoder) -> Iterator[np.ndarray]:
    """Yield blocks of mono samples at the file's own rate, checked."""
    channel = None  # the one that is used; -1: their mean
    for block in decoder.blocks():
        _check_samples(block, decoder.path)
        if block.shape[1] == 1:
            yield block[:, 0]
            continue
        mono = block.mean(axis=1)
        if channel is None:
            channel = _channel(block, mono)
        is_mean = channel in (None, -1) or channel >= block.shape[1]  # another of several recordings in the file
        yield mono if is_mean else np.ascontiguousarray(block[:, channel])


def _check_samples(block: np.ndarray, path: Path) -> None:
    """Raise InputError if a block (n_samples, n_channels) holds samples that are not sound."""
    peak = float(np.abs(block).max())
    if not math.isfinite(peak):
        raise InputError(f"{printable(path)} holds samples that are not numbers (NaN or infinite): export it again.")
    if peak > PEAK_LIMIT:
        raise InputError(
            f"{printable(path)} holds samples of up to {peak:.3g}, where full scale is 1: scale it to [-1, 1]."
        )


def _channel(block: np.ndarray, mono: np.ndarray) -> int | None:
    """Return the loudest channel of a block if its mean cancels, -1 if it does not, None if the block is silent.

    The first sound decides for the whole recording: switching in the middle would be audible.
    """
    power = np.mean(block.astype(np.float64) ** 2, axis=0)
    if not power.max() > 0:
        return None
    has_cancelled = np.mean(mono.astype(np.float64) ** 2) < _CANCELLED * power.max() / len(power)
    return int(power.argmax()) if has_cancelled else -1

"""Which quality step a block is coded at, so that a file stays within a bitrate."""

from collections.abc import Callable

import numpy as np

from speech_autoencoder.codec.container import Block
from speech_autoencoder.codec.range_coder import LatentCoder

# A block, and the latents that it is decoded to.
Coded = tuple[Block, np.ndarray]


def encode_block(
    coder: LatentCoder, values: np.ndarray, before: np.ndarray | None, quality: int, prices: np.ndarray | None = None
) -> Coded:
    """Return a block of latents at a quality step, and what it is decoded to; see `LatentCoder.encode`."""
    payload, decoded = coder.encode(values, quality, before, prices=prices)
    return Block(quality, payload, len(values)), decoded


def finest_block(
    coder: LatentCoder,
    values: np.ndarray,
    before: np.ndarray | None,
    max_bytes: float,
    guess: int | None,
    prices: np.ndarray | None = None,
    *,
    n_qualities: int | None = None,
) -> Coded:
    """Return a block of latents at the finest quality step that fits, or else at the coarsest.

    Parameters
    ----------
    values, before, prices
        As for `LatentCoder.encode`.
    max_bytes : float
        The most bytes that the block may take.
    guess : int or None
        The quality step of the block before.
    n_qualities : int or None
        Only so many steps, the coarsest ones, are tried; None: all of them.
    """
    coded: dict[int, Coded] = {}

    def fits(quality: int) -> bool:
        coded[quality] = encode_block(coder, values, before, quality, prices)
        return len(coded[quality][0].to_bytes()) <= max_bytes

    return coded[finest_quality(n_qualities or coder.model.n_qualities, fits, guess)]


def finest_quality(n_qualities: int, fits: Callable[[int], bool], guess: int | None) -> int:
    """Return the finest quality step that fits, or else the coarsest, which has been tried then.

    Finer steps take more bytes, with negligible exceptions, so the step is found by bisection. From a guess, the
    search moves in strides that double at first: the step is mostly near that of the block before, and coding a block
    takes much of the time of encoding.
    """
    low, high, best = 0, n_qualities - 1, 0
    quality, stride = (high // 2, high + 1) if guess is None else (guess, 1)
    while low <= high:
        if fits(quality):
            best, low, quality = quality, quality + 1, quality + stride
        else:
            high, quality = quality - 1, quality - stride
        stride *= 2
        if not low <= quality <= high:
            quality = (low + high) // 2
    return best

"""Which quality step a block is coded at, so that a file stays within a bitrate."""

import numpy as np

from speech_autoencoder.codec.container import Block
from speech_autoencoder.codec.range_coder import LatentCoder

# A block, and the latents that it is decoded to.
Coded = tuple[Block, np.ndarray]


def encode_block(coder: LatentCoder, values: np.ndarray, before: np.ndarray | None, quality: int) -> Coded:
    """Return a block of latents at a quality step, and what it is decoded to; see `LatentCoder.encode`."""
    payload, decoded = coder.encode(values, quality, before)
    return Block(quality, payload, len(values)), decoded


def finest_block(
    coder: LatentCoder, values: np.ndarray, before: np.ndarray | None, max_bytes: float, guess: int | None
) -> Coded:
    """Return a block of latents at the finest quality step that fits, or else at the coarsest.

    Finer steps take more bytes, with negligible exceptions, so the step is found by bisection. From a guess, the
    search moves in strides that double at first: the step is mostly near that of the block before, and coding a block
    takes most of the time of encoding.

    Parameters
    ----------
    values, before : np.ndarray
        As for `LatentCoder.encode`.
    max_bytes : float
        The most bytes that the block may take.
    guess : int or None
        The quality step of the block before.
    """
    low, high = 0, coder.model.n_qualities - 1
    best: Coded | None = None
    coarsest: Coded | None = None
    quality, stride = (high // 2, high + 1) if guess is None else (guess, 1)
    while low <= high:
        coded = encode_block(coder, values, before, quality)
        if len(coded[0].to_bytes()) <= max_bytes:
            best, low, quality = coded, quality + 1, quality + stride
        else:
            coarsest, high, quality = coded, quality - 1, quality - stride
        stride *= 2
        if not low <= quality <= high:
            quality = (low + high) // 2
    found = best or coarsest
    if found is None:
        raise ValueError("the model has no quality steps")
    return found

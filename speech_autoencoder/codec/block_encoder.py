"""Frames -> a block of a .sae file, at a quality step or within some bytes."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from speech_autoencoder.codec.enhancement_coder import EnhancementCoder
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.codec.rate_control import Coded, encode_block, finest_block, finest_quality
from speech_autoencoder.codec.rate_distortion import RateDistortionSearch
from speech_autoencoder.model.quantisation import to_fixed, to_floats

# The quality step of silence, which takes the least bits there.
_COARSEST = 0
# A block's quality step is the finest that fits at _FINEST_AT times the price of the search. The block is then coded up
# to _TRIES times, at shares of that price within _SHARES, until it takes at least _LEAST_USE of the bytes that it may
# take. Each try aims at _AIM of them.
_FINEST_AT = 1.5
_SHARES = (0.1, 3.0)
_TRIES = 5
_LEAST_USE = 0.985
_AIM = 0.995
# How many times the range of shares is halved to choose the first one. The second is chosen as if bytes fell with this
# power of the price (0.25 to 0.45 on FSDD).
_HALVINGS = 6
_POWER = 0.35
# The bytes that tell the size of an enhancement layer, at most.
_MOST_OF_A_COUNT = 3


class BlockEncoder:
    """Encodes blocks of frames; if the encoder has search steps, with the rate-distortion search.

    Parameters
    ----------
    encoder : Encoder
        Its model must have an entropy model.

    Attributes
    ----------
    coder : LatentCoder
        Of the model.
    """

    def __init__(self, encoder: Encoder) -> None:
        model = encoder.model
        self._network = model.network
        self.coder = LatentCoder(model.require_entropy("The model"))
        self._enhancer = EnhancementCoder(model, model.enhancement) if model.enhancement else None
        self._n_base = model.n_base
        self._search = RateDistortionSearch(encoder) if encoder.config.steps else None

    def at_quality(self, frames: np.ndarray, wanted: slice, before: np.ndarray, quality: int) -> Coded:
        """Return the block of the wanted latents at a quality step.

        Parameters
        ----------
        frames : np.ndarray
            Normalised log-mel (n_mels, n_frames), with context.
        wanted : slice
            Which of their latents are the block's.
        before : np.ndarray
            (max(2, wanted.start), C), the latents before those, as decoded; zeros where there are none.
        """
        start, number = self._start(frames), quality - self._n_base
        if self._is_silent(frames, wanted):
            return encode_block(self.coder, to_fixed(start[wanted]), before, _COARSEST)
        block, decoded = self._base_layer(frames, start, wanted, before, min(quality, self._n_base - 1))
        if not self._enhancer or number < 0:
            return block, decoded
        coded = self._enhancer.encode(*self._decoded(frames, start, wanted, before, decoded), decoded, number)
        return block._replace(quality=quality, enhancement=coded), decoded

    def within(
        self, frames: np.ndarray, wanted: slice, before: np.ndarray, max_bytes: float, guess: int | None
    ) -> Coded:
        """Return the block of the wanted latents in at most max_bytes, or else at the coarsest quality step.

        Parameters
        ----------
        frames, wanted, before
            As for `at_quality`.
        guess : int or None
            The quality step of the block before.
        """
        if self._is_silent(frames, wanted):
            return self.at_quality(frames, wanted, before, _COARSEST)
        start, search = self._start(frames), self._search
        if self._enhancer and self._may_have_more(frames, start, wanted, before, max_bytes):
            block, decoded = self._base_layer(frames, start, wanted, before, self._n_base - 1)
            left = max_bytes - len(block.to_bytes()) - _MOST_OF_A_COUNT
            if left > 0:
                base = self._decoded(frames, start, wanted, before, decoded)
                number, enhancement = self._enhancer.finest(*base, decoded, left)
                if number >= 0:
                    return block._replace(quality=self._n_base + number, enhancement=enhancement), decoded
        guess = None if guess is None else min(guess, self._n_base - 1)
        if not search:
            return finest_block(self.coder, to_fixed(start[wanted]), before, max_bytes, guess, n_qualities=self._n_base)
        prices, last_two = search.prices(frames)[wanted], to_floats(before[-2:])

        def expected_bits(latents: np.ndarray, quality: int, share: float) -> float:
            return search.code_length.quantise(latents, quality, last_two, prices=share * prices, rounds=2)[1]

        def finest(latents: np.ndarray, max_bits: float, guess: int | None) -> int:
            return finest_quality(self._n_base, lambda q: expected_bits(latents, q, _FINEST_AT) <= max_bits, guess)

        quality = finest(start[wanted], 8 * max_bytes, guess)
        latents = search(frames, start, wanted, to_floats(before), quality)
        quality = finest(latents, 8 * max_bytes, quality)
        aim = max(1.0, _AIM * max_bytes)
        share = _share_at(partial(expected_bits, latents, quality), 8 * aim)
        coded: Coded | None = None
        sizes: dict[float, int] = {}  # by the shares that were tried
        while len(sizes) < _TRIES and share not in sizes:
            tried = encode_block(self.coder, to_fixed(latents), before, quality, share * prices)
            size = sizes[share] = len(tried[0].to_bytes())
            if size <= max_bytes and (coded is None or size > len(coded[0].to_bytes())):
                coded = tried
            if _LEAST_USE * max_bytes <= size <= max_bytes:
                break
            share = _next_share(sizes, share, aim)
        return coded or finest_block(
            self.coder, to_fixed(latents), before, max_bytes, quality, _SHARES[1] * prices, n_qualities=self._n_base
        )

    def _base_layer(
        self, frames: np.ndarray, start: np.ndarray, wanted: slice, before: np.ndarray, quality: int
    ) -> Coded:
        """Return the block at a quality step without enhancement layer; start are the encoder's latents."""
        if not self._search:
            return encode_block(self.coder, to_fixed(start[wanted]), before, quality)
        latents = self._search(frames, start, wanted, to_floats(before), quality)
        return encode_block(self.coder, to_fixed(latents), before, quality, self._search.prices(frames)[wanted])

    def _may_have_more(
        self, frames: np.ndarray, start: np.ndarray, wanted: slice, before: np.ndarray, max_bytes: float
    ) -> bool:
        """Return whether an enhancement layer may fit; without the search, the base layer is cheap to try."""
        if not self._search:
            return True
        prices, last_two = self._search.prices(frames)[wanted], to_floats(before[-2:])
        code_length = self._search.code_length
        return (
            code_length.quantise(start[wanted], self._n_base - 1, last_two, prices=prices, rounds=2)[1] < 8 * max_bytes
        )

    def _decoded(
        self, frames: np.ndarray, start: np.ndarray, wanted: slice, before: np.ndarray, decoded: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the block's frames, and what its decoded latents make of them, in the context that a decoder has.

        Only the latents after the block are not known yet: those of the encoder stand for them.
        """
        per_latent = self._network.config.frames_per_latent
        context = to_floats(before[len(before) - wanted.start :])
        base = self._network.decode(np.concatenate([context, to_floats(decoded), start[wanted.stop :]]))
        place = slice(wanted.start * per_latent, (wanted.start + len(decoded)) * per_latent)
        own = frames[:, place]
        return own, base[:, place][:, : own.shape[1]]

    def _start(self, frames: np.ndarray) -> np.ndarray:
        """Return the encoder's latents as fixed point holds them: always finite."""
        return to_floats(to_fixed(self._network.encode(frames)))

    def _is_silent(self, frames: np.ndarray, wanted: slice) -> bool:
        per_latent = self._network.config.frames_per_latent
        return not frames[:, wanted.start * per_latent : wanted.stop * per_latent].any()


def _share_at(bits_at: Callable[[float], float], max_bits: float) -> float:
    """Return the share of the price, the least if possible, at which no more than these bits are expected."""
    low, high = _SHARES
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if bits_at(middle) > max_bits else (low, middle)
    return high


def _next_share(sizes: dict[float, int], last: float, aim: float) -> float:
    """Return the share of the price to try after others {share: bytes}: bytes are about linear in its logarithm."""
    above = [share for share, size in sizes.items() if size > aim]
    below = [share for share, size in sizes.items() if size <= aim]
    if above and below and max(above) < min(below):
        low, high = max(above), min(below)
        place = (sizes[low] - aim) / (sizes[low] - sizes[high])
        return low * (high / low) ** place
    return float(np.clip(last * (sizes[last] / aim) ** (1 / _POWER), *_SHARES))

"""Blocks of the enhancement layer -> bytes, at a quality step or within some bytes, and back to frames."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from speech_autoencoder.codec.range_coder import SymbolCoder
from speech_autoencoder.codec.rate_control import finest_quality
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.enhancement import Enhancement, Weighting
from speech_autoencoder.model.entropy_model import RADIUS, TABLE_BITS, symbol_bits
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.quantisation import round_to_symbols, zero_savings

# The squared quantisation steps that a bit is worth (docs/experiments.md).
_PRICE = 0.12
# A block's level is a byte.
_LEVELS = 255


class Addition(NamedTuple):
    """What a block's enhancement layer adds: weighted values (n, n_values), and the level of the block, n times."""

    values: np.ndarray
    levels: np.ndarray


def most_bytes(model: TrainedModel) -> int:
    """Return more bytes than the enhancement layer of any latent of a model can take."""
    layer = model.enhancement
    return len(layer.basis) * (TABLE_BITS // 8 + 1) + 1 if layer else 0


class EnhancementCoder:
    """Codes what frames have beyond the base layer.

    Parameters
    ----------
    model : TrainedModel
        The model.
    layer : Enhancement
        Its enhancement layer.
    """

    def __init__(self, model: TrainedModel, layer: Enhancement) -> None:
        self._layer = layer
        self._per_latent = model.config.frames_per_latent
        self._weighting = Weighting(model.features, model.loss, self._per_latent)
        self._coder = SymbolCoder(layer.tables)
        self._savings = zero_savings(layer.tables)
        self._bits = symbol_bits(layer.tables).astype(np.float32)

    def encode(self, frames: np.ndarray, base: np.ndarray, latents: np.ndarray, number: int) -> bytes:
        """Return a block's bytes at a quality step.

        Parameters
        ----------
        frames, base : np.ndarray
            (n_mels, n_frames), normalised log-mel, and what the latents decode to.
        latents : np.ndarray
            (n, C), as decoded, in fixed point.
        number : int
            The quality step, 0 the coarsest.
        """
        level, components = self._components(frames, base)
        return bytes([level]) + self._coder.encode(*self._quantise(components, self._layer.scales(latents), number))

    def finest(self, frames: np.ndarray, base: np.ndarray, latents: np.ndarray, max_bytes: float) -> tuple[int, bytes]:
        """Return the finest quality step whose bytes are at most max_bytes, and these; -1 and none if all have more."""
        (level, components), scales = self._components(frames, base), self._layer.scales(latents)

        def is_expected_to_fit(number: int) -> bool:
            symbols, classes = self._quantise(components, scales, number)
            return 1 + float(self._bits[classes, symbols + RADIUS].sum()) / 8 <= max_bytes

        # The coder needs a byte more than expected at most, so a step below the first one surely fits.
        for number in range(finest_quality(self._layer.n_steps, is_expected_to_fit, None), -1, -1):
            coded = bytes([level]) + self._coder.encode(*self._quantise(components, scales, number))
            if len(coded) <= max_bytes:
                return number, coded
        return -1, b""

    def decode(self, payload: bytes, latents: np.ndarray, number: int) -> Addition:
        """Return what a block's bytes add to what its latents (n, C) decode to.

        Raises
        ------
        InputError
            If `encode` cannot have made the payload; not all damage is noticed here.
        """
        if not payload:
            raise InputError("a block is damaged: its enhancement layer is empty")
        classes = self._layer.classes(self._layer.scales(latents), number)
        symbols = self._coder.reader(payload[1:])(classes.ravel()).reshape(classes.shape)
        components = symbols * np.float32(self._layer.step(number))
        return Addition(components @ self._layer.basis, np.full(len(latents), payload[0] / _LEVELS, np.float32))

    def nothing(self, n_latents: int) -> Addition:
        """Return what a block adds that has no enhancement layer."""
        return Addition(np.zeros((n_latents, self._layer.basis.shape[1]), np.float32), np.ones(n_latents, np.float32))

    def add(self, chunks: Iterable[np.ndarray], additions: deque[Addition]) -> Iterator[np.ndarray]:
        """Yield chunks (n_mels, k) of decoded frames with what blocks add to them.

        The additions of a chunk's latents must be there once the chunk is.
        """
        pending = self.nothing(0)
        for chunk in chunks:
            n_latents = chunk.shape[1] // self._per_latent
            while len(pending.levels) < n_latents:
                pending = Addition(*map(np.concatenate, zip(pending, additions.popleft(), strict=True)))
            values, levels = (part[:n_latents] for part in pending)
            yield self._weighting.to_frames(values, chunk, np.repeat(levels, self._per_latent))
            pending = Addition(*(part[n_latents:] for part in pending))

    def _components(self, frames: np.ndarray, base: np.ndarray) -> tuple[int, np.ndarray]:
        """Return a block's level, from 0 to _LEVELS, and its components (n, K)."""
        level = round(_LEVELS * min(1.0, self._weighting.level(base)))
        return level, self._weighting.to_values(frames, base, level / _LEVELS) @ self._layer.basis.T

    def _quantise(self, components: np.ndarray, scales: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the symbols, int32, and their classes, both (n, K)."""
        classes = self._layer.classes(scales, number)
        symbols = round_to_symbols(components / self._layer.step(number), self._savings[classes], _PRICE)
        return symbols.astype(np.int32), classes

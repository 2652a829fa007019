"""Latents -> bytes, and back to the very same integers: range coding (Martin, 1979) by the library constriction."""

from functools import lru_cache

import numpy as np

from speech_autoencoder.errors import InputError
from speech_autoencoder.model.entropy_model import RADIUS, TABLE_BITS, EntropyModel, Predictor, decode_symbols, quantise

# Symbols that are coded in one call: each has a row of floats, which would be much for a whole block.
_AT_ONCE = 4_096
_STATE_BITS, _WORD_BYTES = 64, 4


class LatentCoder:
    """Latents in fixed point, block by block, to bytes and back."""

    def __init__(self, model: EntropyModel):
        import constriction

        self.model = model
        self._queue = constriction.stream.queue
        self._family = constriction.stream.model.Categorical(perfect=False)
        # constriction gives each symbol 1, and shares the rest out in proportion. What is left of our frequencies sums
        # to just that rest: nothing is rounded, and the coder's frequencies are ours, see test_codes.py.
        self._weights = (model.tables - 1).astype(np.float32)
        self._predictor = lru_cache(maxsize=None)(lambda quality: Predictor(model, quality))

    @property
    def most_latent_bytes(self) -> int:
        """More bytes than any latent can take."""
        return self.model.n_channels * (TABLE_BITS // 8 + 1)

    def encode(self, values: np.ndarray, quality: int, before: np.ndarray | None = None) -> tuple[bytes, np.ndarray]:
        """(payload, decoded) of latents in fixed point (n, C); decoded (n, C) int64 is what `decode` will make of it.

        before is the end of what was decoded before, its last two latents or more; zeros where there is nothing.
        """
        symbols, classes, decoded = quantise(self._predictor(quality), values, _last_two(before, self.model))
        symbols, classes = symbols.ravel() + np.int32(RADIUS), classes.ravel()
        coder = self._queue.RangeEncoder()
        for start in range(0, len(symbols), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            coder.encode(symbols[part], self._family, self._weights[classes[part]])
        return _shortest(coder), decoded

    def decode(self, payload: bytes, n_latents: int, quality: int, before: np.ndarray | None = None) -> np.ndarray:
        """The latents (n_latents, C) in fixed point, int64, that `encode` made payload of.

        Raises InputError where no latents would have been coded like this; not every damage is seen here.
        """
        words = np.frombuffer(payload + bytes(-len(payload) % _WORD_BYTES), ">u4").astype(np.uint32)
        coder, family, weights = self._queue.RangeDecoder(words), self._family, self._weights

        def choose(time, first, end, mean, kinds, step):
            return coder.decode(family, weights[kinds]) - RADIUS

        try:
            decoded = decode_symbols(self._predictor(quality), n_latents, _last_two(before, self.model), choose)
        except AssertionError as error:  # what constriction raises
            raise InputError("a block holds what no latents are coded as") from error
        return decoded


def _last_two(decoded, model):
    """The last two latents (2, C), zeros where there are fewer."""
    if decoded is None:
        decoded = np.empty((0, model.n_channels), np.int64)
    return np.concatenate([np.zeros((2, model.n_channels), np.int64), decoded[-2:]])[-2:]


def _shortest(coder):
    """The fewest bytes that, with zeros after them, are a number within the coder's last interval.

    The coder itself ends on a whole word. It has shifted `position` words out; the interval begins at `lower`, and
    is `span` wide, in units of the last bit of the 64 bits after them.
    """
    words, (position, (lower, span)) = coder.get_compressed(), coder.pos()
    n_bytes = position * _WORD_BYTES + _STATE_BITS // 8
    number = int.from_bytes(words.astype(">u4").tobytes().ljust(n_bytes, b"\0"), "big")
    # The number lies in the interval. As an integer of all the bytes, the interval begins where lower says, and that
    # is below 2**64 away; this holds too where a carry went on into words that were shifted out.
    first = number - (number - lower) % 2**_STATE_BITS
    for n_dropped in range(_STATE_BITS // 8, -1, -1):
        rounded_up = -(-first >> 8 * n_dropped) << 8 * n_dropped
        if rounded_up < min(first + span, 2 ** (8 * n_bytes)):
            break
    return rounded_up.to_bytes(n_bytes, "big").rstrip(b"\0")

"""Symbols, and latents by them -> bytes, and back to the same integers, by range coding (Martin, 1979).

A range coder turns a sequence of symbols into one long number. It starts with an interval, divides it into parts as
long as each symbol is likely, keeps the part of the symbol that comes, divides that one for the next symbol, and so on.
Any number in the last interval stands for the whole sequence; a likely sequence ends in a wide interval, in which a
number with few digits lies. The decoder makes the same divisions, and sees in which part the number lies. So both need
exactly the same probabilities, which `entropy_model` computes in integers. The library constriction does the coding.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import constriction
import numpy as np

from speech_autoencoder.errors import InputError
from speech_autoencoder.model.entropy_model import RADIUS, TABLE_BITS, EntropyModel
from speech_autoencoder.model.quantisation import Predictor, decode_symbols, quantise
from speech_autoencoder.system.integers import ceil_div

# Symbols that are coded in one call: each has a row of floats, which would take much memory for a whole block.
_SYMBOLS_AT_ONCE = 4_096
# The state of constriction's coder, and the words that it emits.
_STATE_BITS = 64
_WORD_BYTES = 4


class SymbolCoder:
    """Codes symbols, each with the frequencies of its class, to bytes and back.

    Parameters
    ----------
    tables : np.ndarray
        (CLASSES, N_SYMBOLS), the frequencies, as an `EntropyModel` has them.
    """

    def __init__(self, tables: np.ndarray) -> None:
        self._family = constriction.stream.model.Categorical(perfect=False)
        # constriction gives each symbol a frequency of 1, and divides the rest in proportion to these weights. They
        # sum to exactly that rest, so nothing is rounded, and the coder's frequencies are ours, see test_range_coder.
        self._weights = (tables - 1).astype(np.float32)

    def encode(self, symbols: np.ndarray, classes: np.ndarray) -> bytes:
        """Return the bytes of symbols, int32 from -RADIUS to RADIUS; classes has their shape."""
        symbols, classes = symbols.ravel() + np.int32(RADIUS), classes.ravel()
        coder = constriction.stream.queue.RangeEncoder()
        for start in range(0, len(symbols), _SYMBOLS_AT_ONCE):
            part = slice(start, start + _SYMBOLS_AT_ONCE)
            coder.encode(symbols[part], self._family, self._weights[classes[part]])
        return _shortest(coder)

    def reader(self, payload: bytes) -> Callable[[np.ndarray], np.ndarray]:
        """Return a function that takes the classes (k,) of the next symbols in a payload, and returns these.

        It raises InputError if `encode` cannot have made the payload; not all damage is noticed.
        """
        words = np.frombuffer(payload + bytes(-len(payload) % _WORD_BYTES), ">u4").astype(np.uint32)
        coder = constriction.stream.queue.RangeDecoder(words)

        def read(classes: np.ndarray) -> np.ndarray:
            starts = range(0, len(classes), _SYMBOLS_AT_ONCE)
            parts = [classes[start : start + _SYMBOLS_AT_ONCE] for start in starts]
            try:
                found = [coder.decode(self._family, self._weights[part]) for part in parts]
            except AssertionError as error:  # what constriction raises
                raise InputError("a block is damaged: no symbols are coded like this") from error
            return np.concatenate(found) - RADIUS

        return read


class LatentCoder:
    """Codes latents in fixed point, block by block, to bytes and back, with the distributions that a model predicts."""

    def __init__(self, model: EntropyModel) -> None:
        self.model = model
        self._coder = SymbolCoder(model.tables)
        self._predictor = lru_cache(maxsize=None)(lambda quality: Predictor(model, quality))

    @property
    def max_latent_bytes(self) -> int:
        """More bytes than any latent can take."""
        return self.model.n_channels * (TABLE_BITS // 8 + 1)

    def encode(
        self, values: np.ndarray, quality: int, before: np.ndarray | None = None, *, prices: np.ndarray | None = None
    ) -> tuple[bytes, np.ndarray]:
        """Quantise and code a block of latents.

        Parameters
        ----------
        values : np.ndarray
            (n, C), latents in fixed point.
        quality : int
            The quality step, 0 the coarsest.
        before : np.ndarray or None
            What was decoded before, of which the last two latents count; None: zeros.
        prices : np.ndarray or None
            As for `quantise`.

        Returns
        -------
        payload : bytes
            The coded block.
        decoded : np.ndarray
            (n, C), int64, what `decode` makes of it.
        """
        last_two = _last_two(before, self.model)
        symbols, classes, decoded = quantise(self._predictor(quality), values, last_two, prices=prices)
        return self._coder.encode(symbols, classes), decoded

    def decode(self, payload: bytes, n_latents: int, quality: int, before: np.ndarray | None = None) -> np.ndarray:
        """Decode a block of latents.

        Parameters
        ----------
        payload : bytes
            What `encode` returned.
        n_latents : int
            The count of latents in it.
        quality, before
            As for `encode`.

        Returns
        -------
        np.ndarray
            (n_latents, C), int64, in fixed point.

        Raises
        ------
        InputError
            If `encode` cannot have made the payload; not all damage is noticed here.
        """
        read = self._coder.reader(payload)

        def choose(
            time: int, first: int, end: int, mean: np.ndarray, classes: np.ndarray, step: np.ndarray
        ) -> np.ndarray:
            return read(classes)

        return decode_symbols(self._predictor(quality), n_latents, _last_two(before, self.model), choose)


def _last_two(decoded: np.ndarray | None, model: EntropyModel) -> np.ndarray:
    """Return the last two latents (2, C), after zeros where there are fewer."""
    if decoded is None:
        decoded = np.empty((0, model.n_channels), np.int64)
    return np.concatenate([np.zeros((2, model.n_channels), np.int64), decoded[-2:]])[-2:]


def _shortest(coder: Any) -> bytes:
    """Return the fewest bytes that, followed by zeros, are a number within the coder's last interval.

    The coder itself ends on a whole word. It has emitted `position` words; the interval begins at `lower`, and is
    `span` wide, in units of the last bit of the 64 bits after them.
    """
    words, (position, (lower, span)) = coder.get_compressed(), coder.pos()
    n_bytes = position * _WORD_BYTES + _STATE_BITS // 8
    number = int.from_bytes(words.astype(">u4").tobytes().ljust(n_bytes, b"\0"), "big")
    # The number lies in the interval. As an integer of all the bytes, the interval begins where its last 64 bits are
    # `lower`, less than 2**64 below the number; this also holds after a carry into words that were emitted.
    first = number - (number - lower) % 2**_STATE_BITS
    for n_dropped in range(_STATE_BITS // 8, -1, -1):
        rounded_up = ceil_div(first, 2 ** (8 * n_dropped)) << 8 * n_dropped
        if rounded_up < min(first + span, 2 ** (8 * n_bytes)):
            break
    return rounded_up.to_bytes(n_bytes, "big").rstrip(b"\0")

"""How many bits latents take, as a smooth function of them: what the rate-distortion search weighs against the loss.

The floating-point twin of `quantisation`, for all latents of a block at once: each is predicted from given latents, not
from those that are decoded one after another. Files are coded in integers; this only tells what to aim at.
"""

from collections.abc import Callable
from itertools import pairwise
from math import log

import numpy as np

from speech_autoencoder.model.entropy_model import (
    CLASSES,
    FRACTION_BITS,
    LOWEST,
    RADIUS,
    SPACING,
    VALUE_LIMIT,
    EntropyModel,
    array_specs,
    symbol_bits,
)
from speech_autoencoder.model.quantisation import round_to_symbols, zero_savings

# The range of the logarithms of scales, in steps, that have a table.
_SMALLEST = (LOWEST + SPACING / 2) / 2**FRACTION_BITS
_LARGEST = _SMALLEST + (CLASSES - 1) * SPACING / 2**FRACTION_BITS
# Hidden units are clipped here, as in the integer twin.
_HIDDEN_LIMIT = VALUE_LIMIT / 2**FRACTION_BITS
# Exponents beyond this would overflow float32.
_MOST_EXPONENT = 80.0


class CodeLength:
    """The bits of latents (n, C) under an entropy model, with their gradient; all floats are float32.

    Attributes
    ----------
    steps : np.ndarray
        The quantisation steps of each quality, (n_qualities, C).
    """

    def __init__(self, model: EntropyModel) -> None:
        floats = {name: _to_floats(name, array) for name, array in model.arrays().items()}
        size, hidden, units = model.n_channels, model.n_hidden, model.n_groups * model.n_hidden
        self._size, self._units = size, units
        # As in `quantisation.Predictor`, with the groups side by side: zeros for what a group does not see.
        self._inputs = np.zeros((3 * size, units + size), np.float32)
        self._outputs = np.zeros((units, 2 * size), np.float32)
        for number, (first, end) in enumerate(pairwise(model.groups.tolist())):
            seen, own = 2 * size + first, slice(number * hidden, (number + 1) * hidden)
            self._inputs[:seen, own] = floats["hidden_kernel"][:seen, own]
            self._inputs[:seen, units + first : units + end] = floats["linear_kernel"][:seen, first:end]
            self._outputs[own, first:end] = floats["mean_kernel"][own, first:end]
            self._outputs[own, size + first : size + end] = floats["scale_kernel"][own, first:end]
        self._input_bias = np.hstack([floats["hidden_bias"], floats["mean_bias"]])
        self._scale_bias = floats["scale_bias"]
        self._table_bits = symbol_bits(model.tables).astype(np.float32)
        self._savings = zero_savings(model.tables).astype(np.float32)
        self.steps = floats["steps"]

    def __call__(self, latents: np.ndarray, quality: int, before: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the bits of latents that need not lie on the quantiser's grid, and their gradient.

        A value takes as many bits as the logistic distribution's share of one step around it implies, which is smooth
        and, at the values of the grid, the bits that they are coded in (but for the tables' fit).

        Parameters
        ----------
        latents : np.ndarray
            (n, C).
        quality : int
            The quality step, 0 the coarsest.
        before : np.ndarray
            (2, C), the last two latents before them, the older first.

        Returns
        -------
        bits : float
            Of all latents.
        gradient : np.ndarray
            (n, C), with respect to the latents, those that others are predicted from included.
        """
        mean, log_scale, vjp = self._predict(latents, quality, before)
        steps = self.steps[quality]
        symbol = (latents - mean) / steps
        rate = np.exp(-np.clip(log_scale, _SMALLEST, _LARGEST))  # of the logistic distribution, 1 / scale
        # The share is S(upper) - S(lower) = S(upper) S(-lower) (1 - exp(-rate)), with the sigmoid S.
        distance = np.abs(symbol)
        upper, lower = (0.5 - distance) * rate, (-0.5 - distance) * rate
        nats = np.logaddexp(0, -upper) + np.logaddexp(0, lower) - np.log1p(-np.exp(-rate))
        above, below = _sigmoid(-upper), _sigmoid(lower)
        by_symbol = np.sign(symbol) * (above - below) * rate
        by_scale = upper * above - lower * below + rate / np.expm1(np.minimum(rate, _MOST_EXPONENT))
        by_scale *= (log_scale > _SMALLEST) & (log_scale < _LARGEST)
        by_latent = by_symbol / (steps * log(2))
        return float(nats.sum()) / log(2), by_latent + vjp(-by_latent, by_scale / log(2))

    def quantise(
        self,
        latents: np.ndarray,
        quality: int,
        before: np.ndarray,
        *,
        prices: np.ndarray,
        context: np.ndarray | None = None,
        rounds: int = 1,
    ) -> tuple[np.ndarray, float]:
        """Return about what `quantisation.quantise` decodes latents to, and about the bits that it takes.

        Each latent is predicted from those of the context instead of the decoded ones, which the next round has
        instead: after a few rounds, next to nothing changes.

        Parameters
        ----------
        latents, quality, before
            As above.
        prices : np.ndarray
            (n,), as for `quantisation.quantise`.
        context : np.ndarray or None
            (n, C), the latents to predict from in the first round; None: the latents themselves.
        rounds : int
            At least 1.

        Returns
        -------
        tuple[np.ndarray, float]
            (n, C), and the bits of all latents.
        """
        decoded, steps = latents if context is None else context, self.steps[quality]
        for _ in range(rounds):
            mean, log_scale, _ = self._predict(decoded, quality, before)
            classes = (log_scale * 2**FRACTION_BITS - LOWEST) / SPACING
            classes = np.clip(classes, 0, CLASSES - 1).astype(np.intp)
            symbols = round_to_symbols((latents - mean) / steps, self._savings[classes], prices[:, None])
            decoded = mean + symbols * steps
        return decoded, float(self._table_bits[classes, symbols.astype(np.intp) + RADIUS].sum())

    def _predict(
        self, latents: np.ndarray, quality: int, before: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
        """Return the means and the logarithms of the scales in steps, each (n, C), and the VJP of both."""
        size, units = self._size, self._units
        known = np.concatenate([before, latents])
        context = np.concatenate([known[1:-1], known[:-2], latents], axis=1)
        summed = context @ self._inputs + self._input_bias[quality]
        hidden = np.clip(summed[:, :units], 0, _HIDDEN_LIMIT)
        outputs = hidden @ self._outputs
        mean, log_scale = outputs[:, :size] + summed[:, units:], outputs[:, size:] + self._scale_bias[quality]

        def vjp(by_mean: np.ndarray, by_scale: np.ndarray) -> np.ndarray:
            by_hidden = np.concatenate([by_mean, by_scale], axis=1) @ self._outputs.T
            by_hidden *= summed[:, :units] == hidden
            by_context = np.concatenate([by_hidden, by_mean], axis=1) @ self._inputs.T
            gradient = by_context[:, 2 * size :]
            gradient[:-1] += by_context[1:, :size]
            gradient[:-2] += by_context[2:, size : 2 * size]
            return gradient

        return mean, log_scale, vjp


def _to_floats(name: str, array: np.ndarray) -> np.ndarray:
    """Return the floats that the integers of an entropy model's array stand for."""
    spec = array_specs()[name]
    return ((array.astype(np.float64) - spec.offset) / spec.unit).astype(np.float32)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)

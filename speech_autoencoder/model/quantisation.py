"""Quantise latents, each predicted by the entropy model from those before, and back: in integers, as the model is."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from speech_autoencoder.errors import InputError
from speech_autoencoder.model.entropy_model import (
    CLASSES,
    FRACTION_BITS,
    LOWEST,
    N_SYMBOLS,
    RADIUS,
    SPACING,
    TABLE_BITS,
    VALUE_LIMIT,
    WEIGHT_BITS,
    EntropyModel,
)

# How far a value may be from 0.5 and still become 0, in steps.
_WIDEST = 1.0


def to_fixed(latents: np.ndarray) -> np.ndarray:
    """Return latents in fixed point, int64, clipped to +-VALUE_LIMIT."""
    scaled = np.floor(np.asarray(latents, np.float64) * 2**FRACTION_BITS + 0.5)
    return np.clip(np.nan_to_num(scaled), -VALUE_LIMIT, VALUE_LIMIT).astype(np.int64)


def to_floats(values: np.ndarray) -> np.ndarray:
    """Return latents in fixed point as float32."""
    return (np.asarray(values, np.float64) / 2**FRACTION_BITS).astype(np.float32)


class Predictor:
    """The model at one quality step, 0 the coarsest, prepared for prediction: float64 arrays, a block for each group.

    Raises
    ------
    InputError
        If the model has no such quality step.
    """

    def __init__(self, model: EntropyModel, quality: int) -> None:
        if not 0 <= quality < model.n_qualities:
            raise InputError(f"Quality step {quality}: this model has 0 to {model.n_qualities - 1}.")
        self.n_channels = model.n_channels
        self.savings = zero_savings(model.tables)
        bounds, units = model.groups.tolist(), model.n_hidden
        self.groups = list(pairwise(bounds))
        self.steps = [model.steps[quality, first:end].astype(np.float64) for first, end in self.groups]
        self.blocks = []
        for number, (first, end) in enumerate(self.groups):
            seen, own = 2 * model.n_channels + first, slice(number * units, (number + 1) * units)
            inputs = np.hstack([model.hidden_kernel[:seen, own], model.linear_kernel[:seen, first:end]])
            bias = np.concatenate([model.hidden_bias[quality, own], model.mean_bias[quality, first:end]])
            outputs = np.hstack([model.mean_kernel[own, first:end], model.scale_kernel[own, first:end]])
            # With the lowest class in the bias, one shift by both fractions gives the class.
            lowest = model.scale_bias[quality, first:end].astype(np.int64) - LOWEST * 2**WEIGHT_BITS
            arrays = [np.ascontiguousarray(part, np.float64) for part in (inputs, bias, outputs, lowest)]
            self.blocks.append((seen, units, end - first, *arrays))

    def __call__(self, context: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the means and the classes of the channels of a group.

        Parameters
        ----------
        context : np.ndarray
            (3C,), float64: the latent before, the one before that, and this one as far as it is known.
        number : int
            The group.

        Returns
        -------
        means : np.ndarray
            Integers as float64.
        classes : np.ndarray
            intp.
        """
        seen, units, size, inputs, bias, outputs, lowest = self.blocks[number]
        summed = context[:seen] @ inputs
        summed += bias
        hidden = summed[:units]
        hidden *= 2.0**-WEIGHT_BITS
        np.floor(hidden, out=hidden)
        np.maximum(hidden, 0, out=hidden)
        np.minimum(hidden, VALUE_LIMIT, out=hidden)
        output = hidden @ outputs
        mean, scale = output[:size], output[size:]
        mean += summed[units:]
        mean *= 2.0**-WEIGHT_BITS
        np.floor(mean, out=mean)
        scale += lowest
        scale *= 1 / (2**WEIGHT_BITS * SPACING)
        np.maximum(scale, 0, out=scale)
        np.minimum(scale, CLASSES - 1, out=scale)
        return mean, scale.astype(np.intp)  # the cast rounds down, as no value is negative


def zero_savings(tables: np.ndarray) -> np.ndarray:
    """Return how many bits less than 1 or -1 the symbol 0 takes, for each class of an entropy model's tables."""
    bits = -np.log2(tables[:, RADIUS - 1 : RADIUS + 2] / 2**TABLE_BITS)
    return (bits[:, 0] + bits[:, 2]) / 2 - bits[:, 1]


def round_to_symbols(values: np.ndarray, savings: np.ndarray, prices: np.ndarray | float) -> np.ndarray:
    """Return the symbols of values, in steps from their means, some smaller than the nearest ones to save bits.

    Rate-distortion optimised quantisation: x becomes the symbol s for which (s - x)**2 + price * bits(s) is least. For
    0 against 1, this is where x exceeds 0.5 by price / 2 times the bits saved. Beyond, each further symbol takes about
    as many more, so the whole grid moves towards zero by as much.

    Parameters
    ----------
    values : np.ndarray
        In steps.
    savings : np.ndarray
        The `zero_savings` of each value's class.
    prices : np.ndarray or float
        The squared steps that a bit is worth.
    """
    return _round(values, _roundings(savings, prices))


def _roundings(savings: np.ndarray, prices: np.ndarray | float) -> np.ndarray:
    """Return what is added to magnitudes before they are rounded down: 0.5, or less where that saves bits."""
    return 0.5 - np.clip(0.5 * prices * savings, 0, _WIDEST)


def _round(values: np.ndarray, roundings: np.ndarray) -> np.ndarray:
    """Return the symbols of values by their `_roundings`."""
    symbols = np.abs(values)
    symbols += roundings
    np.floor(symbols, out=symbols)
    np.maximum(symbols, 0, out=symbols)  # `clip` takes three times as long for so few values
    np.minimum(symbols, RADIUS, out=symbols)
    return np.copysign(symbols, values)


def quantise(
    predictor: Predictor, values: np.ndarray, before: np.ndarray | None = None, *, prices: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quantise latents, each predicted from those before.

    Parameters
    ----------
    values : np.ndarray
        (n, C), latents in fixed point, see `to_fixed`.
    before : np.ndarray or None
        (2, C), the last two decoded latents, the older first; None: zeros.
    prices : np.ndarray or None
        (n,), the squared steps that a bit of each latent is worth, see `round_to_symbols`; None: the nearest symbols.

    Returns
    -------
    symbols : np.ndarray
        (n, C), int32 from -RADIUS to RADIUS.
    classes : np.ndarray
        (n, C), intp, the classes of their scales.
    decoded : np.ndarray
        (n, C), int64, what a decoder makes of the symbols.
    """
    values = np.asarray(values, np.float64)
    symbols = np.empty(values.shape, np.int32)
    classes = np.empty(values.shape, np.intp)
    by_class = None if prices is None else _roundings(predictor.savings, prices[:, None])

    def choose(
        time: int, first: int, end: int, mean: np.ndarray, group_classes: np.ndarray, step: np.ndarray
    ) -> np.ndarray:
        # Exact wherever the quotient is not clipped: no float64 lies between it and the next integer.
        symbol = values[time, first:end] - mean
        symbol /= step
        if by_class is None:
            symbol += 0.5
            np.floor(symbol, out=symbol)
            np.maximum(symbol, -RADIUS, out=symbol)
            np.minimum(symbol, RADIUS, out=symbol)
        else:
            symbol = _round(symbol, by_class[time, group_classes])
        symbols[time, first:end] = symbol
        classes[time, first:end] = group_classes
        return symbol

    return symbols, classes, decode_symbols(predictor, len(values), before, choose)


def decode_symbols(
    predictor: Predictor, n_latents: int, before: np.ndarray | None, choose: Callable[..., np.ndarray]
) -> np.ndarray:
    """Return the latents decoded from symbols that are chosen, or read, group by group.

    Parameters
    ----------
    n_latents, before
        The count of latents, and those before as in `quantise`.
    choose : Callable
        choose(time, first channel, end, means, classes, steps) returns the symbols of these channels.

    Returns
    -------
    np.ndarray
        (n_latents, C), int64.
    """
    size = predictor.n_channels
    context, decoded = np.zeros(3 * size), np.empty((n_latents, size), np.int64)
    if before is not None:
        context[:size], context[2 * size :] = before[0], before[1]
    now = context[2 * size :]
    groups = [(number, *bounds, predictor.steps[number]) for number, bounds in enumerate(predictor.groups)]
    for time in range(n_latents):
        context[size : 2 * size] = context[:size]
        context[:size] = now
        for number, first, end, step in groups:
            mean, classes = predictor(context, number)
            value = choose(time, first, end, mean, classes, step) * step
            value += mean
            np.maximum(value, -VALUE_LIMIT, out=value)
            np.minimum(value, VALUE_LIMIT, out=value)
            now[first:end] = value
        decoded[time] = now
    return decoded


def count_symbols(model: EntropyModel, latents: np.ndarray, quality: int) -> np.ndarray:
    """Return how often each symbol comes in each class, (CLASSES, 2 * RADIUS + 1), in a recording's latents (n, C)."""
    symbols, classes, _ = quantise(Predictor(model, quality), to_fixed(latents))
    return count_by_class(symbols, classes)


def count_by_class(symbols: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return how often each symbol comes in each class, (CLASSES, 2 * RADIUS + 1); both have the same shape."""
    flat = classes.ravel() * N_SYMBOLS + symbols.ravel() + RADIUS
    return np.bincount(flat, minlength=CLASSES * N_SYMBOLS).reshape(CLASSES, N_SYMBOLS)

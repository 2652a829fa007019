"""How likely each next latent is, computed in integers, so that every decoding machine gets the very same numbers.

An entropy coder fails completely where encoder and decoder differ in a single probability, and floating point differs
from one machine to the next (Ballé, Johnston and Minnen, 2019). Here every number is an integer. Matrix products are
taken in float64, which is exact whatever the order of the terms, as no partial sum can reach 2**53.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, get_args, get_type_hints

import numpy as np

from speech_autoencoder.errors import InputError

# Fixed point: the fraction bits of latents, hidden units and log-scales, and those of weights. Biases have both.
FRACTION_BITS = 8
WEIGHT_BITS = 12
# Latents and hidden units stay within +-VALUE_LIMIT, in fixed point.
VALUE_LIMIT = 2**20
# Symbols are -RADIUS..RADIUS.
RADIUS = 63
# The natural logarithm of a scale, in quantisation steps, falls into one of CLASSES classes of width SPACING, the first
# of which begins at LOWEST (ln 0.04); both in fixed point.
CLASSES = 64
SPACING = 32
LOWEST = -824
# The frequencies of a class sum to 2**TABLE_BITS, the range coder's own precision, so that it uses them unchanged.
TABLE_BITS = 24

# The magnitudes of a column of weights sum to less than this: times VALUE_LIMIT, plus a bias, they stay below 2**53.
_COLUMN_LIMIT = 2**32
_MAX_CHANNELS = 4_096
_MAX_UNITS = 65_536
_MAX_QUALITIES = 256
_N_SYMBOLS = 2 * RADIUS + 1
_PRODUCT_UNIT = 2 ** (FRACTION_BITS + WEIGHT_BITS)
# Added to a bias, so that the shift after a product rounds to the nearest instead of down.
_HALF = 2 ** (WEIGHT_BITS - 1)


@dataclass(frozen=True)
class ArraySpec:
    """One array of an EntropyModel.

    Attributes
    ----------
    axes : tuple[str, ...]
        The names of its axes, see `expected_shapes`.
    unit, offset : int
        A float x is stored as round(x * unit) + offset.
    """

    axes: tuple[str, ...]
    unit: int = 1
    offset: int = 0


@dataclass(frozen=True, eq=False)
class EntropyModel:
    """The quantiser of latents, and the distribution of the next latent given those before: int32 arrays.

    The C channels of a latent are coded in G groups, one after another. Each group has H hidden units, which see its
    context (3C): the two latents before, and this latent's channels of the groups before. The hidden units and
    `linear_kernel` predict the mean; the hidden units predict the logarithm of the scale in steps.

    `steps` are the quantisation steps of each quality, 0 the coarsest; `groups` the first channel of each group, and C;
    `tables` the frequencies of the symbols in each class of scales.
    """

    steps: Annotated[np.ndarray, ArraySpec(("qualities", "channels"), 2**FRACTION_BITS)]
    groups: Annotated[np.ndarray, ArraySpec(("group bounds",))]
    hidden_kernel: Annotated[np.ndarray, ArraySpec(("context", "units"), 2**WEIGHT_BITS)]
    hidden_bias: Annotated[np.ndarray, ArraySpec(("qualities", "units"), _PRODUCT_UNIT, _HALF)]
    linear_kernel: Annotated[np.ndarray, ArraySpec(("context", "channels"), 2**WEIGHT_BITS)]
    mean_kernel: Annotated[np.ndarray, ArraySpec(("units", "channels"), 2**WEIGHT_BITS)]
    mean_bias: Annotated[np.ndarray, ArraySpec(("qualities", "channels"), _PRODUCT_UNIT, _HALF)]
    scale_kernel: Annotated[np.ndarray, ArraySpec(("units", "channels"), 2**WEIGHT_BITS)]
    scale_bias: Annotated[np.ndarray, ArraySpec(("qualities", "channels"), _PRODUCT_UNIT, _HALF)]
    tables: Annotated[np.ndarray, ArraySpec(("classes", "symbols"))]

    def __post_init__(self) -> None:
        self._check_shapes()
        self._check_values()
        for array in self.arrays().values():
            array.flags.writeable = False

    @classmethod
    def from_floats(cls, **floats: np.ndarray) -> "EntropyModel":
        """Return the model nearest to arrays of floats.

        Parameters
        ----------
        **floats : np.ndarray
            The arrays by their names, in the units of the network's latents; scale_kernel and scale_bias give the
            natural logarithm of (the logistic's scale / step). Without `tables`, those of the logistic distribution.

        Raises
        ------
        InputError
            If a number is too large for fixed point.
        """
        floats = {"tables": logistic_tables()} | floats
        arrays = {name: _fixed(name, floats[name], spec) for name, spec in array_specs().items()}
        return cls(**arrays | {"steps": np.maximum(arrays["steps"], 1)})

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by their names, in the order of their declaration."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def n_qualities(self) -> int:
        """The count of quality steps."""
        return len(self.steps)

    @property
    def n_channels(self) -> int:
        """The count of values of a latent."""
        return self.steps.shape[1]

    @property
    def n_groups(self) -> int:
        """The count of groups of channels."""
        return len(self.groups) - 1

    @property
    def n_hidden(self) -> int:
        """The count of hidden units of a group."""
        return self.hidden_kernel.shape[1] // self.n_groups

    def _check_shapes(self) -> None:
        """Raise InputError where an array does not have the type, or the shape that the others imply."""
        for name, array in self.arrays().items():
            if not isinstance(array, np.ndarray) or array.dtype != np.int32:
                raise InputError(f"The entropy model's {name} is not an int32 array: train again.")
        if self.steps.ndim != 2 or self.groups.ndim != 1 or self.hidden_kernel.ndim != 2 or len(self.groups) < 2:
            raise InputError("The entropy model's arrays have the wrong dimensions: train again.")
        n_qualities, n_channels = self.steps.shape
        shapes = expected_shapes(n_qualities, n_channels, len(self.groups) - 1, self.hidden_kernel.shape[1])
        for name, shape in shapes.items():
            received = getattr(self, name).shape
            if received != shape:
                raise InputError(f"The entropy model's {name} is {received}, expected {shape}: train again.")

    def _check_values(self) -> None:
        """Raise InputError where a value has no meaning, or would make the arithmetic inexact."""
        if self.groups[0] != 0 or self.groups[-1] != self.n_channels or (np.diff(self.groups) < 1).any():
            raise InputError("The entropy model's groups do not cover all channels in order: train again.")
        if self.steps.min() < 1 or self.steps.max() > VALUE_LIMIT:
            raise InputError(f"The entropy model's steps are not within 1 to {VALUE_LIMIT:,}: train again.")
        columns = {
            "hidden_kernel": _magnitudes(self.hidden_kernel),
            "mean_kernel": _magnitudes(self.linear_kernel) + _magnitudes(self.mean_kernel),
            "scale_kernel": _magnitudes(self.scale_kernel),
        }
        for name, sums in columns.items():
            if sums.max() >= _COLUMN_LIMIT:
                raise InputError(f"The entropy model's {name} is too large for exact arithmetic: train again.")
        if self.tables.min() < 1 or (self.tables.sum(axis=1, dtype=np.int64) != 2**TABLE_BITS).any():
            raise InputError(
                f"The entropy model's tables are not frequencies that sum to 2**{TABLE_BITS}: train again."
            )


@lru_cache(maxsize=1)
def array_specs() -> dict[str, ArraySpec]:
    """Return the declaration of every array of an EntropyModel, by its name."""
    hints = get_type_hints(EntropyModel, include_extras=True)
    return {field.name: get_args(hints[field.name])[1] for field in fields(EntropyModel)}


def expected_shapes(n_qualities: int, n_channels: int, n_groups: int, n_units: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of an EntropyModel, by its name.

    Parameters
    ----------
    n_qualities, n_channels, n_groups : int
        The counts of quality steps, of a latent's channels and of their groups.
    n_units : int
        The count of hidden units of all groups together.

    Raises
    ------
    InputError
        If no such model exists.
    """
    if not (1 <= n_qualities <= _MAX_QUALITIES and 1 <= n_channels <= _MAX_CHANNELS and 1 <= n_groups <= n_channels):
        raise InputError(
            f"An entropy model cannot have {n_qualities} quality steps, {n_channels} channels, {n_groups} groups: "
            "train again."
        )
    if not 1 <= n_units <= _MAX_UNITS or n_units % n_groups:
        raise InputError(f"An entropy model of {n_groups} groups cannot have {n_units} hidden units: train again.")
    lengths = {
        "qualities": n_qualities,
        "channels": n_channels,
        "group bounds": n_groups + 1,
        "context": 3 * n_channels,
        "units": n_units,
        "classes": CLASSES,
        "symbols": _N_SYMBOLS,
    }
    return {name: tuple(lengths[axis] for axis in spec.axes) for name, spec in array_specs().items()}


def _fixed(name: str, values: np.ndarray, spec: ArraySpec) -> np.ndarray:
    """Return floats as the fixed-point int32 of an array."""
    scaled = np.floor(np.asarray(values, np.float64) * spec.unit + 0.5) + spec.offset
    if not (np.isfinite(scaled).all() and (np.abs(scaled) < 2**31).all()):
        raise InputError(f"The entropy model's {name} holds values too large for fixed point: train again.")
    return scaled.astype(np.int32)


def _magnitudes(kernel: np.ndarray) -> np.ndarray:
    """Return the sum of the magnitudes of every column."""
    return np.abs(kernel.astype(np.int64)).sum(axis=0)


@lru_cache(maxsize=1)
def _logistic() -> np.ndarray:
    """Return the probabilities of symbols (CLASSES, 2 * RADIUS + 1): a logistic distribution for each class."""
    scale = np.exp(LOWEST / 2**FRACTION_BITS + (np.arange(CLASSES)[:, None] + 0.5) * SPACING / 2**FRACTION_BITS)
    edges = np.arange(-RADIUS, RADIUS) + 0.5
    below = 0.5 + 0.5 * np.tanh(edges / (2 * scale))
    return np.diff(below, axis=1, prepend=0, append=1)


def logistic_tables() -> np.ndarray:
    """Return the frequencies of symbols from logistic distributions.

    Returns
    -------
    np.ndarray
        (CLASSES, 2 * RADIUS + 1), int32. The scale of class i is exp(LOWEST + (i + 1/2) * SPACING) steps. The outermost
        symbols stand for everything beyond them too.
    """
    return _frequencies(_logistic())


def refit_tables(counts: np.ndarray, strength: float = 100.0) -> np.ndarray:
    """Return the frequencies of symbols fitted to counts.

    Parameters
    ----------
    counts : np.ndarray
        How often each symbol came in each class, see `count_symbols`.
    strength : float
        How many symbols of a class weigh as much as the logistic distribution.

    Returns
    -------
    np.ndarray
        (CLASSES, 2 * RADIUS + 1), int32.
    """
    counts = np.asarray(counts, np.float64)
    if counts.shape != (CLASSES, _N_SYMBOLS) or not (np.isfinite(counts).all() and counts.min() >= 0):
        raise InputError(f"Counts of symbols are {counts.shape}: expected {(CLASSES, _N_SYMBOLS)}, none negative.")
    mixed = counts + strength * _logistic()
    return _frequencies(mixed / mixed.sum(axis=1, keepdims=True))


def _frequencies(probabilities: np.ndarray) -> np.ndarray:
    """Return integers of at least 1 that sum to 2**TABLE_BITS in every row; the likeliest gets what rounding leaves."""
    n_symbols = probabilities.shape[1]
    out = 1 + np.floor(probabilities * (2**TABLE_BITS - n_symbols)).astype(np.int64)
    out[np.arange(len(out)), out.argmax(axis=1)] += 2**TABLE_BITS - out.sum(axis=1)
    return out.astype(np.int32)


def to_fixed(latents: np.ndarray) -> np.ndarray:
    """Return latents in fixed point, int64, clipped to +-VALUE_LIMIT."""
    scaled = np.floor(np.asarray(latents, np.float64) * 2**FRACTION_BITS + 0.5)
    return np.clip(np.nan_to_num(scaled), -VALUE_LIMIT, VALUE_LIMIT).astype(np.int64)


def to_floats(values: np.ndarray) -> np.ndarray:
    """Return latents in fixed point as float32."""
    return (np.asarray(values, np.float64) / 2**FRACTION_BITS).astype(np.float32)


class Predictor:
    """The model at one quality step, prepared for prediction: float64 arrays, one block for each group.

    Parameters
    ----------
    model : EntropyModel
        What predicts.
    quality : int
        The quality step, 0 the coarsest.

    Raises
    ------
    InputError
        If the model has no such quality step.
    """

    def __init__(self, model: EntropyModel, quality: int) -> None:
        if not 0 <= quality < model.n_qualities:
            raise InputError(f"Quality step {quality}: this model has 0 to {model.n_qualities - 1}.")
        self.n_channels = model.n_channels
        bounds, units = model.groups.tolist(), model.n_hidden
        self.groups = list(pairwise(bounds))
        self.steps = [model.steps[quality, first:end].astype(np.float64) for first, end in self.groups]
        self._blocks = []
        for number, (first, end) in enumerate(self.groups):
            seen, own = 2 * model.n_channels + first, slice(number * units, (number + 1) * units)
            inputs = np.hstack([model.hidden_kernel[:seen, own], model.linear_kernel[:seen, first:end]])
            bias = np.concatenate([model.hidden_bias[quality, own], model.mean_bias[quality, first:end]])
            outputs = np.hstack([model.mean_kernel[own, first:end], model.scale_kernel[own, first:end]])
            # With the lowest class in the bias, one shift by both fractions gives the class.
            lowest = model.scale_bias[quality, first:end].astype(np.int64) - LOWEST * 2**WEIGHT_BITS
            arrays = [np.ascontiguousarray(part, np.float64) for part in (inputs, bias, outputs, lowest)]
            self._blocks.append((seen, units, end - first, *arrays))

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
        seen, units, size, inputs, bias, outputs, lowest = self._blocks[number]
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


def quantise(
    predictor: Predictor, values: np.ndarray, before: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quantise latents, each predicted from those before.

    Parameters
    ----------
    predictor : Predictor
        The model at a quality step.
    values : np.ndarray
        (n, C), latents in fixed point, see `to_fixed`.
    before : np.ndarray or None
        (2, C), the last two decoded latents, the older first; None: zeros.

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

    def choose(
        time: int, first: int, end: int, mean: np.ndarray, group_classes: np.ndarray, step: np.ndarray
    ) -> np.ndarray:
        # Exact wherever the quotient is not clipped: no float64 lies between it and the next integer.
        symbol = values[time, first:end] - mean
        symbol /= step
        symbol += 0.5
        np.floor(symbol, out=symbol)
        np.maximum(symbol, -RADIUS, out=symbol)
        np.minimum(symbol, RADIUS, out=symbol)
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
    predictor : Predictor
        The model at a quality step.
    n_latents : int
        The count of latents.
    before : np.ndarray or None
        As in `quantise`.
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
    flat = classes.ravel() * _N_SYMBOLS + symbols.ravel() + RADIUS
    return np.bincount(flat, minlength=CLASSES * _N_SYMBOLS).reshape(CLASSES, _N_SYMBOLS)

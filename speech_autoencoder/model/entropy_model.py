"""How likely each next latent is, in integers alone, so that every machine that decodes computes the very same.

An entropy coder fails altogether where encoder and decoder differ in one probability, and floating point differs from
one machine to the next (Ballé, Johnston and Minnen, 2019). Here every number is an integer. Products of matrices are
taken in float64, which is exact, in whatever order the terms are added, as no partial sum can reach 2**53.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import pairwise

import numpy as np

from speech_autoencoder.errors import InputError

# Fixed point: latents, hidden units and log-scales in 1/256, weights in 1/4096; biases are at the products' scale.
FRACTION_BITS = 8
WEIGHT_BITS = 12
# Latents and hidden units stay within +-VALUE_LIMIT, in fixed point.
VALUE_LIMIT = 2**20
# Symbols are -RADIUS..RADIUS. Scales, in quantisation steps, fall into CLASSES of SPACING, from LOWEST (ln 0.04) on;
# both are natural logarithms in fixed point.
RADIUS = 63
CLASSES = 64
SPACING = 32
LOWEST = -824
# Every class' frequencies sum to 2**TABLE_BITS, the coder's own precision: it takes them as they are.
TABLE_BITS = 24

# The magnitudes of a column of weights sum to less than this: times VALUE_LIMIT, plus a bias, they stay below 2**53.
_COLUMN_LIMIT = 2**32
_MOST_CHANNELS, _MOST_UNITS, _MOST_QUALITIES = 4_096, 65_536, 256


@dataclass(frozen=True, eq=False)
class EntropyModel:
    """The quantiser of latents, and what is likely to come next given what came before: arrays of int32.

    For Q quality steps, C channels in G groups, H hidden units a group: steps (Q, C) are the quantisation steps,
    quality 0 the coarsest; groups (G + 1,) the groups' first channels, and C. A group's hidden units see the two
    latents before, and this latent's channels of the groups before (3C rows): hidden_kernel (3C, G * H), hidden_bias
    (Q, G * H). They and linear_kernel (3C, C) make the mean, mean_kernel (G * H, C), mean_bias (Q, C), and the
    logarithm of the scale in steps, scale_kernel (G * H, C), scale_bias (Q, C). tables (CLASSES, 2 * RADIUS + 1) are
    the symbols' frequencies in each class of scales.
    """

    steps: np.ndarray
    groups: np.ndarray
    hidden_kernel: np.ndarray
    hidden_bias: np.ndarray
    linear_kernel: np.ndarray
    mean_kernel: np.ndarray
    mean_bias: np.ndarray
    scale_kernel: np.ndarray
    scale_bias: np.ndarray
    tables: np.ndarray

    def __post_init__(self):
        self._check_shapes()
        self._check_values()
        for field in fields(self):
            getattr(self, field.name).flags.writeable = False

    @classmethod
    def from_floats(
        cls,
        *,
        steps: np.ndarray,
        groups: np.ndarray,
        hidden_kernel: np.ndarray,
        hidden_bias: np.ndarray,
        linear_kernel: np.ndarray,
        mean_kernel: np.ndarray,
        mean_bias: np.ndarray,
        scale_kernel: np.ndarray,
        scale_bias: np.ndarray,
        tables: np.ndarray | None = None,
    ) -> "EntropyModel":
        """The model that is nearest to these floats, of the shapes that it has itself.

        Steps, biases and weights are for latents as the network gives them; scale_kernel and scale_bias give the
        natural logarithm of (the logistic's scale / step). Without tables, those of the logistic distribution.
        Raises InputError where a number is too large for fixed point.
        """
        product = 2 ** (FRACTION_BITS + WEIGHT_BITS)
        half = 2 ** (WEIGHT_BITS - 1)  # makes of the shift, which rounds down, one that rounds to the nearest
        return cls(
            steps=np.maximum(_fixed("steps", steps, 2**FRACTION_BITS), 1),
            groups=_fixed("groups", groups, 1),
            hidden_kernel=_fixed("hidden_kernel", hidden_kernel, 2**WEIGHT_BITS),
            hidden_bias=_fixed("hidden_bias", hidden_bias, product, half),
            linear_kernel=_fixed("linear_kernel", linear_kernel, 2**WEIGHT_BITS),
            mean_kernel=_fixed("mean_kernel", mean_kernel, 2**WEIGHT_BITS),
            mean_bias=_fixed("mean_bias", mean_bias, product, half),
            scale_kernel=_fixed("scale_kernel", scale_kernel, 2**WEIGHT_BITS),
            scale_bias=_fixed("scale_bias", scale_bias, product, half),
            tables=logistic_tables() if tables is None else np.array(tables, np.int32),
        )

    @property
    def n_qualities(self) -> int:
        """The count of quality steps."""
        return len(self.steps)

    @property
    def n_channels(self) -> int:
        """The count of numbers of a latent."""
        return self.steps.shape[1]

    @property
    def n_groups(self) -> int:
        """The count of groups of channels, coded one after the other."""
        return len(self.groups) - 1

    @property
    def n_hidden(self) -> int:
        """The count of hidden units of a group."""
        return self.hidden_kernel.shape[1] // self.n_groups

    def _check_shapes(self):
        """Nothing. Raises InputError where an array is not of the type and shape that the others ask for."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, np.ndarray) or value.dtype != np.int32:
                raise InputError(f"The entropy model's {field.name} is no array of int32: train again.")
        if self.steps.ndim != 2 or self.groups.ndim != 1 or self.hidden_kernel.ndim != 2 or len(self.groups) < 2:
            raise InputError("The entropy model's arrays have the wrong dimensions: train again.")
        shapes = expected_shapes(*self.steps.shape, len(self.groups) - 1, self.hidden_kernel.shape[1])
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InputError(
                    f"The entropy model's {name} is {getattr(self, name).shape}, expected {shape}: train again."
                )

    def _check_values(self):
        """Nothing. Raises InputError where a value would make the arithmetic inexact, or means nothing."""
        if self.groups[0] != 0 or self.groups[-1] != self.n_channels or (np.diff(self.groups) < 1).any():
            raise InputError("The entropy model's groups do not follow one another over all channels: train again.")
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


def expected_shapes(n_qualities: int, n_channels: int, n_groups: int, n_units: int) -> dict[str, tuple[int, ...]]:
    """The shape of every array of an EntropyModel with n_units hidden units in all groups together, by its name.

    Raises InputError where there is no such model.
    """
    if not (1 <= n_qualities <= _MOST_QUALITIES and 1 <= n_channels <= _MOST_CHANNELS and 1 <= n_groups <= n_channels):
        raise InputError(
            f"An entropy model cannot have {n_qualities} quality steps, {n_channels} channels, {n_groups} groups: "
            "train again."
        )
    if not 1 <= n_units <= _MOST_UNITS or n_units % n_groups:
        raise InputError(f"An entropy model of {n_groups} groups cannot have {n_units} hidden units: train again.")
    return {
        "steps": (n_qualities, n_channels),
        "groups": (n_groups + 1,),
        "hidden_kernel": (3 * n_channels, n_units),
        "hidden_bias": (n_qualities, n_units),
        "linear_kernel": (3 * n_channels, n_channels),
        "mean_kernel": (n_units, n_channels),
        "mean_bias": (n_qualities, n_channels),
        "scale_kernel": (n_units, n_channels),
        "scale_bias": (n_qualities, n_channels),
        "tables": (CLASSES, 2 * RADIUS + 1),
    }


def _fixed(name, values, unit, offset=0):
    """Floats in units of 1 / unit, plus an offset, as int32."""
    scaled = np.floor(np.asarray(values, np.float64) * unit + 0.5) + offset
    if not (np.isfinite(scaled).all() and (np.abs(scaled) < 2**31).all()):
        raise InputError(f"The entropy model's {name} holds values too large for fixed point: train again.")
    return scaled.astype(np.int32)


def _magnitudes(kernel):
    """The sum of the magnitudes of every column."""
    return np.abs(kernel.astype(np.int64)).sum(axis=0)


@lru_cache(maxsize=1)
def _logistic():
    """The probability of each symbol (CLASSES, 2 * RADIUS + 1), by a logistic distribution of the class' scale."""
    scale = np.exp(LOWEST / 2**FRACTION_BITS + (np.arange(CLASSES)[:, None] + 0.5) * SPACING / 2**FRACTION_BITS)
    edges = np.arange(-RADIUS, RADIUS) + 0.5
    below = 0.5 + 0.5 * np.tanh(edges / (2 * scale))
    return np.diff(below, axis=1, prepend=0, append=1)


def logistic_tables() -> np.ndarray:
    """The frequencies (CLASSES, 2 * RADIUS + 1) of symbols that come from logistic distributions, int32.

    The scale of class i is exp(LOWEST + (i + 1/2) * SPACING) steps; what lies beyond the last symbols counts as them.
    """
    return _frequencies(_logistic())


def refit_tables(counts: np.ndarray, strength: float = 100.0) -> np.ndarray:
    """The frequencies for symbols that were counted (CLASSES, 2 * RADIUS + 1), int32, see `count_symbols`.

    strength is how many symbols a class must have seen for its count to weigh as much as the logistic distribution.
    """
    counts = np.asarray(counts, np.float64)
    if counts.shape != (CLASSES, 2 * RADIUS + 1) or not (np.isfinite(counts).all() and counts.min() >= 0):
        raise InputError(f"Symbols counted as {counts.shape}: expected {(CLASSES, 2 * RADIUS + 1)}, none negative.")
    mixed = counts + strength * _logistic()
    return _frequencies(mixed / mixed.sum(axis=1, keepdims=True))


def _frequencies(probabilities):
    """Integers of at least 1 that sum to 2**TABLE_BITS in every row; what rounding leaves goes to the likeliest."""
    n_symbols = probabilities.shape[1]
    out = 1 + np.floor(probabilities * (2**TABLE_BITS - n_symbols)).astype(np.int64)
    out[np.arange(len(out)), out.argmax(axis=1)] += 2**TABLE_BITS - out.sum(axis=1)
    return out.astype(np.int32)


def to_fixed(latents: np.ndarray) -> np.ndarray:
    """Latents as floats -> fixed point, int64, within +-VALUE_LIMIT."""
    scaled = np.floor(np.asarray(latents, np.float64) * 2**FRACTION_BITS + 0.5)
    return np.clip(np.nan_to_num(scaled), -VALUE_LIMIT, VALUE_LIMIT).astype(np.int64)


def to_floats(values: np.ndarray) -> np.ndarray:
    """Fixed point -> latents as float32."""
    return (np.asarray(values, np.float64) / 2**FRACTION_BITS).astype(np.float32)


class Predictor:
    """The model at one quality step, ready to be asked: everything in float64, in blocks, one pair for a group."""

    def __init__(self, model: EntropyModel, quality: int):
        if not 0 <= quality < model.n_qualities:
            raise InputError(f"Quality step {quality}: this model has 0 to {model.n_qualities - 1}.")
        self.n_channels = model.n_channels
        bounds, units = model.groups.tolist(), model.n_hidden
        self.groups = list(pairwise(bounds))
        self.steps = [model.steps[quality, first:end].astype(np.float64) for first, end in self.groups]
        self._parts = []
        for number, (first, end) in enumerate(self.groups):
            seen, own = 2 * model.n_channels + first, slice(number * units, (number + 1) * units)
            inputs = np.hstack([model.hidden_kernel[:seen, own], model.linear_kernel[:seen, first:end]])
            bias = np.concatenate([model.hidden_bias[quality, own], model.mean_bias[quality, first:end]])
            outputs = np.hstack([model.mean_kernel[own, first:end], model.scale_kernel[own, first:end]])
            # With the lowest class in the bias, one shift by both fractions gives the class.
            lowest = model.scale_bias[quality, first:end].astype(np.int64) - LOWEST * 2**WEIGHT_BITS
            self._parts.append((seen, units, end - first, *(_floats(part) for part in (inputs, bias, outputs, lowest))))

    def __call__(self, context: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """(means, classes) of the channels of group `number`: integers as float64, and as intp.

        context (3C,) holds v[t-1], v[t-2] and v[t], as float64, the last as far as it is known.
        """
        seen, units, size, inputs, bias, outputs, lowest = self._parts[number]
        summed = context[:seen] @ inputs
        summed += bias
        hidden = summed[:units]
        hidden *= 2.0**-WEIGHT_BITS
        np.floor(hidden, out=hidden)
        np.maximum(hidden, 0, out=hidden)
        np.minimum(hidden, VALUE_LIMIT, out=hidden)
        made = hidden @ outputs
        mean, scale = made[:size], made[size:]
        mean += summed[units:]
        mean *= 2.0**-WEIGHT_BITS
        np.floor(mean, out=mean)
        scale += lowest
        scale *= 1 / (2**WEIGHT_BITS * SPACING)
        np.maximum(scale, 0, out=scale)
        np.minimum(scale, CLASSES - 1, out=scale)
        return mean, scale.astype(np.intp)  # the cast rounds down what is not negative


def _floats(integers):
    """The same numbers as float64, in C order."""
    return np.ascontiguousarray(integers, np.float64)


def quantise(
    predictor: Predictor, values: np.ndarray, before: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(symbols, classes, decoded), each (n, C), of latents in fixed point (n, C), see `to_fixed`.

    symbols int32 from -RADIUS to RADIUS, classes intp, decoded int64: what a decoder makes of the symbols. before is
    the last two decoded latents (2, C), the older first; zeros where there are none.
    """
    values = np.asarray(values, np.float64)
    symbols = np.empty(values.shape, np.int32)
    classes = np.empty(values.shape, np.intp)

    def choose(time, first, end, mean, kinds, step):
        # Exact wherever the quotient is not clipped: no float64 lies between it and the next integer.
        symbol = values[time, first:end] - mean
        symbol /= step
        symbol += 0.5
        np.floor(symbol, out=symbol)
        np.maximum(symbol, -RADIUS, out=symbol)
        np.minimum(symbol, RADIUS, out=symbol)
        symbols[time, first:end] = symbol
        classes[time, first:end] = kinds
        return symbol

    return symbols, classes, walk(predictor, len(values), before, choose)


def walk(predictor: Predictor, n_latents: int, before: np.ndarray | None, choose) -> np.ndarray:
    """The decoded latents (n_latents, C), int64, from the symbols that choose gives, group by group.

    choose(time, first channel, end, means, classes, steps) -> the symbols of these channels; before as in `quantise`.
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
            mean, kinds = predictor(context, number)
            value = choose(time, first, end, mean, kinds, step) * step
            value += mean
            np.maximum(value, -VALUE_LIMIT, out=value)
            np.minimum(value, VALUE_LIMIT, out=value)
            now[first:end] = value
        decoded[time] = now
    return decoded


def count_symbols(model: EntropyModel, latents: np.ndarray, quality: int) -> np.ndarray:
    """How often each symbol comes in each class (CLASSES, 2 * RADIUS + 1) in a recording's latents (n, C), float."""
    symbols, classes, _ = quantise(Predictor(model, quality), to_fixed(latents))
    n_symbols = 2 * RADIUS + 1
    flat = classes.ravel() * n_symbols + symbols.ravel() + RADIUS
    return np.bincount(flat, minlength=CLASSES * n_symbols).reshape(CLASSES, n_symbols)

"""How likely each next latent is, computed in integers, so that every decoding machine gets the very same numbers.

An entropy coder fails completely where encoder and decoder differ in a single probability, and floating point differs
from one machine to the next (Ballé, Johnston and Minnen, 2019). Here every number is an integer. Matrix products are
taken in float64, which is exact whatever the order of the terms, as no partial sum can reach 2**53.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
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
N_SYMBOLS = 2 * RADIUS + 1
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
        specs, floats = array_specs(), {"tables": logistic_tables()} | floats
        arrays = {name: _fixed(name, values, specs[name]) for name, values in floats.items()}
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
        """Raise InputError if an array does not have the type, or the shape that the others imply."""
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
        """Raise InputError if a value has no meaning, or would make the arithmetic inexact."""
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
        if not are_frequencies(self.tables):
            raise InputError(
                f"The entropy model's tables are not frequencies that sum to 2**{TABLE_BITS}: train again."
            )


def are_frequencies(tables: np.ndarray) -> bool:
    """Return whether each class of tables has frequencies of at least 1 that sum to 2**TABLE_BITS."""
    return bool(tables.min() >= 1 and (tables.sum(axis=1, dtype=np.int64) == 2**TABLE_BITS).all())


def symbol_bits(tables: np.ndarray) -> np.ndarray:
    """Return the bits of each symbol in each class of tables of frequencies."""
    return TABLE_BITS - np.log2(tables)


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
        "symbols": N_SYMBOLS,
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
    """Return the frequencies (CLASSES, 2 * RADIUS + 1) of symbols from logistic distributions, int32.

    The scale of class i is exp(LOWEST + (i + 1/2) * SPACING) steps. The outermost symbols also stand for everything
    beyond them.
    """
    return _frequencies(_logistic())


def refit_tables(counts: np.ndarray, strength: float = 100.0) -> np.ndarray:
    """Return the frequencies (CLASSES, 2 * RADIUS + 1) of symbols fitted to their counts, int32.

    Parameters
    ----------
    counts : np.ndarray
        How often each symbol came in each class, see `quantisation.count_symbols`.
    strength : float
        How many symbols of a class weigh as much as the logistic distribution.
    """
    counts = np.asarray(counts, np.float64)
    if counts.shape != (CLASSES, N_SYMBOLS) or not (np.isfinite(counts).all() and counts.min() >= 0):
        raise InputError(f"Counts of symbols are {counts.shape}: expected {(CLASSES, N_SYMBOLS)}, none negative.")
    mixed = counts + strength * _logistic()
    return _frequencies(mixed / mixed.sum(axis=1, keepdims=True))


def _frequencies(probabilities: np.ndarray) -> np.ndarray:
    """Return integers of at least 1 that sum to 2**TABLE_BITS in every row; the likeliest gets what rounding leaves."""
    n_symbols = probabilities.shape[1]
    out = 1 + np.floor(probabilities * (2**TABLE_BITS - n_symbols)).astype(np.int64)
    out[np.arange(len(out)), out.argmax(axis=1)] += 2**TABLE_BITS - out.sum(axis=1)
    return out.astype(np.int32)

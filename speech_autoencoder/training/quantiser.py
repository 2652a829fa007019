"""The quantiser of a codec as it is trained: noise, bitrates, and the entropy model, as tensors with gradients.

The floating-point twin of `entropy_model`: the same quantiser and the same prediction, for many recordings at once.
`Quantiser.to_entropy_model` turns what it has learned into integers.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from speech_autoencoder.config import CodecConfig
from speech_autoencoder.model.entropy_model import (
    CLASSES,
    FRACTION_BITS,
    LOWEST,
    SPACING,
    VALUE_LIMIT,
    EntropyModel,
    array_specs,
    expected_shapes,
    refit_tables,
)
from speech_autoencoder.model.pca import PCA
from speech_autoencoder.model.quantisation import count_symbols

Tensor = Any

# The range of the logarithms of scales, in steps, that have a table.
_SMALLEST = (LOWEST + SPACING / 2) / 2**FRACTION_BITS
_LARGEST = _SMALLEST + (CLASSES - 1) * SPACING / 2**FRACTION_BITS
# Hidden units are clipped here, as in the integer twin.
_HIDDEN_LIMIT = VALUE_LIMIT / 2**FRACTION_BITS
# The least probability of a symbol.
_LEAST_PROBABILITY = 1e-7
# The loss that a kbit/s is worth at first, at the lowest and at the highest bitrate.
_FIRST_PRICES = (0.24, 0.016)
# How fast the prices follow the bitrates.
_PRICE_PACE = 0.02
# The standard deviation of a logistic distribution of scale 1.
_LOGISTIC_DEVIATION = math.pi / math.sqrt(3)
# The arrays of the entropy model that are given, or fitted afterwards.
_NOT_LEARNED = ("groups", "tables")
# The positions, from the coarsest (0) to the finest (1), that validation scores.
_VALIDATION_POSITIONS = (1 / 6, 1 / 2, 5 / 6)
# Every how many quality steps the tables of the entropy model are fitted at.
_FITTED_EVERY = 4


class _Seed(keras.random.SeedGenerator):
    """The seed of one call for random numbers: without a state of its own, so that a resumed training repeats them."""

    def __init__(self, seed: int, number: Tensor | int) -> None:
        self.seed = seed
        self.number = number

    def next(self, ordered: bool = True) -> Tensor:
        """Return the seed, always the same one."""
        return ops.stack([ops.cast(part, "uint32") for part in (self.seed % 2**32, self.number)])


class Quantiser:
    """Quantisation and its bitrate as tensors, at any position from 0, the lowest bitrate, to 1, the highest.

    One network serves all bitrates, as the step of each channel depends on the position (Cui and others, 2021). In
    training, the decoder gets rounded latents, with gradients as if they were not rounded, and the bitrate is that of
    latents with uniform noise instead (Ballé and others, 2017; Minnen and Singh, 2020). The price of a bit at each
    position adapts until the bitrates are those of the configuration.

    Parameters
    ----------
    config : CodecConfig
        The bitrates and the size of the entropy model.
    pca : PCA
        The linear auto-encoder that training starts from: it gives the first steps.
    frame_rate : float
        Frames per second.
    seed : int
        Determines everything random.

    Attributes
    ----------
    groups : np.ndarray
        The first channel of each group, and the count of channels (n_groups + 1,).
    log_prices : keras.Variable
        The logarithms of the loss that a kbit/s is worth, at the lowest and at the highest bitrate.
    """

    def __init__(self, config: CodecConfig, pca: PCA, frame_rate: float, *, seed: int) -> None:
        self.config = config
        self.frame_rate = frame_rate
        self.seed = seed
        self.size = pca.encode.shape[1]
        self.groups = np.unique(np.linspace(0, self.size, min(config.groups, self.size) + 1).round().astype(int))
        self.units = (len(self.groups) - 1) * config.hidden
        self._make_masks()
        self._make_weights(_first_log_steps(pca, self._knot_bitrates() * pca.frames_per_latent / frame_rate))

    @property
    def weights(self) -> list:
        """The variables that are trained."""
        return list(self._variables.values())

    def __call__(self, latent: Tensor, position: Tensor, number: Tensor | int) -> tuple[Tensor, Tensor]:
        """Quantise latents.

        Parameters
        ----------
        latent : Tensor
            (n, n_latents, size).
        position : Tensor
            (n,), the position of each sequence between the lowest and the highest bitrate.
        number : Tensor or int
            A count that selects the noise.

        Returns
        -------
        tuple[Tensor, Tensor]
            The latents as the decoder gets them (n, n_latents, size), and the bits of each (n, n_latents).
        """
        step = ops.exp(self._at("steps", position))
        noise = keras.random.uniform(latent.shape, -0.5, 0.5, seed=_Seed(self.seed + 1, number))
        noisy = latent + step * noise
        mean, log_scale = self._predict(noisy, position)
        symbol = (latent - mean) / step
        rounded = symbol + ops.stop_gradient(ops.round(symbol) - symbol)
        return mean + rounded * step, ops.sum(_bits((noisy - mean) / step, log_scale), axis=-1)

    def at_validation_positions(self, latent: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Return (latent as the decoder gets it, bits, position (n,)) at each position that validation scores."""
        positions = [ops.full((latent.shape[0],), place, "float32") for place in _VALIDATION_POSITIONS]
        return [(*self(latent, position, 0), position) for position in positions]

    def positions(self, n_sequences: int, number: Tensor | int) -> Tensor:
        """Return a position for each sequence, (n_sequences,), spread over the range; number selects the jitter."""
        jitter = keras.random.uniform((n_sequences,), seed=_Seed(self.seed, number))
        return (ops.arange(n_sequences, dtype="float32") + jitter) / n_sequences

    def bitrate(self, position: Tensor) -> Tensor:
        """Return the bitrate in bit/s that training aims at."""
        return 1_000 * self.config.lowest_kbits * (self.config.highest_kbits / self.config.lowest_kbits) ** position

    def bitrate_of(self, bits: Tensor, mask: Tensor) -> Tensor:
        """Return the bitrate (n,) in bit/s of sequences, each with the mean count of frames that count.

        Parameters
        ----------
        bits : Tensor
            The bits of each latent (n, n_latents).
        mask : Tensor
            (n, 1, n_frames, 1), 1 where a frame counts, 0 elsewhere.
        """
        n_frames = ops.sum(mask) / mask.shape[0]
        return ops.sum(bits, axis=1) * self.frame_rate / (n_frames + 1e-3)

    def price(self, position: Tensor) -> Tensor:
        """Return the loss that one more bit/s is worth."""
        return ops.exp(self.log_prices[0] * (1 - position) + self.log_prices[1] * position) / 1_000

    def adapt(self, position: Tensor, bitrate: Tensor) -> None:
        """Raise the prices where the bitrate (n,) at positions (n,) is above the one aimed at; lower them elsewhere."""
        excess = ops.log(bitrate / self.bitrate(position) + 1e-3)
        ends = ops.stack([ops.mean((1 - position) * excess), ops.mean(position * excess)])
        self.log_prices.assign_add(_PRICE_PACE * ends)

    def to_entropy_model(self, latents: list[np.ndarray]) -> EntropyModel:
        """Return the entropy model in integers, its tables fitted on the latents (n_latents, size) of recordings."""
        learned = {name: variable.numpy().reshape(self._shapes[name]) for name, variable in self._variables.items()}
        place = self._places(self.config.qualities)
        for name, values in learned.items():
            axes = array_specs()[name].axes
            if axes in self._masks:
                learned[name] = values * self._masks[axes]
            else:  # one row for each knot
                columns = [np.interp(place, np.arange(self.config.knots), column) for column in values.T]
                learned[name] = np.stack(columns, 1)
        learned["steps"] = np.exp(learned["steps"])
        model = EntropyModel.from_floats(groups=self.groups, **learned)
        qualities = range(0, model.n_qualities, _FITTED_EVERY)
        counted = (count_symbols(model, latent, quality) for quality in qualities for latent in latents)
        counts = sum(counted, start=np.zeros((), int))
        return EntropyModel.from_floats(groups=self.groups, **learned, tables=refit_tables(counts))

    def start_at(self, model: EntropyModel) -> None:
        """Begin with what an entropy model has learned, about the inverse of `to_entropy_model`.

        One of other sizes, as another version may have made it, is left alone.
        """
        specs, place = array_specs(), self._places(model.n_qualities)
        if not np.array_equal(model.groups, self.groups) or model.hidden_kernel.shape[1] != self.units:
            return
        for name, variable in self._variables.items():
            spec, values = specs[name], getattr(model, name)
            values = (values.astype(np.float64) - spec.offset) / spec.unit
            if name == "steps":
                values = np.log(values)
            if spec.axes not in self._masks:  # one row for each quality
                columns = [np.interp(np.arange(self.config.knots), place, column) for column in values.T]
                values = np.stack(columns, 1)
            variable.assign(values.astype(np.float32).ravel())

    def _places(self, n_qualities: int) -> np.ndarray:
        """Return where between the knots, which are 0, 1, 2 ..., qualities are."""
        return np.linspace(0, self.config.knots - 1, n_qualities)

    def _make_masks(self) -> None:
        """Make the masks of kernels, by their axes: a group depends on the two latents and the groups before it."""
        size, hidden = self.size, self.config.hidden
        context_to_units = np.zeros((3 * size, self.units), np.float32)
        context_to_channels = np.zeros((3 * size, size), np.float32)
        units_to_channels = np.zeros((self.units, size), np.float32)
        for number, (first, end) in enumerate(zip(self.groups[:-1], self.groups[1:], strict=True)):
            units = slice(number * hidden, (number + 1) * hidden)
            context_to_units[: 2 * size + first, units] = 1
            context_to_channels[: 2 * size + first, first:end] = 1
            units_to_channels[units, first:end] = 1
        self._masks: dict[tuple[str, ...], np.ndarray] = {
            ("context", "units"): context_to_units,
            ("context", "channels"): context_to_channels,
            ("units", "channels"): units_to_channels,
        }

    def _make_weights(self, log_steps: np.ndarray) -> None:
        """Make the weights, all as vectors: the optimiser orthogonalises matrices, which these must not be."""
        shapes = expected_shapes(self.config.knots, self.size, len(self.groups) - 1, self.units)
        self._shapes = {name: shape for name, shape in shapes.items() if name not in _NOT_LEARNED}
        values = {name: np.zeros(shape) for name, shape in self._shapes.items()}
        deviation = 1 / math.sqrt(3 * self.size)
        rng = np.random.default_rng([self.seed, 4])
        values["steps"] = log_steps
        values["hidden_kernel"] = rng.normal(0, deviation, self._shapes["hidden_kernel"])
        # For latents of a variance of 1, as PCA gives them.
        values["scale_bias"] = -log_steps - math.log(_LOGISTIC_DEVIATION)
        self._variables = {name: keras.Variable(value.astype(np.float32).ravel()) for name, value in values.items()}
        self.log_prices = keras.Variable(np.log(_FIRST_PRICES).astype(np.float32), trainable=False)

    def _knot_bitrates(self) -> np.ndarray:
        """Return the bitrates in bit/s at which steps and biases are learned; they are interpolated in between."""
        lowest, highest = 1_000 * self.config.lowest_kbits, 1_000 * self.config.highest_kbits
        return np.geomspace(lowest, highest, self.config.knots)

    def _at(self, name: str, position: Tensor) -> Tensor:
        """Return the (n, 1, k) of a (knots, k) weight at positions (n,), interpolated linearly between the knots."""
        values = ops.reshape(self._variables[name], self._shapes[name])
        place = position * (self.config.knots - 1)
        below = ops.clip(ops.cast(ops.floor(place), "int32"), 0, self.config.knots - 2)
        share = (place - ops.cast(below, "float32"))[:, None]
        return (ops.take(values, below, axis=0) * (1 - share) + ops.take(values, below + 1, axis=0) * share)[:, None]

    def _kernel(self, name: str) -> Tensor:
        """Return a masked kernel."""
        return ops.reshape(self._variables[name], self._shapes[name]) * self._masks[array_specs()[name].axes]

    def _predict(self, latent: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the log-scale in steps, each (n, n_latents, size), predicted from what comes before."""
        count = latent.shape[1]
        before = [ops.pad(latent, ((0, 0), (shift, 0), (0, 0)))[:, :count] for shift in (1, 2)]
        context = ops.concatenate([*before, latent], axis=-1)
        hidden = context @ self._kernel("hidden_kernel") + self._at("hidden_bias", position)
        hidden = ops.clip(hidden, 0.0, _HIDDEN_LIMIT)
        mean = context @ self._kernel("linear_kernel")
        mean += hidden @ self._kernel("mean_kernel") + self._at("mean_bias", position)
        return mean, hidden @ self._kernel("scale_kernel") + self._at("scale_bias", position)


def _bits(symbol: Tensor, log_scale: Tensor) -> Tensor:
    """Return the bits of symbols, which need not be integers, under logistic distributions around 0."""
    scale = ops.exp(ops.clip(log_scale, _SMALLEST, _LARGEST))
    distance = ops.abs(symbol)
    probability = ops.sigmoid((0.5 - distance) / scale) - ops.sigmoid((-0.5 - distance) / scale)
    return -ops.log(ops.maximum(probability, _LEAST_PROBABILITY)) / math.log(2)


def _first_log_steps(pca: PCA, bits: np.ndarray) -> np.ndarray:
    """Return the logarithms (n, size) of the steps at which PCA's latents take the given bits (n,) each.

    A common step of all components before they are whitened gives all of them the same error. The bits of a Gaussian
    component at that step are found by bisection.
    """
    deviations = np.linalg.norm(pca.decode, axis=1).astype(np.float64)
    rows = []
    for target in bits:
        low, high = -15.0, 6.0
        for _ in range(50):
            middle = (low + high) / 2
            spent = 0.5 * np.log2(1 + 2 * math.pi * math.e * (deviations / math.exp(middle)) ** 2).sum()
            low, high = (middle, high) if spent > target else (low, middle)
        rows.append(middle - np.log(deviations))
    return np.array(rows)

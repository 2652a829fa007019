"""Learning to be quantised: the noise, the bitrate and the entropy model that a codec's latents are trained with.

The floating-point twin of `entropy.py`: the same quantiser and the same prediction, for many recordings at once and
with gradients. What it has learned becomes integers in `Quantiser.to_entropy_model`.
"""

import math

import numpy as np

from speech_autoencoder.config import CodecConfig
from speech_autoencoder.model import entropy_model as entropy
from speech_autoencoder.model.entropy_model import CLASSES, FRACTION_BITS, LOWEST, SPACING, EntropyModel
from speech_autoencoder.model.pca import PCA

# The least and the largest logarithm of a scale, in steps, of which there is a table.
_SMALLEST = (LOWEST + SPACING / 2) / 2**FRACTION_BITS
_LARGEST = _SMALLEST + (CLASSES - 1) * SPACING / 2**FRACTION_BITS
# Hidden units end here, as in the integer twin; symbols are never thought less likely than this.
_HIDDEN_LIMIT, _LEAST_LIKELY = entropy.VALUE_LIMIT / 2**FRACTION_BITS, 1e-7
# The loss that a kbit/s is worth at the lowest and at the highest bitrate at first, and how fast that adapts.
_FIRST_PRICES, _PRICE_PACE = (0.24, 0.016), 0.02
# The standard deviation of a logistic distribution of scale 1.
_LOGISTIC_DEVIATION = math.pi / math.sqrt(3)
# Where validation looks, from the coarsest (0) to the finest (1).
_LOOKED_AT = (1 / 6, 1 / 2, 5 / 6)
# Every how many quality steps the tables of the entropy model are fitted at.
_EVERY = 4


class Quantiser:
    """Quantisation and its bitrate as tensors, at any position from 0, the lowest bitrate, to 1, the highest.

    One network serves all bitrates, as each channel's step follows the position (Cui and others, 2021). In training,
    the decoder hears rounded latents, with gradients as if they had not been, while the bitrate is that of latents with
    uniform noise instead (Ballé and others, 2017; Minnen and Singh, 2020). What a bit may cost at each position is
    adapted until the bitrates are those of the configuration.
    """

    def __init__(self, config: CodecConfig, floor: PCA, frame_rate: float, *, seed: int):
        self.config, self.frame_rate, self.seed = config, frame_rate, seed
        self.size = size = floor.encode.shape[1]
        self.groups = np.unique(np.linspace(0, size, min(config.groups, size) + 1).round().astype(int))
        self.units = (len(self.groups) - 1) * config.hidden
        self._make_masks()
        self._make_weights(_first_steps(floor, self._knot_bitrates() * floor.frames_per_latent / frame_rate))

    def _make_masks(self):
        """Nothing; what a group's units, mean and scale may see: two latents before, and the groups before."""
        size, hidden = self.size, self.config.hidden
        self.sees = np.zeros((3 * size, self.units), np.float32)
        self.sees_directly = np.zeros((3 * size, size), np.float32)
        self.own = np.zeros((self.units, size), np.float32)
        for number, (first, end) in enumerate(zip(self.groups[:-1], self.groups[1:], strict=True)):
            units = slice(number * hidden, (number + 1) * hidden)
            self.sees[: 2 * size + first, units] = 1
            self.sees_directly[: 2 * size + first, first:end] = 1
            self.own[units, first:end] = 1

    def _make_weights(self, log_steps):
        """Nothing; the weights, all as vectors, as the optimiser makes the network's matrices orthogonal, not these."""
        import tensorflow as tf

        knots, size, units = self.config.knots, self.size, self.units
        kernel = np.random.default_rng([self.seed, 4]).normal(0, 1 / math.sqrt(3 * size), (3 * size, units))
        values = {
            "steps": log_steps,
            "hidden_kernel": kernel,
            "hidden_bias": np.zeros((knots, units)),
            "linear_kernel": np.zeros((3 * size, size)),
            "mean_kernel": np.zeros((units, size)),
            "mean_bias": np.zeros((knots, size)),
            "scale_kernel": np.zeros((units, size)),
            # Latents of a variance of 1, as PCA gives them.
            "scale_bias": -log_steps - math.log(_LOGISTIC_DEVIATION),
        }
        self._shapes = {name: value.shape for name, value in values.items()}
        self._variables = {name: tf.Variable(value.astype(np.float32).ravel()) for name, value in values.items()}
        self.log_prices = tf.Variable(np.log(_FIRST_PRICES).astype(np.float32))

    @property
    def weights(self) -> list:
        """The variables that are trained."""
        return list(self._variables.values())

    def _knot_bitrates(self):
        """The bitrates (bit/s) at which steps and biases are learned; between them they are interpolated."""
        lowest, highest = 1_000 * self.config.lowest_kbits, 1_000 * self.config.highest_kbits
        return np.geomspace(lowest, highest, self.config.knots)

    def bitrate(self, position):
        """The bitrate (bit/s) that training aims at."""
        return 1_000 * self.config.lowest_kbits * (self.config.highest_kbits / self.config.lowest_kbits) ** position

    def price(self, position):
        """The loss that one bit/s more is worth."""
        import tensorflow as tf

        return tf.exp(self.log_prices[0] * (1 - position) + self.log_prices[1] * position) / 1_000

    def adapt(self, position, bitrate) -> None:
        """Nothing; bits cost more where their rate, (n,) at (n,) positions, is above what is aimed at."""
        import tensorflow as tf

        excess = tf.math.log(bitrate / self.bitrate(position) + 1e-3)
        ends = tf.stack([tf.reduce_mean((1 - position) * excess), tf.reduce_mean(position * excess)])
        self.log_prices.assign_add(_PRICE_PACE * ends)

    def positions(self, n_sequences, number):
        """A position for each of so many sequences, spread over all of them, by the count of the step."""
        import tensorflow as tf

        seed = tf.stack([self.seed, tf.cast(number, tf.int32)])
        jitter = tf.random.stateless_uniform((n_sequences,), seed)
        return (tf.range(n_sequences, dtype=tf.float32) + jitter) / tf.cast(n_sequences, tf.float32)

    def __call__(self, latent, position, number):
        """(latent as the decoder gets it, bits of each (n, n_latents)) of a latent (n, n_latents, size).

        position (n,); number, a count, chooses the noise.
        """
        import tensorflow as tf

        step = tf.exp(self._at("steps", position))
        seed = tf.stack([self.seed + 1, tf.cast(number, tf.int32)])
        noisy = latent + step * tf.random.stateless_uniform(tf.shape(latent), seed, -0.5, 0.5)
        mean, log_scale = self._predict(noisy, position)
        symbol = (latent - mean) / step
        rounded = symbol + tf.stop_gradient(tf.round(symbol) - symbol)
        return mean + rounded * step, tf.reduce_sum(_bits((noisy - mean) / step, log_scale), axis=-1)

    def looked_at(self, latent):
        """[(latent as the decoder gets it, bits, position (n,))] at the positions that validation looks at."""
        import tensorflow as tf

        positions = [tf.fill((tf.shape(latent)[0],), tf.constant(place, tf.float32)) for place in _LOOKED_AT]
        return [(*self(latent, position, 0), position) for position in positions]

    def _at(self, name, position):
        """The (n, 1, k) of a (knots, k) weight at positions (n,), linearly between the knots."""
        import tensorflow as tf

        values = tf.reshape(self._variables[name], self._shapes[name])
        place = position * (self.config.knots - 1)
        below = tf.clip_by_value(tf.cast(tf.floor(place), tf.int32), 0, self.config.knots - 2)
        share = (place - tf.cast(below, tf.float32))[:, None]
        return (tf.gather(values, below) * (1 - share) + tf.gather(values, below + 1) * share)[:, None]

    def _kernel(self, name, mask):
        import tensorflow as tf

        return tf.reshape(self._variables[name], self._shapes[name]) * mask

    def _predict(self, latent, position):
        """(mean, log-scale in steps), each (n, n_latents, size), of every latent from what comes before it."""
        import tensorflow as tf

        count = tf.shape(latent)[1]
        before = [tf.pad(latent, ((0, 0), (shift, 0), (0, 0)))[:, :count] for shift in (1, 2)]
        context = tf.concat([*before, latent], axis=-1)
        hidden = context @ self._kernel("hidden_kernel", self.sees) + self._at("hidden_bias", position)
        hidden = tf.clip_by_value(hidden, 0.0, _HIDDEN_LIMIT)
        mean = context @ self._kernel("linear_kernel", self.sees_directly)
        mean += hidden @ self._kernel("mean_kernel", self.own) + self._at("mean_bias", position)
        return mean, hidden @ self._kernel("scale_kernel", self.own) + self._at("scale_bias", position)

    def to_entropy_model(self, latents: list[np.ndarray]) -> EntropyModel:
        """What was learned, in integers, its tables fitted on these recordings' latents, each (n_latents, size)."""
        learned = {name: variable.numpy().reshape(self._shapes[name]) for name, variable in self._variables.items()}
        place = np.linspace(0, self.config.knots - 1, self.config.qualities)
        for name in ("steps", "hidden_bias", "mean_bias", "scale_bias"):
            columns = learned[name].T
            learned[name] = np.stack([np.interp(place, np.arange(self.config.knots), column) for column in columns], 1)
        learned["steps"] = np.exp(learned["steps"])
        for name, mask in (
            ("hidden_kernel", self.sees),
            ("linear_kernel", self.sees_directly),
            ("mean_kernel", self.own),
            ("scale_kernel", self.own),
        ):
            learned[name] = learned[name] * mask
        model = EntropyModel.from_floats(groups=self.groups, **learned)
        qualities = range(0, model.n_qualities, _EVERY)
        counts = sum(entropy.count_symbols(model, latent, quality) for quality in qualities for latent in latents)
        return EntropyModel.from_floats(groups=self.groups, **learned, tables=entropy.refit_tables(counts))


def _bits(symbol, log_scale):
    """The bits of symbols that need not be whole, from logistic distributions around 0."""
    import tensorflow as tf

    scale = tf.exp(tf.clip_by_value(log_scale, _SMALLEST, _LARGEST))
    away = tf.abs(symbol)
    likely = tf.sigmoid((0.5 - away) / scale) - tf.sigmoid((-0.5 - away) / scale)
    return -tf.math.log(tf.maximum(likely, _LEAST_LIKELY)) / math.log(2)


def _first_steps(floor, bits):
    """The logarithms (n, size) of the steps with which PCA's latents take so many bits each.

    The error of all components is the same where they are quantised with one step before they are whitened.
    """
    deviations = np.linalg.norm(floor.decode, axis=1).astype(np.float64)
    rows = []
    for wanted in bits:
        low, high = -15.0, 6.0
        for _ in range(50):
            middle = (low + high) / 2
            spent = 0.5 * np.log2(1 + 2 * math.pi * math.e * (deviations / math.exp(middle)) ** 2).sum()
            low, high = (middle, high) if spent > wanted else (low, middle)
        rows.append(middle - np.log(deviations))
    return np.array(rows)

"""One step of training: gradients, the optimiser, averaged weights, and the state that a checkpoint holds."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.integers import ceil_div
from speech_autoencoder.training.batches import Batch
from speech_autoencoder.training.muon import optimizer
from speech_autoencoder.training.quantiser import Quantiser
from speech_autoencoder.training.training_loss import TrainingLoss

Tensor = Any

# Parts of a batch that are computed at the same time, see processors.training_threads.
_N_PARTS = 2


def as_graph(function: Callable[..., Any], n_mels: int) -> Callable[..., Any]:
    """Return a function of (clips, mask, level) as a TensorFlow graph for batches of any size."""
    clips = tf.TensorSpec((None, n_mels, None, 1), tf.float32)
    per_frame = tf.TensorSpec((None, 1, None, 1), tf.float32)
    # AutoGraph would search the code for loops, of which there are none: a second more until training begins.
    return tf.function(function, input_signature=[clips, per_frame, per_frame], autograph=False)


def batch_parts(batch_size: int) -> list[slice]:
    """Return which sequences of a batch are computed together."""
    size = ceil_div(batch_size, _N_PARTS)
    return [slice(first, first + size) for first in range(0, batch_size, size)]


def mean_over_parts(compute: Callable[..., Any], parts: list[slice], x: Tensor, mask: Tensor, level: Tensor) -> Any:
    """Return the mean of what `compute` gives for the parts of a batch, in which every frame weighs the same.

    Each part has a graph of its own: with so little to multiply at once, two threads that compute a part each finish
    sooner than two that share every product.

    Parameters
    ----------
    compute : Callable
        Takes the number of the part, its slice of the batch, and its x, mask and level; returns nested tensors.
    parts : list[slice]
        See `batch_parts`.
    x, mask, level : Tensor
        The batch.
    """
    results = [compute(number, here, x[here], mask[here], level[here]) for number, here in enumerate(parts)]
    n_frames = [tf.reduce_sum(mask[here]) + 1e-6 for here in parts]
    shares = [some / tf.add_n(n_frames) for some in n_frames]

    def mean(*values: Tensor) -> Tensor:
        return tf.add_n([share * value for share, value in zip(shares, values, strict=True)])

    return tf.nest.map_structure(mean, *results)


class TrainStep:
    """The network being trained, its optimiser, and the running average of its weights.

    Parameters
    ----------
    network : keras.Model
        The auto-encoder, see `keras_network.build`.
    range_db : float
        The dB from 0 to 1 of a normalised value.
    quantiser : Quantiser, optional
        Quantises the latents of a codec, and is trained along.

    Attributes
    ----------
    weights : list
        The variables that are trained.
    average : list
        The running averages of the weights, as variables.
    step : Callable
        Takes a step on (clips, mask, level), and returns the loss and the mean square error before it, two scalars.
    """

    def __init__(
        self,
        network: keras.Model,
        config: TrainingConfig,
        *,
        loss: TrainingLoss,
        range_db: float,
        quantiser: Quantiser | None = None,
    ) -> None:
        self.network = network
        self.config = config
        self.loss = loss
        self.range_db = range_db
        self.quantiser = quantiser
        self.optimizer = optimizer(config.learning_rate, config.clip_norm, config.weight_decay)
        self.weights = network.trainable_variables + (quantiser.weights if quantiser else [])
        self.optimizer.build(self.weights)
        self.average = [tf.Variable(tf.identity(weight)) for weight in self.weights]
        self.step = as_graph(self._step, network.input_shape[1])

    def take_steps(
        self,
        batches: Iterable[Batch],
        learning_rates: Iterable[float],
        *,
        on_step: Callable[[], object] = lambda: None,
        describe_batch: Callable[[], str] = lambda: "on a batch: use a lower --learning-rate",
    ) -> float:
        """Take a step on each batch, and return the RMS error over all of them in dB.

        Parameters
        ----------
        on_step : Callable
            Is called after each step.
        describe_batch : Callable
            Returns the end of the message when the loss of a batch is not finite, see `Batches.describe_last`.

        Raises
        ------
        InputError
            At the first step whose loss is not finite.
        """
        total = count = 0.0
        for (clips, mask, level), learning_rate in zip(batches, learning_rates, strict=False):
            self.optimizer.learning_rate.assign(learning_rate)
            loss, squares = self.step(clips, mask, level)
            if not math.isfinite(float(loss)):
                raise InputError(f"Training diverged (the loss is NaN or infinite) {describe_batch()}.")
            total += float(squares) * float(mask.sum())
            count += float(mask.sum())
            on_step()
        return self.range_db * math.sqrt(total / max(count, 1))

    def averages(self) -> list[np.ndarray]:
        """Return copies of the averaged weights."""
        return [np.array(mean.numpy()) for mean in self.average]

    def use(self, weights: Iterable[np.ndarray]) -> None:
        """Give the network, and the quantiser, these weights."""
        for variable, value in zip(self.weights, weights, strict=True):
            variable.assign(value)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Give the network, and the quantiser, the averaged weights meanwhile.

        Raises
        ------
        InputError
            If an averaged weight is not finite, which the loss of the last step need not have shown.
        """
        kept, averages = [weight.numpy() for weight in self.weights], self.averages()
        if not all(np.isfinite(average).all() for average in averages):
            raise InputError("Training diverged (a weight is NaN or infinite): use a lower --learning-rate.")
        self.use(averages)
        try:
            yield
        finally:
            self.use(kept)

    def state(self) -> dict[str, np.ndarray]:
        """Return copies of everything that the next step depends on."""
        return {f"state_{i}": np.array(variable.numpy()) for i, variable in enumerate(self._variables())}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to when `state` returned this.

        Raises
        ------
        ValueError
            If it is of another network.
        """
        for i, variable in enumerate(self._variables()):
            value = state[f"state_{i}"]
            if tuple(value.shape) != tuple(variable.shape):
                raise ValueError(f"state_{i} is {value.shape}, expected {tuple(variable.shape)}")
            variable.assign(value)

    def _variables(self) -> list:
        """Return everything that the next step depends on, as variables."""
        prices = [self.quantiser.log_prices] if self.quantiser else []
        return [*self.weights, *self.average, *self.optimizer.variables, *prices]

    def _step(self, x: Tensor, mask: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Take a step; return the loss and the mean square error before it."""
        gradients, total, squares = self._gradients(x, mask, level)
        self.optimizer.apply(gradients, self.weights)
        # The average follows faster at first, so that it soon forgets the start.
        n_steps = tf.cast(self.optimizer.iterations, tf.float32)
        pace = tf.maximum(1 - self.config.averaging, 1 / (1 + n_steps))
        for mean, weight in zip(self.average, self.weights, strict=True):
            mean.assign_add(pace * (weight - mean))
        return total, squares

    def _gradients(self, x: Tensor, mask: Tensor, level: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return the weights' gradients, the loss and the mean square error of a batch."""
        quantiser, count = self.quantiser, self.optimizer.iterations
        position: Tensor = quantiser.positions(tf.shape(x)[0], count) if quantiser else None
        bitrates = []

        def compute(
            number: int, here: slice, x: Tensor, mask: Tensor, level: Tensor
        ) -> tuple[list[Tensor], Tensor, Tensor]:
            with tf.GradientTape() as tape:
                if quantiser:
                    noise = _N_PARTS * count + number
                    total, squares, bitrate = self._quantised_loss(quantiser, x, mask, level, position[here], noise)
                    bitrates.append(tf.stop_gradient(bitrate))
                else:
                    total, squares = self.loss(x, self.network(x, training=True), mask, level)
            return tape.gradient(total, self.weights), total, squares

        results = mean_over_parts(compute, batch_parts(self.config.batch_size), x, mask, level)
        if quantiser:
            quantiser.adapt(position, tf.concat(bitrates, axis=0))
        return results

    def _quantised_loss(
        self, quantiser: Quantiser, x: Tensor, mask: Tensor, level: Tensor, position: Tensor, number: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the loss with the price of the bits, the mean square error, and the bitrate of each sequence."""
        latent = self.network.get_layer("encoder")(x, training=True)
        latent, bits = quantiser(latent, position, number)
        loss, squares = self.loss(x, self.network.get_layer("decoder")(latent, training=True), mask, level)
        bitrate = quantiser.bitrate_of(bits, mask)
        return loss + tf.reduce_mean(quantiser.price(position) * bitrate), squares, bitrate

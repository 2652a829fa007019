"""One step of training: gradients, the optimiser, averaged weights, and the state that a checkpoint holds."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.training.backends.choice import backend
from speech_autoencoder.training.batches import Batch
from speech_autoencoder.training.checkpoints import EpochProgress
from speech_autoencoder.training.muon import optimizer
from speech_autoencoder.training.quantiser import Quantiser
from speech_autoencoder.training.training_loss import TrainingLoss

Tensor = Any

# The names of arrays in a checkpoint: of what a step changes, and of what stays as it was at the start.
_STATE = "state_"
_FROZEN = "frozen_"
# Averaged weights cover about the last of this many parts of the steps so far, at most as many as
# `TrainingConfig.averaging` allows (docs/experiments.md).
_AVERAGED_PARTS = 16


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
    frozen : list
        The variables of the network that are not trained.
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
        self.frozen = list(network.non_trainable_variables)
        self.optimizer.build(self.weights)
        self.average = [keras.Variable(weight.numpy(), trainable=False) for weight in self.weights]
        self.step = backend().compile_step(self)

    def take_steps(
        self,
        batches: Iterable[Batch],
        learning_rates: Iterable[float],
        *,
        on_step: Callable[[], object] = lambda: None,
        describe_batch: Callable[[], str] = lambda: "on a batch: use a lower --learning-rate",
        progress: EpochProgress | None = None,
    ) -> float:
        """Take a step on each batch, and return the RMS error over all of them in dB.

        Parameters
        ----------
        on_step : Callable
            Is called after each step.
        describe_batch : Callable
            Returns the end of the message when the loss of a batch is not finite, see `Batches.describe_last`.
        progress : EpochProgress, optional
            What was done of the epoch before, which counts too; it is kept up to date.

        Raises
        ------
        InputError
            At the first step whose loss is not finite.
        """
        progress = progress or EpochProgress()
        for (clips, mask, level), learning_rate in zip(batches, learning_rates, strict=False):
            self.optimizer.learning_rate.assign(learning_rate)
            loss, squares = self.step(clips, mask, level)
            if not math.isfinite(float(loss)):
                raise InputError(f"Training diverged (the loss is NaN or infinite) {describe_batch()}.")
            progress.squares += float(squares) * float(mask.sum())
            progress.n_frames += float(mask.sum())
            progress.n_steps += 1
            on_step()
        return self.range_db * math.sqrt(progress.squares / max(progress.n_frames, 1))

    def averages(self) -> list[np.ndarray]:
        """Return copies of the averaged weights."""
        return [np.array(mean.numpy()) for mean in self.average]

    def is_finite(self) -> bool:
        """Return whether all averaged weights are finite, which the loss of the last step need not have shown."""
        return all(np.isfinite(average).all() for average in self.averages())

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
        return {name: np.array(variable.numpy()) for name, variable in self._named_variables()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to when `state` returned this.

        Raises
        ------
        ValueError
            If it is of another network.
        """
        for name, variable in self._named_variables():
            if name not in state and name.startswith(_FROZEN):
                continue  # an old checkpoint, whose training started at PCA
            value = state[name]
            if tuple(value.shape) != tuple(variable.shape):
                raise ValueError(f"{name} is {value.shape}, expected {tuple(variable.shape)}")
            variable.assign(value)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a step or a score reads or writes."""
        return [*self._state_variables(), *self.frozen]

    def positions(self, n_sequences: int) -> Tensor | None:
        """Return the positions (n_sequences,) of the next step's sequences, see `Quantiser`; None without one."""
        return self.quantiser and self.quantiser.positions(n_sequences, self.optimizer.iterations)

    def losses(
        self, x: Tensor, mask: Tensor, level: Tensor, *, position: Tensor | None, number: Tensor | int
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the loss whose gradient the next step takes, the mean square error, and the bitrates (n,).

        Parameters
        ----------
        x, mask, level : Tensor
            A batch, or a part of it.
        position : Tensor or None
            The `positions` of its sequences; the bitrates are None without them.
        number : Tensor or int
            A count that selects the noise, see `Quantiser`.
        """
        if self.quantiser is None:
            loss, squares = self.compare(x, self.reconstruct(x, training=True), mask, level)
            return loss, squares, None
        latent, bits = self.quantiser(self.encode(x, training=True), position, number)
        loss, squares = self.compare(x, self.decode(latent, training=True), mask, level)
        bitrate = self.quantiser.bitrate_of(bits, mask)
        return loss + ops.mean(self.quantiser.price(position) * bitrate), squares, ops.stop_gradient(bitrate)

    @property
    def n_mels(self) -> int:
        """The mel bands of a frame."""
        return int(self.network.input_shape[1])

    def reconstruct(self, x: Tensor, *, training: bool) -> Tensor:
        """Return what the network makes of the clips of a batch: (n, n_channels, n_frames, 1)."""
        return self.decode(self.encode(x, training=training), training=training)

    def encode(self, x: Tensor, *, training: bool) -> Tensor:
        """Return the latents of the clips of a batch."""
        return self.network.get_layer("encoder")(self.given(x), training=training)

    def decode(self, latent: Tensor, *, training: bool) -> Tensor:
        """Return the frames (n, n_channels, n_frames, 1) of latents."""
        return self.network.get_layer("decoder")(latent, training=training)

    def given(self, x: Tensor) -> Tensor:
        """Return what the encoder is given of the clips of a batch, see `Batch`: (n, n_channels, n_frames, 1)."""
        n_mels = self.n_mels
        return x if x.shape[1] == n_mels else ops.concatenate([x[:, :n_mels], x[:, 2 * n_mels :]], axis=1)

    def compare(self, x: Tensor, output: Tensor, mask: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the mean square error of what was made of the clips of a batch.

        With frames between, the loss is that of all frames, in time order, and the error that of the clips' own.
        """
        if x.shape[1] == self.n_mels:
            return self.loss(x, output, mask, level)
        n_frames = x.shape[2]

        def finer(frames: Tensor) -> Tensor:
            frames = ops.reshape(frames, (-1, 2, self.n_mels, n_frames))
            return ops.reshape(ops.transpose(frames, (0, 2, 3, 1)), (-1, self.n_mels, 2 * n_frames, 1))

        wanted, counts = x[:, : 2 * self.n_mels], ops.repeat(mask, 2, axis=2)
        loss, _ = self.loss(finer(wanted), finer(output), counts, ops.repeat(level, 2, axis=2))
        squares = ops.sum(ops.square(x[:, : self.n_mels] - output[:, : self.n_mels]) * mask)
        return loss, squares / ((ops.sum(mask) + 1e-6) * self.n_mels)

    def update(self, gradients: list[Tensor], position: Tensor | None, bitrate: Tensor | None) -> None:
        """Change the weights, their averages, and the prices of bits, by what `losses` gave for a whole batch."""
        if self.quantiser is not None:
            self.quantiser.adapt(position, bitrate)
        self.optimizer.apply(gradients, self.weights)
        # The average covers more and more of the latest steps, so that it soon forgets the first ones.
        n_steps = ops.cast(self.optimizer.iterations, "float32")
        pace = ops.maximum(1 - self.config.averaging, 1 / (1 + n_steps / _AVERAGED_PARTS))
        for mean, weight in zip(self.average, self.weights, strict=True):
            # In place; `mean.assign_add` would make a copy of it first.
            self.optimizer.assign_add(mean, pace * (weight - mean))

    def _named_variables(self) -> Iterator[tuple[str, keras.Variable]]:
        """Yield what a checkpoint holds, by the names that it has there."""
        for prefix, variables in ((_STATE, self._state_variables()), (_FROZEN, self.frozen)):
            yield from ((f"{prefix}{i}", variable) for i, variable in enumerate(variables))

    def _state_variables(self) -> list[keras.Variable]:
        """Return what the next step depends on and changes, in the order of a checkpoint."""
        prices = [self.quantiser.log_prices] if self.quantiser else []
        return [*self.weights, *self.average, *self.optimizer.variables, *prices]

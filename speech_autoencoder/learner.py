"""One step of training: batches, the loss, the schedule, averaged weights, the state that a checkpoint holds."""

import math

import numpy as np

from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import INPUT_SCALE


class Batches:
    """Rows of some recordings, in batches (n, n_mels, width, 1) with a mask (n, 1, width, 1) of what is no padding.

    Rows of like length go together and are cut to the longest, so that little is computed for padding.
    """

    def __init__(self, dataset, recordings, config, frames_per_latent):
        first = dataset.first_row
        self.rows = np.concatenate([np.arange(first[i], first[i + 1]) for i in recordings])
        self.valid = dataset.valid_frames()[self.rows]
        self.clips, self.size, self.step = dataset.clips, config.batch_size, frames_per_latent
        self.n_steps = math.ceil(len(self.rows) / self.size)

    def epoch(self, rng=None):
        """The batches of an epoch; with rng in random order, each shifted against the latent's grid."""
        order = np.arange(len(self.rows)) if rng is None else rng.permutation(len(self.rows))
        pools = [order[start : start + 8 * self.size] for start in range(0, len(order), 8 * self.size)]
        batches = []
        for pool in pools:
            pool = pool[np.argsort(self.valid[pool], kind="stable")]
            batches += [pool[start : start + self.size] for start in range(0, len(pool), self.size)]
        if rng is not None:
            batches = [batches[i] for i in rng.permutation(len(batches))]
        for batch in batches:
            yield self._batch(batch, 0 if rng is None else int(rng.integers(self.step)))

    def _batch(self, batch, shift):
        valid = self.valid[batch]
        width = -(-(int(valid.max()) + shift) // self.step) * self.step
        out = np.zeros((len(batch), self.clips.shape[1], width, 1), np.float32)
        rows = np.sort(self.rows[batch])
        order = np.argsort(self.rows[batch], kind="stable")
        longest = int(valid.max())
        out[:, :, shift : shift + longest] = self.clips[rows, :, :longest]
        frame = np.arange(width) - shift
        mask = (frame >= 0) & (frame < valid[order][:, None])
        return out, mask[:, None, :, None].astype(np.float32)


class Learner:
    """The network being trained, the running average of its weights, and the optimiser."""

    def __init__(self, network, config: TrainingConfig, floor_to_ceiling_db: float):
        import keras
        import tensorflow as tf

        self.network, self.config, self.range_db = network, config, floor_to_ceiling_db
        self.optimizer = keras.optimizers.Adam(config.learning_rate, global_clipnorm=config.clip_norm)
        weights = network.trainable_variables
        self.optimizer.build(weights)
        self.average = [tf.Variable(weight.value) for weight in weights]
        clips = tf.TensorSpec((None, network.input_shape[1], None, 1), tf.float32)
        mask = tf.TensorSpec((None, 1, None, 1), tf.float32)

        @tf.function(input_signature=[clips, mask])
        def step(x, mask):
            with tf.GradientTape() as tape:
                squares = tf.square(network(x, training=True) - x) * mask
                loss = tf.reduce_sum(squares) / (tf.reduce_sum(mask) * tf.cast(tf.shape(x)[1], tf.float32))
                # At the convolutions' own scale, to which clip_norm refers.
                scaled = INPUT_SCALE**2 * loss
            gradients = tape.gradient(scaled, weights)
            self.optimizer.apply(gradients, weights)
            # The average follows at a pace that grows with what has been seen, so that the start weighs nothing.
            seen = tf.cast(self.optimizer.iterations, tf.float32)
            pace = tf.maximum(1 - config.averaging, 1 / (1 + seen))
            for mean, weight in zip(self.average, weights, strict=True):
                mean.assign_add(pace * (weight - mean))
            return loss

        @tf.function(input_signature=[clips, mask])
        def squares(x, mask):
            return tf.reduce_sum(tf.square(tf.clip_by_value(network(x, training=False), 0, 1) - x) * mask)

        self.step, self.squares = step, squares

    def learn(self, batches, learning_rates, tick=lambda: None) -> float:
        """The RMS error (dB) over the batches, one step each. Raises InputError when it is no number."""
        total = 0.0
        for (clips, mask), learning_rate in zip(batches, learning_rates, strict=False):
            self.optimizer.learning_rate.assign(learning_rate)
            loss = float(self.step(clips, mask))
            if not math.isfinite(loss):
                raise InputError(
                    "Training left the numbers (the loss is NaN or infinite): use a lower --learning-rate."
                )
            total += loss
            tick()
        return self.range_db * math.sqrt(total / len(learning_rates))

    def validate(self, batches: Batches) -> float:
        """The RMS error (dB) of the averaged weights over everything in batches."""
        kept = [weight.numpy() for weight in self.network.trainable_variables]
        self.use(self.averages())
        total = count = 0.0
        for clips, mask in batches.epoch():
            total += float(self.squares(clips, mask))
            count += float(mask.sum()) * clips.shape[1]
        self.use(kept)
        return self.range_db * math.sqrt(total / count)

    def averages(self) -> list[np.ndarray]:
        """The averaged weights."""
        return [np.array(mean.numpy()) for mean in self.average]

    def use(self, weights) -> None:
        """Nothing; the network has these weights."""
        for variable, value in zip(self.network.trainable_variables, weights, strict=True):
            variable.assign(value)

    def state(self) -> dict[str, np.ndarray]:
        """All that the next step depends on."""
        variables = [*self.network.trainable_variables, *self.average, *self.optimizer.variables]
        return {f"state_{i}": np.array(variable.numpy()) for i, variable in enumerate(variables)}

    def restore(self, state) -> None:
        """Nothing; the next step is what it would have been when `state` was taken."""
        variables = [*self.network.trainable_variables, *self.average, *self.optimizer.variables]
        for i, variable in enumerate(variables):
            value = state[f"state_{i}"]
            if tuple(value.shape) != tuple(variable.shape):
                raise ValueError(f"state_{i} is {value.shape}")
            variable.assign(value)


def learning_rate(step: int, n_steps: int, peak: float) -> float:
    """The learning rate of a step: up over the first twentieth, then down to zero along half a cosine."""
    warm_up = max(1, n_steps // 20)
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, n_steps - warm_up)))

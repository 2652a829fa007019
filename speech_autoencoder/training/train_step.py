"""One step of training: batches, the loss, the schedule, averaged weights, the state that a checkpoint holds."""

import itertools
import math
from collections.abc import Callable
from functools import partial

import numpy as np

from speech_autoencoder.audio.log_mel import join_clips
from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable
from speech_autoencoder.training.muon import optimizer
from speech_autoencoder.training.quantiser import Quantiser
from speech_autoencoder.training.training_loss import TrainingLoss

# The most steps of an epoch: a large corpus is seen in parts, so that validation and checkpoints come often enough.
MOST_STEPS = 500
# Clips in a sequence; clips of one recording that stay together, so that a long one is mixed with others.
_CLIPS_A_SEQUENCE, _CLIPS_A_PIECE = 2, 4
# How often a recording is varied in each way; how far, at most, its speed and its place on the mel scale, and its level
# and tilt, in normalised log-mel.
_SHARE_VARIED, _VARIED, _TILTED = 0.6, 1.25, 0.05
# Recordings that are named where training fails.
_MOST_NAMED = 3
# How often a codec hears silence after a piece, and for how many latents.
_SILENT, _SILENT_LATENTS = 1 / 32, (16, 48)
# The parts of a batch that are computed at the same time, see cpus.training_threads.
_PARTS = 2


class Batches:
    """Recordings one after another with short silences between, cut into sequences of two clips' length.

    A batch is (clips, mask, level): clips (n, n_mels, width, 1); mask (n, 1, width, 1), 1 where there is sound, 0
    between; level, of the same shape, that of the recording, see
    losses.LogMelDistance. Nothing much is computed for padding,
    and a recording meets the latent's grid elsewhere in each epoch. With `silences`, there are long ones at times,
    which count: a codec must know that silence goes on.
    """

    def __init__(self, dataset, recordings, config, frames_per_latent, loss, *, silences=False):
        self.clips, self.size, self.step = dataset.clips, config.batch_size, frames_per_latent
        self.width = -(-_CLIPS_A_SEQUENCE * dataset.features.n_frames // frames_per_latent) * frames_per_latent
        valid = dataset.valid_frames()
        pieces, self.names, self.heard = [], [], []
        for i in recordings:
            level, first, end = loss.level(dataset.frames(i)), dataset.first_row[i], dataset.first_row[i + 1]
            self.names += [dataset.names[i]] * len(range(first, end, _CLIPS_A_PIECE))
            pieces += [(row, min(row + _CLIPS_A_PIECE, end), level) for row in range(first, end, _CLIPS_A_PIECE)]
        self.pieces = pieces
        self.n_frames = [int(valid[first:end].sum()) for first, end, _ in pieces]
        self.silences, self.quietest = silences, loss.config.quietest
        total = sum(self.n_frames) + frames_per_latent * (len(pieces) + 1)
        self.n_steps = min(MOST_STEPS, math.ceil(total / (self.size * self.width)))

    def epoch(self, rng=None):
        """The n_steps batches of an epoch; with rng the recordings are in random order, and a little other each time.

        What is missing in the last batch is silence, or with rng some recordings once more. `describe_last` names
        those in the batch that was given last.
        """
        self.heard = []
        room, made = self.size * self.width, 0
        order = range(len(self.pieces)) if rng is None else itertools.cycle(rng.permutation(len(self.pieces)).tolist())
        parts = [self._silence(0 if rng is None else int(rng.integers(self.step)))]
        have = parts[0].shape[1]
        for index in order:
            self.heard.append(index)
            added = [self._frames(index, rng), self._silence(self.step)]
            if self.silences and rng is not None and rng.random() < _SILENT:
                added.append(self._silence(self.step * int(rng.integers(*_SILENT_LATENTS)), counts=True))
            parts += added
            have += sum(part.shape[1] for part in added)
            while have >= room:
                whole = np.concatenate(parts, axis=1)
                yield self._batch(whole[:, :room])
                made, have, parts, self.heard = made + 1, have - room, [whole[:, room:]], self.heard[-1:]
                if made == self.n_steps:
                    return
        whole = np.concatenate(parts, axis=1)
        yield self._batch(np.pad(whole, ((0, 0), (0, room - have))))

    def describe_last(self) -> str:
        """What is wrong with the recordings of the batch that was given last, or just which they are."""
        names = [self.names[i] for i in self.heard if not np.isfinite(self.clips[slice(*self.pieces[i][:2])]).all()]
        if names:
            return (
                f"{printable(names[0])} has values in the array that are no numbers: run train_data_generator.py again"
            )
        names = list(dict.fromkeys(self.names[i] for i in self.heard))
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        return f"it had just heard {', '.join(map(printable, names[:_MOST_NAMED]))}{more}: use a lower --learning-rate"

    def _silence(self, n_frames, *, counts=False):
        """Frames (n_mels + 2, n_frames) of nothing; the last rows are the mask and the level."""
        frames = np.zeros((self.clips.shape[1] + 2, n_frames), np.float32)
        if counts:
            frames[-2:] = [[1], [self.quietest]]
        return frames

    def _frames(self, index, rng):
        """The frames of a piece, with its mask and its level as two more rows; with rng as another voice's."""
        first, end, level = self.pieces[index]
        frames = join_clips(self.clips[first:end], self.n_frames[index])
        if rng is not None:
            frames = vary(frames, rng)
        return np.concatenate([frames, np.ones_like(frames[:1]), np.full_like(frames[:1], level)])

    def _batch(self, whole):
        """(clips, mask, level) of sequences: `whole` is the frames of all, with mask and level as their last rows."""
        sequences = whole.reshape(-1, self.size, self.width).transpose(1, 0, 2)[..., None]
        clips, mask, level = sequences[:, :-2], sequences[:, -2:-1], sequences[:, -1:]
        return np.ascontiguousarray(clips), np.ascontiguousarray(mask), np.ascontiguousarray(level)


def vary(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Frames (n_mels, n) in [0, 1] as another voice or microphone might have given them, at the same level of silence.

    In most of the cases each: faster or slower, higher or lower, and louder or quieter with a tilt of the spectrum.
    """
    n_mels, n_frames = frames.shape
    if rng.random() < _SHARE_VARIED:
        positions = np.linspace(0, n_frames - 1, max(1, round(n_frames * _VARIED ** rng.uniform(-1, 1))))
        frames = _interpolate(frames.T, positions).T
    if rng.random() < _SHARE_VARIED:
        frames = _interpolate(frames, np.minimum(np.arange(n_mels) * _VARIED ** rng.uniform(-1, 1), n_mels - 1))
    if rng.random() < _SHARE_VARIED:
        gain, tilt = rng.uniform(-_TILTED, _TILTED, 2)
        change = (gain + tilt * np.linspace(-1, 1, n_mels, dtype=np.float32))[:, None].astype(np.float32)
        # Less where it is nearly silent: digital silence has no gain.
        frames = np.clip(frames + change * np.minimum(1, frames / (4 * _TILTED)), 0, 1)
    return frames


def _interpolate(rows, positions):
    """Rows (n, k) at fractional positions, linearly."""
    below = np.minimum(positions.astype(int), len(rows) - 1)
    above = np.minimum(below + 1, len(rows) - 1)
    share = (positions - below)[:, None].astype(np.float32)
    return rows[below] * (1 - share) + rows[above] * share


class TrainStep:
    """The network being trained, the running average of its weights, and the optimiser."""

    def __init__(
        self, network, config: TrainingConfig, loss: TrainingLoss, range_db: float, quantiser: Quantiser | None = None
    ):
        import tensorflow as tf

        self.network, self.config, self.loss, self.range_db = network, config, loss, range_db
        self.quantiser = quantiser
        self.optimizer = optimizer(config.learning_rate, config.clip_norm, config.weight_decay)
        self.weights = weights = network.trainable_variables + (quantiser.weights if quantiser else [])
        self.optimizer.build(weights)
        self.average = [tf.Variable(tf.identity(weight)) for weight in weights]
        clips = tf.TensorSpec((None, network.input_shape[1], None, 1), tf.float32)
        per_frame = tf.TensorSpec((None, 1, None, 1), tf.float32)

        # AutoGraph would rewrite what they call, to find no loop in it: a second more until training begins.
        as_graph = partial(tf.function, input_signature=[clips, per_frame, per_frame], autograph=False)

        @as_graph
        def step(x, mask, level):
            gradients, total, squares = self._gradients(x, mask, level)
            self.optimizer.apply(gradients, weights)
            # The average follows at a pace that grows with what has been seen, so that the start weighs nothing.
            seen = tf.cast(self.optimizer.iterations, tf.float32)
            pace = tf.maximum(1 - config.averaging, 1 / (1 + seen))
            for mean, weight in zip(self.average, weights, strict=True):
                mean.assign_add(pace * (weight - mean))
            return total, squares

        @as_graph
        def look(x, mask, level):
            score = self._quantised_score if quantiser else self._score
            return self._mean_of_parts(lambda number, here, *part: score(*part), x, mask, level)

        self.step, self.look = step, look

    def _gradients(self, x, mask, level):
        """(the weights' gradients, loss, mean square error) of a batch."""
        import tensorflow as tf

        count = self.optimizer.iterations
        position = self.quantiser.positions(tf.shape(x)[0], count) if self.quantiser else None
        bitrates = []

        def compute(number, here, *part):
            with tf.GradientTape() as tape:
                if self.quantiser:
                    noise = _PARTS * count + number
                    total, squares, bitrate = self._quantised_loss(*part, position[here], noise)
                    bitrates.append(tf.stop_gradient(bitrate))
                else:
                    total, squares = self.loss(part[0], self.network(part[0], training=True), *part[1:])
            return tape.gradient(total, self.weights), total, squares

        results = self._mean_of_parts(compute, x, mask, level)
        if self.quantiser:
            self.quantiser.adapt(position, tf.concat(bitrates, axis=0))
        return results

    def _mean_of_parts(self, compute, x, mask, level):
        """The mean of compute(number, here, x, mask, level), tensors, over the parts of a batch; frames weigh the same.

        here is where in the batch a part is. Each part has a graph of its own: with so little to multiply at once, two
        threads that compute a part each are done sooner than two that share every product.
        """
        import tensorflow as tf

        parts = self._parts()
        results = [compute(number, here, x[here], mask[here], level[here]) for number, here in enumerate(parts)]
        frames = [tf.reduce_sum(mask[here]) + 1e-6 for here in parts]
        shares = [some / tf.add_n(frames) for some in frames]

        def mean(*values):
            return tf.add_n([share * value for share, value in zip(shares, values, strict=True)])

        return tf.nest.map_structure(mean, *results)

    def _parts(self):
        """Which sequences of a batch are computed together, as slices."""
        size = -(-self.config.batch_size // _PARTS)
        return [slice(first, first + size) for first in range(0, self.config.batch_size, size)]

    def _score(self, x, mask, level):
        """(loss, mean square error) of sequences."""
        import tensorflow as tf

        return self.loss(x, tf.clip_by_value(self.network(x, training=False), 0, 1), mask, level)

    def _quantised_loss(self, x, mask, level, position, number):
        """(loss with what the bits are worth, mean square error, bit/s (n,)) of sequences, each at its own bitrate."""
        import tensorflow as tf

        latent = self.network.get_layer("encoder")(x, training=True)
        latent, bits = self.quantiser(latent, position, number)
        loss, squares = self.loss(x, self.network.get_layer("decoder")(latent, training=True), mask, level)
        bitrate = self._bitrate(bits, mask)
        return loss + tf.reduce_mean(self.quantiser.price(position) * bitrate), squares, bitrate

    def _quantised_score(self, x, mask, level):
        """(score, mean square error) of sequences over some bitrates: the loss, as it would be at just these bitrates.

        About the square root of the bitrate is what a loss is inversely proportional to (docs/decisions.md).
        """
        import tensorflow as tf

        results = []
        for latent, bits, position in self.quantiser.looked_at(self.network.get_layer("encoder")(x, training=False)):
            output = tf.clip_by_value(self.network.get_layer("decoder")(latent, training=False), 0, 1)
            loss, squares = self.loss(x, output, mask, level)
            excess = tf.reduce_mean(self._bitrate(bits, mask) / self.quantiser.bitrate(position))
            results.append(tf.stack([loss * tf.sqrt(excess), squares]))
        return tf.unstack(tf.reduce_mean(tf.stack(results), axis=0))

    def _bitrate(self, bits, mask):
        """bit/s of each sequence, (n,), that has so many bits in its latents; all are taken to hold as much sound."""
        import tensorflow as tf

        n_frames = tf.reduce_sum(mask) / tf.cast(tf.shape(mask)[0], tf.float32)
        return tf.reduce_sum(bits, axis=1) * self.quantiser.frame_rate / (n_frames + 1e-3)

    def learn(
        self, batches, learning_rates, tick=lambda: None, describe=lambda: "use a lower --learning-rate"
    ) -> float:
        """The RMS error (dB) over the batches, one step each.

        Raises InputError at the first step whose loss is no number, with describe(), which says what was heard there.
        """
        total = count = 0.0
        for (clips, mask, level), learning_rate in zip(batches, learning_rates, strict=False):
            self.optimizer.learning_rate.assign(learning_rate)
            loss, squares = self.step(clips, mask, level)
            if not math.isfinite(float(loss)):
                raise InputError(f"Training left the numbers (the loss is NaN or infinite); {describe()}.")
            total += float(squares) * float(mask.sum())
            count += float(mask.sum())
            tick()
        return self.range_db * math.sqrt(total / max(count, 1))

    def validate(self, batches: Batches) -> tuple[float, float]:
        """(loss, RMS error in dB) of the averaged weights over everything in batches.

        Raises InputError where they are no numbers, which the loss of the last step need not have told.
        """
        kept, averages = [weight.numpy() for weight in self.weights], self.averages()
        if not all(np.isfinite(average).all() for average in averages):
            raise InputError("Training left the numbers (a weight is NaN or infinite): use a lower --learning-rate.")
        self.use(averages)
        errors = self._errors(batches, self.look)
        self.use(kept)
        return errors

    def judge(self, reconstruct: Callable[[np.ndarray], np.ndarray], batches: Batches) -> tuple[float, float]:
        """(loss, RMS error in dB) of a function of frames (n_mels, n) that is no network, as of `validate`."""

        def look(clips, mask, level):
            outputs = np.stack([reconstruct(frames) for frames in clips[..., 0]])[..., None]
            return self.loss(clips, outputs, mask, level)

        return self._errors(batches, look)

    def _errors(self, batches, look):
        """(loss, RMS error in dB) by `look` at each batch, where each frame weighs the same."""
        totals, count = np.zeros(2), 0.0
        for clips, mask, level in batches.epoch():
            totals += mask.sum() * np.array([float(value) for value in look(clips, mask, level)])
            count += float(mask.sum())
        loss, squares = totals / max(count, 1)
        return float(loss), self.range_db * math.sqrt(squares)

    def averages(self) -> list[np.ndarray]:
        """The averaged weights."""
        return [np.array(mean.numpy()) for mean in self.average]

    def use(self, weights) -> None:
        """Nothing; the network, and the quantiser, have these weights."""
        for variable, value in zip(self.weights, weights, strict=True):
            variable.assign(value)

    def state(self) -> dict[str, np.ndarray]:
        """All that the next step depends on."""
        return {f"state_{i}": np.array(variable.numpy()) for i, variable in enumerate(self._variables())}

    def _variables(self):
        """All that the next step depends on, as variables."""
        prices = [self.quantiser.log_prices] if self.quantiser else []
        return [*self.weights, *self.average, *self.optimizer.variables, *prices]

    def restore(self, state) -> None:
        """Nothing; the next step is what it would have been when `state` was taken."""
        for i, variable in enumerate(self._variables()):
            value = state[f"state_{i}"]
            if tuple(value.shape) != tuple(variable.shape):
                raise ValueError(f"state_{i} is {value.shape}")
            variable.assign(value)


def learning_rate(step: int, n_steps: int, peak: float) -> float:
    """The learning rate of a step: up over the first twentieth (or 30 steps), then down to zero along half a cosine."""
    warm_up = max(1, min(30, n_steps // 4), n_steps // 20)
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, n_steps - warm_up)))

"""The network of the program that this one replaces, to be compared with: 2-D convolutions and max-pooling.

It is the convolutional auto-encoder that Keras' tutorials made well known. Three poolings leave eight channels of 16
bands, 8 frames apart, of a clip (128, 48, 1): 768 values. It has 4,385 weights.
"""

import time

import keras
import numpy as np
from keras import layers

from speech_autoencoder.config import CLASSIC, LossConfig, TrainingConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.data.splits import split
from speech_autoencoder.training.batches import Batches
from speech_autoencoder.training.history import History
from speech_autoencoder.training.schedule import learning_rate, plan_epochs, replan_epochs
from speech_autoencoder.training.train_step import TrainStep
from speech_autoencoder.training.training_loss import TrainingLoss
from speech_autoencoder.training.validation import Validation

N_MELS = CLASSIC.n_mels
FRAMES_PER_LATENT = 8
LATENT_SIZE = 128
# Values per second of the latent.
LATENT_RATE = LATENT_SIZE / FRAMES_PER_LATENT * CLASSIC.frame_rate
# The channels after each pooling.
_CHANNELS = (16, 8, 8)


def build() -> keras.Model:
    """Return the untrained network, from clips (n, 128, n_frames, 1) to clips of the same shape.

    Its layers `encoder` and `decoder` are models too; the latent between them is (n, n_frames / 8, 128).
    """
    clips = keras.Input((N_MELS, None, 1), name="clips")
    x = clips
    for stage, n_channels in enumerate(_CHANNELS):
        x = _convolution(n_channels, f"encoder_{stage}")(x)
        x = layers.MaxPooling2D(2, name=f"encoder_{stage}_pool")(x)
    x = layers.Permute((2, 1, 3), name="frames_first")(x)
    encoder = keras.Model(clips, layers.Reshape((-1, LATENT_SIZE), name="bands_as_values")(x), name="encoder")

    latent = keras.Input((None, LATENT_SIZE), name="latent")
    x = layers.Reshape((-1, N_MELS // FRAMES_PER_LATENT, _CHANNELS[-1]), name="values_as_bands")(latent)
    x = layers.Permute((2, 1, 3), name="bands_first")(x)
    for stage, n_channels in reversed(list(enumerate(_CHANNELS))):
        x = _convolution(n_channels, f"decoder_{stage}")(x)
        x = layers.UpSampling2D(2, name=f"decoder_{stage}_up")(x)
    decoder = keras.Model(latent, _convolution(1, "decoder_last", "sigmoid")(x), name="decoder")
    return keras.Model(clips, decoder(encoder(clips)), name="autoencoder")


def _convolution(n_channels: int, name: str, activation: str = "relu") -> layers.Layer:
    return layers.Conv2D(n_channels, 3, padding="same", activation=activation, name=name)


def reconstruct(network: keras.Model, frames: np.ndarray) -> np.ndarray:
    """Return what the network makes of normalised log-mel (128, n_frames) of any length, in [0, 1]."""
    padded = np.pad(frames, ((0, 0), (0, -frames.shape[1] % FRAMES_PER_LATENT))).astype(np.float32)
    output = np.asarray(network(padded[None, ..., None], training=False))[0, :, : frames.shape[1], 0]
    return output.clip(0, 1)


def train(dataset: Dataset, *, minutes: float, seed: int, epochs: int = 0) -> tuple[keras.Model, int]:
    """Train the network as this program trains its own: the same loss, batches, optimiser and schedule.

    Parameters
    ----------
    dataset : Dataset
        An array of `classic` features.
    minutes : float
        The time budget.
    seed : int
        Determines all random numbers.
    epochs : int
        Their count; 0: as many as the time budget allows.

    Returns
    -------
    network : keras.Model
        With the averaged weights of the best epoch on validation.
    n_epochs : int
        The epochs that it took.
    """
    started = time.monotonic()
    keras.utils.set_random_seed(seed)
    config = TrainingConfig(minutes=minutes, epochs=epochs, seed=seed)
    parts = split(dataset, config, "auto")
    loss = TrainingLoss(dataset.features, LossConfig())
    train_step = TrainStep(build(), config, loss=loss, range_db=dataset.features.range_db)

    def batches_of(recordings: np.ndarray) -> Batches:
        size = config.batch_size
        return Batches(dataset, recordings, batch_size=size, frames_per_latent=FRAMES_PER_LATENT, distance=loss)

    batches, validation = batches_of(parts.training), Validation(train_step, batches_of(parts.validation))

    history, best, best_loss = History(), train_step.averages(), validation.score_averages().loss
    spent_s = time.monotonic() - started
    n_epochs = epochs or plan_epochs(train_step, batches, validation.batches, config, spent_s=spent_s)
    while len(history) < n_epochs:
        epoch, n_steps = len(history), batches.n_steps
        steps = range(epoch * n_steps, (epoch + 1) * n_steps)
        rates = [learning_rate(step, n_epochs * n_steps, config.learning_rate) for step in steps]
        training_db = train_step.take_steps(batches.epoch(np.random.default_rng([seed, 2, epoch])), rates)
        score = validation.score_averages()
        history.add(
            minutes=(time.monotonic() - started) / 60,
            learning_rate=rates[-1],
            training_db=training_db,
            validation_db=score.error_db,
            validation_loss=score.loss,
        )
        if score.loss < best_loss:
            best, best_loss = train_step.averages(), score.loss
        if not epochs:
            n_epochs = replan_epochs(n_epochs, history, budget_s=60 * minutes)
    train_step.use(best)
    return train_step.network, len(history)

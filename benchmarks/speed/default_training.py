"""The training of the default network, as the trainer runs it: imported after TensorFlow has been configured."""

import numpy as np

from speech_autoencoder.config import LossConfig, ModelConfig, TrainingConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.model.keras_network import build
from speech_autoencoder.training.batches import Batches
from speech_autoencoder.training.train_step import TrainStep
from speech_autoencoder.training.training_loss import TrainingLoss


def make_training(data: Dataset, config: ModelConfig) -> tuple[TrainStep, Batches]:
    """Return the train step of an untrained network, and the batches of all recordings."""
    training, loss = TrainingConfig(), TrainingLoss(data.features, LossConfig())
    batches = Batches(
        data,
        np.arange(len(data.names)),
        batch_size=training.batch_size,
        frames_per_latent=config.frames_per_latent,
        distance=loss,
    )
    return TrainStep(build(config), training, loss=loss, range_db=data.features.range_db), batches

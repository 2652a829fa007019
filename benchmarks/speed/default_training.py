"""The train step of the default network, as the trainer runs it: imported after TensorFlow has been configured."""

from speech_autoencoder.config import LossConfig, ModelConfig, TrainingConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.model.keras_network import build
from speech_autoencoder.training.train_step import TrainStep
from speech_autoencoder.training.training_loss import TrainingLoss


def make_train_step(data: Dataset, config: ModelConfig) -> TrainStep:
    """Return the train step of an untrained network."""
    loss = TrainingLoss(data.features, LossConfig())
    return TrainStep(build(config), TrainingConfig(), loss=loss, range_db=data.features.range_db)

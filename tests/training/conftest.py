"""A tiny network in training, made once, as making one takes seconds."""

import keras
import numpy as np
import pytest

from speech_autoencoder.model import keras_network, pca
from speech_autoencoder.training.train_step import TrainStep
from speech_autoencoder.training.validation import Validation
from tests.helpers.batches import LOSS, STEP, batches_of
from tests.helpers.common import TINY, TINY_MODEL, TINY_TRAINING, make_dataset


@pytest.fixture(scope="session")
def nine():
    """Return a Dataset of nine recordings of several lengths, which no test may change."""
    return make_dataset([f"{i}.wav" for i in range(9)], [3, 8, 20, 32, 33, 40, 64, 70, 100])


@pytest.fixture(scope="session")
def nine_pca(nine):
    """Return the PCA of the nine recordings, which the network starts from."""
    return pca.fit(nine, np.arange(len(nine.names)), STEP, TINY_MODEL.latent_size)


@pytest.fixture(scope="session")
def _made(nine, nine_pca):
    """Return a Validation on the nine recordings with its TrainStep, and the state before the first step."""
    keras.utils.set_random_seed(0)
    network = keras_network.build(TINY_MODEL)
    keras_network.start_at_pca(network, TINY_MODEL, nine_pca)
    train_step = TrainStep(network, TINY_TRAINING, loss=LOSS, range_db=TINY.range_db)
    return Validation(train_step, batches_of(nine)), train_step.state()


@pytest.fixture
def validation(_made):
    """Return a Validation on the nine recordings, its TrainStep at the start of training."""
    validation, start = _made
    validation.train_step.restore(start)
    return validation


@pytest.fixture
def train_step(validation):
    """Return a TrainStep at the start of training."""
    return validation.train_step

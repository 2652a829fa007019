"""Batches of tiny clips, for the tests of training."""

import numpy as np

from speech_autoencoder.config import LossConfig
from speech_autoencoder.training.batches import Batches
from speech_autoencoder.training.training_loss import TrainingLoss
from tests.helpers.common import TINY, TINY_MODEL

STEP = TINY_MODEL.frames_per_latent
LOSS = TrainingLoss(TINY, LossConfig())


def batches_of(data, recordings=None, *, batch_size=4, **options):
    """Return the Batches of some recordings of a Dataset, or of all."""
    recordings = np.arange(len(data.names)) if recordings is None else recordings
    return Batches(data, recordings, batch_size=batch_size, frames_per_latent=STEP, distance=LOSS, **options)

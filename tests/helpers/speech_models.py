"""Models that make understandable sounds without training: PCA, beside convolutions of random weights."""

import numpy as np

from speech_autoencoder.config import LossConfig, ModelConfig
from speech_autoencoder.model import pca
from speech_autoencoder.model.architecture import INPUT_SCALE, LINEAR_DECODER, LINEAR_ENCODER, shapes
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.network import Network
from tests.helpers.common import make_entropy


def make_speech_codec(dataset, config: ModelConfig, scale=0.02):
    """Return a codec of the dataset's features whose linear paths are the PCA of its recordings."""
    rng = np.random.default_rng(0)
    baseline = pca.fit(dataset, np.arange(len(dataset.names)), *config.baseline_shape)
    linear = pca.fit(dataset, np.arange(len(dataset.names)), config.frames_per_latent, config.latent_size)
    weights = {
        name: np.ones(shape, np.float32) if name.endswith("/scale") else rng.normal(0, scale, shape).astype(np.float32)
        for name, shape in shapes(config).items()
    }
    for name, kernel, bias in (
        (f"encoder/{LINEAR_ENCODER}", linear.encode / INPUT_SCALE, -linear.offset @ linear.encode),
        (f"decoder/{LINEAR_DECODER}", linear.decode * INPUT_SCALE, linear.offset * INPUT_SCALE),
    ):
        weights[f"{name}/kernel"] = kernel.reshape(weights[f"{name}/kernel"].shape)
        weights[f"{name}/bias"] = bias
    entropy = make_entropy(config.latent_size, 2)
    return TrainedModel(Network(config, weights), dataset.features, LossConfig(), baseline, {}, entropy)

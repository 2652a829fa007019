"""A codec's model that is made in a moment, and recordings for it."""

from dataclasses import replace

import keras
import numpy as np
import soundfile as sf

from speech_autoencoder.codec.enhancement_fitting import fit_enhancement
from speech_autoencoder.config import LossConfig, ModelConfig
from speech_autoencoder.model import pca
from speech_autoencoder.model.keras_network import build, start_at_pca, to_network
from speech_autoencoder.model.model_file import TrainedModel
from tests.helpers.common import TINY, make_dataset, make_entropy, make_speech, shake

SIZES = ModelConfig(TINY.n_mels, frames_per_latent=4, latent_size=6, stem_frames=1, width=8, depth=1)
N_QUALITIES = 10


def make_codec(seed=0, width=8):
    """Return a TrainedModel of small clips with an entropy model, with random weights."""
    data, config = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5)), replace(SIZES, width=width)
    baseline = pca.fit(data, np.arange(8), *config.baseline_shape)
    keras.utils.set_random_seed(seed)
    network = build(config)
    start_at_pca(network, config, baseline)
    shake(network, 0.05, seed)
    # Latents are about 3 in size: the finest steps, about 1/8, still reach all of them.
    coder = make_entropy(config.latent_size, 2, n_qualities=N_QUALITIES, first_step=2.0, ratio=0.75, weights=0.1)
    return TrainedModel(to_network(network, config), TINY, LossConfig(), baseline, {}, coder)


def with_enhancement(model, highest_kbits=4.0):
    """Return a codec with an enhancement layer, fitted to recordings like its own."""
    data = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5))
    layer, _ = fit_enhancement(model, [data.frames(i) for i in range(8)], highest_kbits)
    return replace(model, enhancement=layer)


def record(path, n_samples, sr=8_000, seed=0):
    """Write a recording like speech and return its path."""
    sf.write(path, make_speech(n_samples, sr, seed), sr)
    return path

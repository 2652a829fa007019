"""The latent that is found beats the encoder's guess, at any length, and the same each time."""

from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import LatentSearchConfig, LossConfig, ModelConfig
from speech_autoencoder.model import pca
from speech_autoencoder.model.keras_network import build, start_at_pca, to_network
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.network import Network
from speech_autoencoder.training.training_loss import TrainingLoss
from tests.helpers.common import TINY, make_dataset, make_speech, shake

FRAMES = log_mel(make_speech(12_000, 8_000), TINY)


@pytest.fixture(scope="module")
def model():
    """A TrainedModel whose encoder is no longer its decoder's."""
    data = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5))
    config = ModelConfig(TINY.n_mels, 8, latent_size=6, width=8)
    floor = pca.fit(data, np.arange(8), 8, 6)
    network = build(config)
    start_at_pca(network, config, floor)
    shake(network)
    return TrainedModel(to_network(network, config), TINY, LossConfig(), floor, {})


def loss_of(model, latent, frames, *, band_weight=0.0):
    """The model's loss on frames (n_mels, n) of what it makes of a latent."""
    loss = TrainingLoss(TINY, model.loss, band_weight=band_weight)
    made = model.network.decode(latent)[:, : frames.shape[1]]
    mask = np.ones((1, 1, frames.shape[1], 1), np.float32)
    level = mask * np.float32(loss.level(frames))
    return float(loss(frames[None, ..., None], made[None, ..., None], mask, level)[0])


@pytest.mark.parametrize("n_frames", [8, 9, 40, FRAMES.shape[1]])
def test_encoder_latent_is_better_than_the_networks(model, n_frames):
    frames = FRAMES[:, :n_frames]
    guess, found = model.network.encode(frames), Encoder(model, LatentSearchConfig())(frames)
    assert found.shape == guess.shape == (-(-n_frames // 8), 6)
    assert found.dtype == np.float32
    assert loss_of(model, found, frames) < loss_of(model, guess, frames)


def test_encoder_more_rounds_are_better(model):
    losses = [loss_of(model, Encoder(model, LatentSearchConfig(steps=n))(FRAMES), FRAMES) for n in (0, 10, 100)]
    assert losses[0] > losses[1] > losses[2]


def test_encoder_band_weight_brings_each_bands_envelope_nearer(model):
    def of_bands(weight):
        latent = Encoder(model, LatentSearchConfig(band_weight=weight))(FRAMES)
        return loss_of(model, latent, FRAMES, band_weight=1.0) - loss_of(model, latent, FRAMES)

    assert of_bands(0.9) < of_bands(0.0)


def test_encoder_without_rounds_is_the_network(model):
    found = Encoder(model, LatentSearchConfig(steps=0))(FRAMES)
    np.testing.assert_array_equal(found, model.network.encode(FRAMES))


def test_encoder_gives_the_same_each_time(model):
    np.testing.assert_array_equal(*(Encoder(model, LatentSearchConfig(steps=10))(FRAMES) for _ in range(2)))


def test_encoder_of_weights_that_overflow_gives_no_warning(model):
    weights = {name: np.full_like(weight, 3e38) for name, weight in model.network.weights.items()}
    wild = replace(model, network=Network(model.config, weights))
    assert Encoder(wild, LatentSearchConfig(steps=2))(FRAMES).shape == model.network.encode(FRAMES).shape


@pytest.mark.parametrize("value", [0.0, 1e-3, 1.0], ids=["silence", "hardly anything", "full scale"])
def test_encoder_constant_sound_gives_finite_latent(model, value):
    found = Encoder(model, LatentSearchConfig())(np.full((TINY.n_mels, 50), value, np.float32))
    assert np.isfinite(found).all()

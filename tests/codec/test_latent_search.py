"""The latent search improves on the encoder's latent, at any length, and always finds the same."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from speech_autoencoder.audio.between import frames_between, with_between
from speech_autoencoder.audio.log_mel import denormalise, log_mel
from speech_autoencoder.codec import latent_search
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import LatentSearchConfig, LossConfig, ModelConfig
from speech_autoencoder.model import pca
from speech_autoencoder.model.keras_network import build, start_at_pca, to_network
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.network import Network
from speech_autoencoder.training.training_loss import TrainingLoss
from tests.helpers.common import TINY, make_dataset, make_speech, shake

FRAMES = log_mel(make_speech(12_000, 8_000), TINY)
COARSE = replace(TINY, hop_length=TINY.n_fft // 2)


@pytest.fixture(scope="module")
def model():
    """Return a TrainedModel whose encoder does not fit its decoder."""
    data = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5))
    config = ModelConfig(TINY.n_mels, 8, latent_size=6, width=8)
    baseline = pca.fit(data, np.arange(8), 8, 6)
    network = build(config)
    start_at_pca(network, config, baseline)
    shake(network)
    return TrainedModel(to_network(network, config), TINY, LossConfig(), baseline, {})


@cache
def coarse_model(between):
    """Return an untrained TrainedModel whose features lack the frames between; its network may have them."""
    data = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5), features=COARSE)
    config = ModelConfig(COARSE.n_mels, 4, latent_size=6, width=8, between=between)
    linear = pca.fit(data, np.arange(8), 4, 6)
    network = build(config)
    start_at_pca(network, config, linear)
    return TrainedModel(to_network(network, config), COARSE, LossConfig(), linear, {})


def loss_of(model, latent, frames, *, band_weight=0.0):
    """Return the loss between frames (n_mels, n) and what the model decodes from a latent."""
    loss = TrainingLoss(TINY, model.loss, band_weight=band_weight)
    output = model.network.decode(latent)[:, : frames.shape[1]]
    mask = np.ones((1, 1, frames.shape[1], 1), np.float32)
    level = mask * np.float32(loss.level(frames))
    return float(loss(frames[None, ..., None], output[None, ..., None], mask, level)[0])


@pytest.mark.parametrize("n_frames", [8, 9, 40, FRAMES.shape[1]])
def test_encoder_found_latent_is_better_than_the_networks(model, n_frames):
    frames = FRAMES[:, :n_frames]
    start, found = model.network.encode(frames), Encoder(model, LatentSearchConfig())(frames)
    assert found.shape == start.shape == (-(-n_frames // 8), 6)
    assert found.dtype == np.float32
    assert loss_of(model, found, frames) < loss_of(model, start, frames)


def test_encoder_more_steps_are_better(model):
    losses = [loss_of(model, Encoder(model, LatentSearchConfig(steps=n))(FRAMES), FRAMES) for n in (0, 10, 100)]
    assert losses[0] > losses[1] > losses[2]


def test_encoder_band_weight_improves_each_bands_envelope(model):
    def of_bands(weight):
        latent = Encoder(model, LatentSearchConfig(band_weight=weight))(FRAMES)
        return loss_of(model, latent, FRAMES, band_weight=1.0) - loss_of(model, latent, FRAMES)

    assert of_bands(0.9) < of_bands(0.0)


def test_encoder_level_weight_keeps_the_level_of_what_a_latent_cannot_hold(model):
    # Bands that speech never has alone.
    frames = np.zeros((TINY.n_mels, 60), np.float32)
    frames[[3, 11]] = 0.9

    def error_db(weight):
        latent = Encoder(model, LatentSearchConfig(level_weight=weight))(frames)
        powers = [np.sum(denormalise(x, TINY) ** 2) for x in (model.network.decode(latent)[:, :60], frames)]
        return 10 * np.log10(powers[0] / powers[1])

    assert error_db(0.0) < -3
    assert abs(error_db(0.1)) < abs(error_db(0.0)) / 2


def test_level_loss_gradient_is_that_of_the_loss():
    rng = np.random.default_rng(0)
    frames, estimate = (rng.uniform(0.2, 0.9, (700, TINY.n_mels)) for _ in range(2))
    loss = latent_search._LevelLoss(frames + 0.1, TINY, 0.1)
    longer = np.pad(estimate, ((0, 3), (0, 0)), constant_values=0.7)
    value, gradient = loss(longer)
    move = rng.standard_normal(longer.shape)
    slope = (loss(longer + 1e-6 * move)[0] - loss(longer - 1e-6 * move)[0]) / 2e-6
    assert value > 0
    assert np.sum(gradient * move) == pytest.approx(slope, rel=1e-3)
    assert not gradient[700:].any()


def test_level_loss_of_a_level_within_the_tolerance_is_zero():
    frames = np.random.default_rng(0).uniform(0.2, 0.9, (700, TINY.n_mels))
    value, gradient = latent_search._LevelLoss(frames, TINY, 0.1)(frames - 1 / TINY.range_db)
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize("between", [0, 1])
def test_encoder_comes_nearer_to_frames_between_that_it_is_given(between):
    model = coarse_model(between)
    speech = make_speech(12_000, COARSE.sr)
    frames = log_mel(speech, COARSE)
    known = np.concatenate([frames, frames_between(speech, COARSE)])

    def error_of(given):
        output = model.network.decode(Encoder(model, LatentSearchConfig())(given))[:, : frames.shape[1]]
        return np.square(with_between(output, COARSE) - known).mean()

    assert error_of(known) < error_of(frames)


def test_encoder_log_mel_stream_has_the_frames_between_where_they_are_of_use(model):
    speech = [make_speech(12_000, COARSE.sr)]
    rows = {
        (between, steps): len(
            next(Encoder(coarse_model(between), LatentSearchConfig(steps=steps)).log_mel_stream(speech))
        )
        for between in (0, 1)
        for steps in (0, 2)
    }
    n_mels = COARSE.n_mels
    assert rows == {(0, 0): n_mels, (0, 2): 2 * n_mels, (1, 0): 2 * n_mels, (1, 2): 2 * n_mels}
    assert len(next(Encoder(model, LatentSearchConfig()).log_mel_stream(speech))) == TINY.n_mels


def test_encoder_without_steps_is_the_network(model):
    found = Encoder(model, LatentSearchConfig(steps=0))(FRAMES)
    np.testing.assert_array_equal(found, model.network.encode(FRAMES))


def test_encoder_is_deterministic(model):
    np.testing.assert_array_equal(*(Encoder(model, LatentSearchConfig(steps=10))(FRAMES) for _ in range(2)))


def test_encoder_of_weights_that_overflow_gives_no_warning(model):
    weights = {name: np.full_like(weight, 3e38) for name, weight in model.network.weights.items()}
    wild = replace(model, network=Network(model.config, weights))
    assert Encoder(wild, LatentSearchConfig(steps=2))(FRAMES).shape == model.network.encode(FRAMES).shape


@pytest.mark.parametrize("value", [0.0, 1e-3, 1.0], ids=["silence", "almost silent", "full scale"])
def test_encoder_constant_sound_gives_finite_latent(model, value):
    found = Encoder(model, LatentSearchConfig())(np.full((TINY.n_mels, 50), value, np.float32))
    assert np.isfinite(found).all()

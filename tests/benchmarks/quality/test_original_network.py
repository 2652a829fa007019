"""The network of the program that this one replaces: its size, its latent, and its training."""

import numpy as np
import pytest

from benchmarks.quality import original_network
from speech_autoencoder.config import CLASSIC, LossConfig, TrainingConfig
from speech_autoencoder.training.batches import Batches
from speech_autoencoder.training.train_step import TrainStep
from speech_autoencoder.training.training_loss import TrainingLoss
from speech_autoencoder.training.validation import Validation
from tests.helpers.common import make_dataset, shake


@pytest.fixture(scope="module")
def network():
    network = original_network.build()
    shake(network)
    return network


@pytest.fixture(scope="module")
def data():
    return make_dataset([f"{i}.wav" for i in range(6)], range(40, 100, 10), features=CLASSIC)


def encode(network, frames):
    """Return the latent (n_latents, 128) of frames (128, n_frames)."""
    return np.asarray(network.get_layer("encoder")(frames[None, ..., None]))[0]


def decode(network, latent):
    """Return the frames (128, n_frames) of a latent (n_latents, 128)."""
    return np.asarray(network.get_layer("decoder")(latent[None]))[0, ..., 0]


def test_build_has_the_weights_and_the_latent_of_the_old_program(network):
    assert network.count_params() == 4_385
    latent = network.get_layer("encoder")(np.zeros((2, 128, 48, 1), np.float32))
    assert latent.shape == (2, 6, 128)
    assert CLASSIC.n_frames / original_network.FRAMES_PER_LATENT * original_network.LATENT_SIZE == 768


@pytest.mark.parametrize("n_frames", [1, 8, 9, 100])
def test_reconstruct_any_length_keeps_shape_and_range(network, n_frames):
    frames = np.random.default_rng(0).random((128, n_frames), np.float32)
    output = original_network.reconstruct(network, frames)
    assert output.shape == frames.shape
    assert np.isfinite(output).all()
    assert 0 <= output.min() < output.max() <= 1


def test_reconstruct_is_the_decoder_after_the_encoder(network):
    frames = np.random.default_rng(0).random((128, 48), np.float32)
    expected = decode(network, encode(network, frames))
    np.testing.assert_allclose(original_network.reconstruct(network, frames), expected, atol=1e-6)


def test_encode_frames_change_only_their_latent_and_its_neighbours(network):
    """The values of a latent are those of its 8 frames."""
    frames = np.random.default_rng(0).random((128, 128), np.float32)
    changed = frames.copy()
    changed[:, 64:72] = 0
    before, after = (encode(network, each) for each in (frames, changed))
    differ = np.flatnonzero((before != after).any(axis=1))
    assert 8 in differ
    assert set(differ) <= {7, 8, 9}


def test_decode_latent_changes_only_frames_nearby(network):
    latent = np.random.default_rng(0).random((16, 128), np.float32)
    changed = latent.copy()
    changed[8] = 0
    before, after = (decode(network, each) for each in (latent, changed))
    differ = np.flatnonzero((before != after).any(axis=0))
    assert 8 * (8 - 2) <= differ.min() <= 64 < 71 <= differ.max() < 8 * (9 + 2)


def test_take_steps_moves_every_weight(data):
    network, config = original_network.build(), TrainingConfig(epochs=2, batch_size=4)
    before = [weight.numpy().copy() for weight in network.trainable_variables]
    loss = TrainingLoss(data.features, LossConfig())
    batches = Batches(data, np.arange(len(data.names)), batch_size=4, frames_per_latent=8, distance=loss)
    train_step = TrainStep(network, config, loss=loss, range_db=data.features.range_db)
    train_step.take_steps(batches.epoch(np.random.default_rng(0)), [3e-3] * batches.n_steps)
    assert len(before) == 14
    assert all((new.numpy() != old).any() for new, old in zip(network.trainable_variables, before, strict=True))


def test_train_returns_the_best_epoch(data, monkeypatch):
    seen, score_averages = [], Validation.score_averages

    def watched(validation):
        score = score_averages(validation)
        seen.append((score.loss, validation))
        return score

    monkeypatch.setattr(Validation, "score_averages", watched)
    network, n_epochs = original_network.train(data, minutes=1.0, seed=0, epochs=3)
    losses, validations = zip(*seen, strict=True)
    assert n_epochs == 3
    assert len(set(losses)) == 4  # before the first epoch, and after each
    held_out = validations[0]
    train_step = TrainStep(network, held_out.train_step.config, loss=held_out.train_step.loss, range_db=1.0)
    assert Validation(train_step, held_out.batches).score_averages().loss == pytest.approx(min(losses), rel=1e-5)

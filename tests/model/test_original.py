"""The old program's network: its size, the same contract as ours, the one shape that it has."""

from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.config import CLASSIC, LossConfig, ModelConfig
from speech_autoencoder.data import building
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import keras_network as model
from speech_autoencoder.model import model_file
from speech_autoencoder.training import loop as training
from speech_autoencoder.training.train_step import Batches, TrainStep
from speech_autoencoder.training.training_loss import TrainingLoss
from tests.helpers.common import TINY_TRAINING, assert_refused, make_dataset, one_line_of, run_script, shake

CONFIG = ModelConfig(128, 8, 128, network="original")


@pytest.fixture(scope="module")
def network():
    network = model.build(CONFIG)
    shake(network)
    return network


@pytest.fixture(scope="module")
def in_numpy(network):
    return model.to_network(network, CONFIG)


@pytest.fixture(scope="module")
def data():
    return make_dataset([f"{i}.wav" for i in range(6)], range(40, 100, 10), features=CLASSIC)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """(Result, the model's file) of two short epochs."""
    path = tmp_path_factory.mktemp("original") / "model.h5"
    config = replace(TINY_TRAINING, epochs=2, learning_rate=3e-3)
    return training.train(data, CONFIG, config, model_path=path, checkpoint_path=path.with_suffix(".npz")), path


def test_build_has_the_old_programs_weights_and_latent(network):
    assert network.count_params() == 4_385
    latent = network.get_layer("encoder")(np.zeros((2, 128, 48, 1), np.float32))
    assert latent.shape == (2, 6, 128)


def test_build_width_and_depth_are_no_matter():
    assert model.build(replace(CONFIG, width=8, depth=0)).count_params() == 4_385


@pytest.mark.parametrize("n_frames", [1, 8, 9, 100])
def test_encode_decode_any_length_keeps_shape_and_range(in_numpy, n_frames):
    frames = np.random.default_rng(0).random((128, n_frames), np.float32)
    output = in_numpy.decode(in_numpy.encode(frames))[:, :n_frames]
    assert output.shape == frames.shape
    assert np.isfinite(output).all()
    assert 0 <= output.min() < output.max() <= 1


def test_encode_frame_is_felt_by_its_latent_and_the_next_ones_alone(in_numpy):
    """The numbers of a latent are those of its 8 frames, and recordings may be encoded in parts."""
    frames = np.random.default_rng(0).random((128, 128), np.float32)
    changed = frames.copy()
    changed[:, 64:72] = 0
    before, after = (in_numpy.encode(each) for each in (frames, changed))
    differ = np.flatnonzero((before != after).any(axis=1))
    assert 8 in differ
    assert set(differ) <= {7, 8, 9}
    assert replace(CONFIG, depth=0).context_latents >= 2


def test_decode_latent_is_felt_within_the_context(in_numpy):
    latent = np.random.default_rng(0).random((16, 128), np.float32)
    changed = latent.copy()
    changed[8] = 0
    before, after = (in_numpy.decode(each) for each in (latent, changed))
    differ = np.flatnonzero((before != after).any(axis=0))
    context = replace(CONFIG, depth=0).context_latents
    assert 8 * (8 - context) <= differ.min() <= 64 < 71 <= differ.max() < 8 * (9 + context)


def test_train_starts_at_random_weights_and_is_compared_with_pca(trained, data):
    result, _ = trained
    assert result.best_loss == min(result.history.validation_loss)
    assert result.best_epoch == result.history.best
    config = replace(TINY_TRAINING, epochs=2, learning_rate=3e-3)
    loss = TrainingLoss(data.features, result.model.loss)
    linear = replace(CONFIG, network="residual", width=8, depth=0)
    pca = model.build(linear)
    model.start_at_pca(pca, linear, result.model.baseline)
    held_out = Batches(data, result.split.validation, config, 8, loss)
    floor = TrainStep(pca, config, loss, data.features.range_db).validate(held_out)
    assert (result.baseline_loss, result.baseline_db) == pytest.approx(floor, rel=1e-4)


def test_learn_moves_every_weight(data):
    network, config = model.build(CONFIG), replace(TINY_TRAINING, learning_rate=3e-3)
    before = [weight.numpy().copy() for weight in network.trainable_variables]
    loss = TrainingLoss(data.features, LossConfig())
    batches = Batches(data, np.arange(len(data.names)), config, 8, loss)
    learner = TrainStep(network, config, loss, data.features.range_db)
    heard = batches.epoch(np.random.default_rng(0))
    learner.learn(heard, [3e-3] * batches.n_steps, lambda: None, batches.describe_last)
    assert len(before) == 14
    assert all((new.numpy() != old).any() for new, old in zip(network.trainable_variables, before, strict=True))


def test_load_gives_what_was_saved(trained):
    result, path = trained
    loaded = model_file.load(path)
    assert loaded.config == CONFIG
    for name, expected in result.model.network.weights.items():
        np.testing.assert_array_equal(loaded.network.weights[name], expected)


@pytest.mark.parametrize("size", [(64, 8, 128), (128, 16, 128), (128, 8, 32)])
def test_config_of_another_size_is_refused(size):
    with pytest.raises(InputError, match="--preset classic") as error:
        ModelConfig(*size, network="original")
    assert f"{size[0]} x {size[1]} into {size[2]}" in one_line_of(error)


@pytest.mark.parametrize("name", ["", "resnet", "original" * 10_000])
def test_config_unknown_network_is_refused(name):
    with pytest.raises(InputError, match="choose one of residual, original") as error:
        ModelConfig(128, 8, 128, network=name)
    one_line_of(error)


def test_trainer_original_at_another_latent_is_refused(small_speechdata, tmp_path):
    building.build(small_speechdata / "training", tmp_path / "train_data.npy", CLASSIC, workers=2)
    options = ("--network", "original", "--latent-per-second", "176")
    done = run_script("autoencoder_for_many_data", *options, cwd=tmp_path)
    assert_refused(done, "128 x 8 into 32", "leave --latent-per-second")
    assert not (tmp_path / "my_model_for_many_data.h5").exists()

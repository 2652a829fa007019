"""A model's file is written completely or not at all, and opens in Keras."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from speech_autoencoder.config import LossConfig, ModelConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file, pca
from speech_autoencoder.model.keras_network import build, to_keras, to_network
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.network import Network
from speech_autoencoder.training.saving import save
from tests.helpers.common import TINY, TINY_MODEL, file_size_limit, one_line_of
from tests.helpers.model_files import make_model, random_clips, reconstruct_random


@pytest.fixture(scope="module")
def model():
    """Return a TrainedModel of random weights."""
    return make_model()


@pytest.fixture(scope="module")
def content(model, tmp_path_factory):
    """Return the bytes of the model's file."""
    path = tmp_path_factory.mktemp("saved") / "model.h5"
    save(path, model)
    return path.read_bytes()


@pytest.fixture
def path(content, tmp_path):
    """Write a model's file."""
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    return path


def test_save_loaded_model_gives_the_same_weights(path, tmp_path):
    loaded = model_file.load(path)
    save(tmp_path / "again.h5", loaded)
    np.testing.assert_array_equal(
        reconstruct_random(model_file.load(tmp_path / "again.h5").network), reconstruct_random(loaded.network)
    )


def test_save_twice_gives_the_same_bytes(model, content, tmp_path):
    save(tmp_path / "model.h5", model)
    assert (tmp_path / "model.h5").read_bytes() == content


def test_save_file_opens_in_keras_without_this_package(model, path):
    loaded = keras.models.load_model(path, compile=False)
    np.testing.assert_array_equal(loaded(random_clips(64)), to_keras(model.network)(random_clips(64)))


def test_save_prints_nothing(model, tmp_path, capfd):
    save(tmp_path / "model.h5", model)
    assert capfd.readouterr() == ("", "")


def test_save_that_fails_leaves_the_old_file(model, path, content):
    with pytest.raises(TypeError):
        save(path, replace(model, description={"history": object()}))
    assert path.read_bytes() == content
    assert [other.name for other in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_save_weights_not_finite_are_refused_and_leave_the_old_file(model, path, content, value):
    weights = dict(model.network.weights)
    name = list(weights)[-1]
    weights[name] = np.full_like(weights[name], value)
    with pytest.raises(InputError, match=r"model\.h5 was not written: the model's weights are not finite"):
        save(path, replace(model, network=Network(TINY_MODEL, weights)))
    assert path.read_bytes() == content


@pytest.mark.parametrize("part", [0.0, 0.2, 0.98])
def test_save_full_disk_is_refused_and_leaves_the_old_file(model, path, content, part):
    """HDF5 itself would end in errors of many kinds, or in a crash."""
    limit, said = int(part * len(content)), r"model\.h5 could not be written: .*larger than allowed"
    with file_size_limit(limit), pytest.raises(InputError, match=said) as error:
        save(path, model)
    one_line_of(error)
    assert path.read_bytes() == content
    assert [other.name for other in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(("step", "width", "depth"), [(2, 64, 8), (8, 64, 4), (8, 256, 1), (64, 32, 2)])
def test_save_network_of_any_size_can_be_loaded(tmp_path, step, width, depth):
    """The bound on the size of a file's network must never refuse a file of our own."""
    config = ModelConfig(TINY.n_mels, step, latent_size=1, width=width, depth=depth)
    frames, size = config.baseline_shape
    values = np.zeros((frames * TINY.n_mels, size), np.float32)
    network, baseline = to_network(build(config), config), pca.PCA(frames, values, values.T, values[:, 0])
    saved = TrainedModel(network, TINY, LossConfig(), baseline, {})
    save(tmp_path / "model.h5", saved)
    assert model_file.load(tmp_path / "model.h5").config == config

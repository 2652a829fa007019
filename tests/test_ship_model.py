"""The model that comes with the package, and the tool that makes it."""

import h5py
import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file, pretrained
from speech_autoencoder.training.saving import save
from tests.helpers.common import refused
from tests.helpers.model_files import make_model
from tools import ship_model


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return (a TrainedModel of random weights, the path of its file)."""
    model, path = make_model(), tmp_path_factory.mktemp("trained") / "model.h5"
    save(path, model)
    return model, path


@pytest.fixture(scope="module")
def shipped(trained, tmp_path_factory):
    """Return (the trained model, the path of what the tool makes of it)."""
    output = tmp_path_factory.mktemp("shipped") / "model.h5"
    ship_model.ship(trained[1], output)
    return trained[0], output


# The tool


def test_ship_gives_the_same_model_to_the_precision_of_halves(shipped):
    model, path = shipped
    loaded = model_file.load(path)
    assert (loaded.config, loaded.features, loaded.loss) == (model.config, model.features, model.loss)
    assert loaded.description.items() >= (model.description | {"source": ship_model.SOURCE}).items()
    for name, values in model.network.weights.items():
        assert loaded.network.weights[name].dtype == np.float32
        np.testing.assert_array_equal(loaded.network.weights[name], values.astype(np.float16))
    for name in ("encode", "decode", "offset"):
        np.testing.assert_allclose(getattr(loaded.baseline, name), getattr(model.baseline, name), rtol=1e-3, atol=1e-7)


def test_ship_twice_gives_the_same_bytes(shipped, trained, tmp_path):
    ship_model.ship(trained[1], tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == shipped[1].read_bytes()


def test_ship_opens_in_keras(shipped):
    import keras

    model, path = shipped
    frames = np.random.default_rng(0).random((model.config.n_mels, 48)).astype(np.float32)
    ours = model_file.load(path).network
    expected = ours.decode_with_vjp(ours.encode(frames))[0].T
    opened = keras.models.load_model(path, compile=False)
    np.testing.assert_allclose(opened(frames[None, ..., None])[0, ..., 0], expected, atol=1e-5)


def test_ship_weight_too_large_for_a_half_is_refused_and_writes_nothing(trained, tmp_path):
    path, output = tmp_path / "model.h5", tmp_path / "shipped.h5"
    path.write_bytes(trained[1].read_bytes())
    with h5py.File(path, "a") as file:
        file["model_weights/encoder/encoder_stem/bias"][0] = 1e6
    refused("too large for a half", do=lambda: ship_model.ship(path, output))
    assert not output.exists()


def test_ship_model_too_large_is_refused(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(ship_model, "_LIMIT", 10_000)
    refused("more than 10,000", do=lambda: ship_model.ship(trained[1], tmp_path / "x.h5"))


# What it has made


def test_pretrained_is_small_and_says_what_it_was_trained_on():
    assert pretrained.PATH.stat().st_size < 5_000_000
    model = model_file.load(pretrained.PATH)
    assert model.features.preset == "classic"
    assert model.description["source"] == ship_model.SOURCE
    assert model.description["data"]["n_recordings"] == 739


def test_load_pretrained_by_name_gives_the_one_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = type(pretrained.PATH)(pretrained.NAME)
    assert model_file.load(path).fingerprint == model_file.load(pretrained.PATH).fingerprint
    path.write_bytes(b"a file of that name is not passed over")
    with pytest.raises(InputError, match="pretrained is not an HDF5 file"):
        model_file.load(path)


def test_load_missing_names_the_pretrained_model_and_does_not_take_it(tmp_path):
    with pytest.raises(InputError, match=r"is missing: run autoencoder_for_many_data.py first.*--model pretrained"):
        model_file.load(tmp_path / "my_model_for_many_data.h5")

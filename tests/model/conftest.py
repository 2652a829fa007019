"""Fixtures of the tests of the model's file."""

from dataclasses import replace

import pytest

from speech_autoencoder.training.saving import save
from tests.helpers.common import TINY_MODEL, make_entropy
from tests.helpers.model_files import make_model


@pytest.fixture(scope="session")
def model():
    """Return a TrainedModel of random weights, without an entropy model."""
    return make_model()


@pytest.fixture(scope="session")
def codec(model):
    """Return the same model as if it had been trained as a codec."""
    return replace(model, entropy=make_entropy(TINY_MODEL.latent_size, 2))


@pytest.fixture(scope="session")
def contents(model, codec, tmp_path_factory):
    """Return the bytes of the files of both models."""
    path, found = tmp_path_factory.mktemp("saved") / "model.h5", []
    for each in (model, codec):
        save(path, each)
        found.append(path.read_bytes())
    return found


@pytest.fixture
def path(contents, tmp_path):
    """Write a model's file, which a test may damage."""
    path = tmp_path / "model.h5"
    path.write_bytes(contents[0])
    return path


@pytest.fixture
def codec_path(contents, tmp_path):
    """Write a codec's file, which a test may damage."""
    path = tmp_path / "codec.h5"
    path.write_bytes(contents[1])
    return path

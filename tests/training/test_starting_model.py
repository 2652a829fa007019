"""Training that starts from the weights of a model: where it begins, what it keeps, how it is resumed."""

from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.config import CodecConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file, pca
from speech_autoencoder.model.architecture import LINEAR_DECODER, LINEAR_ENCODER
from speech_autoencoder.training.setup import set_up
from tests.helpers.common import TINY_MODEL, TINY_TRAINING, make_dataset, make_entropy, raise_at, train_tiny
from tests.helpers.speech_models import make_speech_codec

ORIGIN = {"name": "before.h5", "sha256": "12ab", "data": {"n_recordings": 40}}
TWO_EPOCHS = replace(TINY_TRAINING, epochs=2)


@pytest.fixture(scope="module")
def before():
    """Return a model whose linear path is the PCA of other recordings than those of the training."""
    ten = make_dataset([f"{i}.wav" for i in range(10)], range(40, 90, 5), seed=3)
    return replace(make_speech_codec(ten, TINY_MODEL), entropy=None)


@pytest.fixture(scope="module")
def interrupted(before, forty, tmp_path_factory):
    """Return (Result, folder) of a training from that model, interrupted after an epoch."""
    folder = tmp_path_factory.mktemp("interrupted")
    options = {"start": before, "started_from": ORIGIN, "say": raise_at("Epoch +1")}
    return train_tiny(forty, folder, TWO_EPOCHS, **options), folder


@pytest.fixture(scope="module")
def resumed(interrupted, forty):
    """Return the Result of that training, resumed without the model that it started from."""
    return train_tiny(forty, interrupted[1], TWO_EPOCHS, started_from=ORIGIN, resume=True)


def assert_linear_path_alone_is_that_of(model, before):
    for name, values in before.network.weights.items():
        is_same = np.array_equal(model.network.weights[name], values)
        assert is_same == any(layer in name for layer in (LINEAR_ENCODER, LINEAR_DECODER)), name


def test_set_up_from_a_model_has_all_its_weights_and_says_how_good_they_are(before, forty):
    lines = []
    options = {"validation": "auto", "start": before, "started_from": ORIGIN, "say": lines.append}
    setup = set_up(forty, TINY_MODEL, TINY_TRAINING, None, **options)
    for name, values in setup.averaged_network().weights.items():
        np.testing.assert_array_equal(values, before.network.weights[name])
    error_db, loss = setup.start_score.error_db, setup.start_score.loss
    assert f"before.h5, before it is trained further: {error_db:.3f} dB, loss {loss:.4f}." in lines
    fitted = pca.fit(forty, setup.split.training, *TINY_MODEL.baseline_shape)
    np.testing.assert_array_equal(setup.baseline.encode, fitted.encode)


def test_set_up_of_a_codec_goes_on_with_the_quantiser_of_a_codec(before, forty):
    codec = CodecConfig(knots=3, qualities=9, groups=2, hidden=3)
    entropy = make_entropy(TINY_MODEL.latent_size, 2, n_hidden=3)
    options = {"validation": "auto", "start": replace(before, entropy=entropy), "started_from": ORIGIN, "say": str}
    setup = set_up(forty, TINY_MODEL, TINY_TRAINING, codec, **options)
    found = setup.train_step.quantiser.to_entropy_model([np.zeros((9, TINY_MODEL.latent_size), np.float32)])
    # Its three qualities are at the knots, which are every fourth of nine.
    np.testing.assert_allclose(found.steps[::4], entropy.steps, atol=1)


def test_train_from_a_model_interrupted_resumes_without_that_model(before, interrupted, resumed):
    assert interrupted[0].ended == "interrupted"
    assert resumed.ended == "done"
    assert resumed.history.validation_loss[:1] == interrupted[0].history.validation_loss
    assert resumed.best_epoch > 0
    assert_linear_path_alone_is_that_of(resumed.model, before)


def test_train_from_a_model_tells_which(interrupted, resumed):
    assert interrupted[0].model.description["started_from"] == ORIGIN
    assert model_file.load(interrupted[1] / "model.h5").description["started_from"] == ORIGIN


def test_train_resume_of_a_training_from_another_model_is_refused(interrupted, resumed, forty):
    folder = interrupted[1]
    with pytest.raises(InputError, match="sha256 was 12ab, is 0"):
        train_tiny(forty, folder, TWO_EPOCHS, started_from=ORIGIN | {"sha256": "0"}, resume=True)

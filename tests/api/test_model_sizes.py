"""The largest size, through its file, wherever models are used; the others are between it and the tests' own."""

import numpy as np
import pytest

import speech_autoencoder as sa
from speech_autoencoder.cli.origins import is_model, is_speech_page
from speech_autoencoder.config import SIZES, model_config, size_of
from speech_autoencoder.export import speech_page
from speech_autoencoder.model import model_file
from speech_autoencoder.model.keras_network import to_keras
from speech_autoencoder.training.saving import save
from tests.helpers.common import TINY, make_dataset, make_speech
from tests.helpers.onnx_sessions import session_of
from tests.helpers.speech_models import make_speech_codec

SR = TINY.sr
LARGEST = SIZES[-1]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Return the file of a codec."""
    data = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5))
    model = make_speech_codec(data, model_config(TINY, 690, LARGEST), scale=0.01)
    path = tmp_path_factory.mktemp("model") / "model.h5"
    save(path, model)
    return path


def test_large_model_gives_latents_bytes_and_sound(path):
    model = sa.load(path)
    assert size_of(model_file.load(path).config) == LARGEST
    sound = make_speech(SR, SR)
    assert model.decode(model.encode(sound, SR), SR, len(sound)).shape == sound.shape
    again, sr = model.decompress(model.compress(sound, SR))
    assert (again.shape, sr) == (sound.shape, SR)
    assert np.isfinite(again).all()


def test_large_model_is_the_same_in_keras_and_onnx(path):
    network = model_file.load(path).network
    frames = np.random.default_rng(0).random((TINY.n_mels, 32)).astype(np.float32)
    latent, clips = network.encode(frames), frames[None, ..., None]
    output = network.decode(latent)
    keras_output = np.array(to_keras(network)(clips))[0, ..., 0]
    np.testing.assert_allclose(keras_output.clip(0, 1), output, atol=1e-4)
    pytest.importorskip("onnx")
    from speech_autoencoder.export.onnx_files import onnx_models

    made = onnx_models(model_file.load(path))
    np.testing.assert_allclose(session_of(made["encoder"])(log_mel=frames[None])[0][0], latent, atol=1e-4)
    np.testing.assert_allclose(session_of(made["decoder"])(latent=latent[None])[0][0].clip(0, 1), output, atol=1e-4)


def test_large_model_becomes_a_page(path, tmp_path):
    assert is_model(path)
    speech_page.write(tmp_path / "page.html", model_file.load(path), path.name)
    assert is_speech_page(tmp_path / "page.html")

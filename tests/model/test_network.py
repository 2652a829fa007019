"""A network run by numpy is the one that Keras trains: the same outputs, and the same gradients."""

import subprocess
import sys

import numpy as np
import pytest
from keras import ops

from speech_autoencoder.config import ModelConfig
from speech_autoencoder.model.keras_network import build, to_keras, to_network
from speech_autoencoder.model.network import Network
from tests.helpers.common import ROOT, TINY, shake
from tests.helpers.gradients import gradients

CASES = {
    "no downsampling": ModelConfig(TINY.n_mels, 2, latent_size=5, width=8, depth=3),
    "two downsamplings": ModelConfig(TINY.n_mels, 8, latent_size=5, width=8, depth=2),
    "a stem of one frame": ModelConfig(TINY.n_mels, 4, latent_size=5, stem_frames=1, width=12, depth=4),
    "no blocks": ModelConfig(TINY.n_mels, 4, latent_size=5, width=8, depth=0),
}


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request):
    """Return a Keras model with random weights, and the same as a Network."""
    config = CASES[request.param]
    model = build(config)
    shake(model)
    return model, to_network(model, config)


def noise(*shape, seed=0):
    """Return uniform noise in [0, 1], float32."""
    return np.random.default_rng(seed).random(shape, np.float32)


def latent_of(network, n_latents):
    """Return the network's latent of noise."""
    return network.encode(noise(network.config.n_mels, n_latents * network.config.frames_per_latent))


def test_to_keras_to_network_round_trip(case):
    _, network = case
    again = to_network(to_keras(network), network.config)
    assert list(again.weights) == list(network.weights)
    for name, weight in network.weights.items():
        np.testing.assert_array_equal(again.weights[name], weight)


@pytest.mark.parametrize("n_latents", [1, 2, 9])
def test_encode_equals_keras(case, n_latents):
    model, network = case
    frames = noise(network.config.n_mels, n_latents * network.config.frames_per_latent)
    expected = np.asarray(model.get_layer("encoder")(frames[None, ..., None]))[0]
    np.testing.assert_allclose(network.encode(frames), expected, rtol=1e-5, atol=1e-5)
    assert network.encode(frames).dtype == np.float32


@pytest.mark.parametrize("n_latents", [1, 2, 9])
def test_decode_equals_keras(case, n_latents):
    model, network = case
    latent = latent_of(network, n_latents)
    expected = np.asarray(model.get_layer("decoder")(latent[None]))[0, ..., 0]
    frames, _ = network.decode_with_vjp(latent)
    np.testing.assert_allclose(frames.T, expected, atol=1e-5)
    np.testing.assert_allclose(network.decode(latent), expected.clip(0, 1), atol=1e-5)
    assert network.decode(latent).dtype == np.float32


@pytest.mark.parametrize("n_latents", [1, 2, 9])
def test_decode_with_vjp_equals_keras_gradient(case, n_latents):
    model, network = case
    latent = latent_of(network, n_latents)
    gradient = noise(n_latents * network.config.frames_per_latent, network.config.n_mels, seed=1) - 0.5

    def total(given):
        return ops.sum(model.get_layer("decoder")(given)[0, ..., 0] * gradient.T)

    expected = gradients(total, latent[None])[0][0]
    _, vjp = network.decode_with_vjp(latent)
    np.testing.assert_allclose(vjp(gradient), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert vjp(gradient).dtype == np.float32


def test_n_weights_equals_keras(case):
    model, network = case
    assert network.n_weights == model.count_params()


def test_network_weights_that_overflow_give_no_warning(case):
    """A file may hold any finite numbers; a warning would fail here."""
    _, network = case
    wild = Network(network.config, {name: np.full_like(w, 3e38) for name, w in network.weights.items()})
    assert wild.decode(wild.encode(noise(network.config.n_mels, 16))).shape == (network.config.n_mels, 16)


def test_network_needs_no_tensorflow():
    code = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; import numpy as np;"
        "from speech_autoencoder.codec import recording_codec, reconstruction;"
        "from speech_autoencoder.config import ModelConfig;"
        "from speech_autoencoder.model import architecture, losses, model_file, network;"
        "sizes = ModelConfig(16, 4, 5, width=8);"
        "weights = {name: np.ones(shape, np.float32) for name, shape in architecture.shapes(sizes).items()};"
        "print(network.Network(sizes, weights).decode(np.ones((3, 5), np.float32)).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "(16, 12)\n"

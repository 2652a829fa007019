"""The network in Keras: it starts at PCA, takes any length, and everything passes through its latent."""

from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.config import ModelConfig
from speech_autoencoder.model import pca
from speech_autoencoder.model.keras_network import build, pca_of, start_at_pca, to_network
from speech_autoencoder.model.network import without_between
from tests.helpers.common import make_dataset, shake


@pytest.fixture(scope="module", params=[2, 8, 16], ids=lambda step: f"{step} frames per latent")
def started(request):
    """Return a network at the start of training, its configuration, and the PCA that it starts from."""
    data = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5))
    config = ModelConfig(data.features.n_mels, request.param, latent_size=5, width=8)
    baseline = pca.fit(data, np.arange(8), config.frames_per_latent, config.latent_size)
    network = build(config)
    start_at_pca(network, config, baseline)
    return network, config, baseline


@pytest.fixture(scope="module")
def moved():
    """Return a network of random weights, and its configuration."""
    config = ModelConfig(n_mels=16, frames_per_latent=8, latent_size=5, width=8)
    network = build(config)
    shake(network)
    return network, config


def through(network, config, frames):
    """Return what the network makes of frames (n_mels, n) of any length."""
    network = to_network(network, config)
    return network.decode(network.encode(frames))[:, : frames.shape[1]]


def noise(*shape, seed=0):
    """Return uniform noise in [0, 1], float32."""
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.mark.parametrize("n_frames", [1, 7, 8, 37])
def test_encode_decode_untrained_is_pca(started, n_frames):
    network, config, baseline = started
    frames = noise(config.n_mels, n_frames)
    np.testing.assert_allclose(through(network, config, frames), baseline.reconstruct(frames), atol=2e-6)


def test_pca_of_a_network_is_the_one_that_it_started_at(started):
    network, config, baseline = started
    found = pca_of(to_network(network, config))
    for name in ("encode", "decode", "offset"):
        np.testing.assert_allclose(getattr(found, name), getattr(baseline, name), rtol=1e-6)
    assert found.frames_per_latent == baseline.frames_per_latent


@pytest.mark.parametrize("n_latents", [1, 2, 6, 31])
def test_build_any_multiple_of_frames_gives_same_shape(moved, n_latents):
    network, config = moved
    clips = noise(3, config.n_mels, n_latents * config.frames_per_latent, 1)
    output = np.asarray(network(clips))
    assert output.shape == clips.shape
    assert np.isfinite(output).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_build_constant_input_gives_finite_output(moved, value):
    network, config = moved
    assert np.isfinite(network(np.full((1, config.n_mels, 16, 1), value, np.float32))).all()


def test_build_latent_has_the_configured_size(moved):
    network, config = moved
    latent = network.get_layer("encoder")(noise(2, config.n_mels, 48, 1))
    assert latent.shape == (2, 48 // config.frames_per_latent, config.latent_size)


def test_build_everything_passes_through_the_latent(moved):
    network, config = moved
    clips = noise(2, config.n_mels, 48, 1)
    latent = np.asarray(network.get_layer("encoder")(clips))
    np.testing.assert_array_equal(network.get_layer("decoder")(latent), network(clips))


@pytest.mark.parametrize("step", [2, 4, 32, 64])
def test_build_any_valid_frames_per_latent_keeps_the_shape(step):
    config = ModelConfig(n_mels=8, frames_per_latent=step, latent_size=3, width=8)
    assert build(config)(noise(1, 8, 128, 1)).shape == (1, 8, 128, 1)


@pytest.mark.parametrize("n_frames", [1, 5, 8, 9, 100])
def test_encode_decode_any_length_keeps_shape_and_range(moved, n_frames):
    network, config = moved
    frames = 3 * noise(config.n_mels, n_frames) - 1
    kept = frames.copy()
    output = through(network, config, frames)
    assert output.shape == frames.shape
    assert output.dtype == np.float32
    assert output.min() >= 0
    assert output.max() <= 1
    np.testing.assert_array_equal(frames, kept)


def test_encode_decode_delayed_frames_give_delayed_output(moved):
    network, config = moved
    frames, delay = noise(config.n_mels, 400), 3 * config.frames_per_latent
    later = np.concatenate([noise(config.n_mels, delay, seed=1), frames], axis=1)
    early, late = through(network, config, frames), through(network, config, later)
    np.testing.assert_allclose(late[:, delay + 100 : delay + 300], early[:, 100:300], atol=1e-5)
    assert np.abs(late[:, 100:300] - early[:, 100:300]).max() > 0.05


# Frames between


@pytest.fixture(scope="module")
def with_frames_between():
    """Return a network of random weights that takes and gives frames between, and its configuration."""
    config = ModelConfig(n_mels=16, frames_per_latent=8, latent_size=5, width=8, between=1)
    network = build(config)
    shake(network)
    return network, config


def test_build_with_frames_between_keeps_clips_in_and_out(with_frames_between):
    network, config = with_frames_between
    clips = noise(2, config.n_mels, 48, 1)
    output = np.asarray(network(clips))
    assert output.shape == clips.shape
    ours = to_network(network, config)
    for one, expected in zip(clips, output, strict=True):
        made, _ = ours.decode_with_vjp(ours.encode(one[..., 0]))
        np.testing.assert_allclose(made[:, : config.n_mels].T, expected[..., 0], atol=1e-5)


def test_build_with_frames_between_the_latent_depends_on_those_that_are_given(with_frames_between):
    network, config = with_frames_between
    ours, frames = to_network(network, config), noise(config.n_channels, 16)
    assert np.abs(ours.encode(frames) - ours.encode(frames[: config.n_mels])).max() > 1e-3


def test_without_between_takes_and_gives_the_same_clips(with_frames_between):
    network, config = with_frames_between
    ours, frames = to_network(network, config), noise(config.n_mels, 24)
    other = without_between(ours)
    assert other.config == replace(config, between=0)
    np.testing.assert_allclose(other.encode(frames), ours.encode(frames), atol=1e-5)
    made, _ = ours.decode_with_vjp(ours.encode(frames))
    np.testing.assert_allclose(other.decode_with_vjp(ours.encode(frames))[0], made[:, : config.n_mels], atol=1e-5)
    assert without_between(other) is other


def test_start_at_pca_with_frames_between_has_them_halfway():
    data = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5))
    config = ModelConfig(data.features.n_mels, 4, latent_size=5, width=8, between=1)
    baseline = pca.fit(data, np.arange(8), 4, 5)
    network = build(config)
    start_at_pca(network, config, baseline)
    frames = noise(config.n_mels, 4)
    output = through(network, config, frames)
    np.testing.assert_allclose(output[: config.n_mels], baseline.reconstruct(frames), atol=2e-6)
    halfway = (output[: config.n_mels, :3] + output[: config.n_mels, 1:]) / 2
    assert ((output[: config.n_mels] > 0.01) & (output[: config.n_mels] < 0.99)).all()
    np.testing.assert_allclose(output[config.n_mels :, :3], halfway, atol=2e-6)
    found = pca_of(to_network(network, config))
    np.testing.assert_allclose(found.reconstruct(frames), baseline.reconstruct(frames), atol=2e-6)

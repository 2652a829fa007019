"""The quantiser in training: noise in place of rounding, the bits, and the entropy model that it becomes."""

import numpy as np
import pytest
from keras import ops

from speech_autoencoder.config import CodecConfig
from speech_autoencoder.model import quantisation
from speech_autoencoder.model.entropy_model import CLASSES, LOWEST, RADIUS, SPACING
from speech_autoencoder.model.pca import PCA
from speech_autoencoder.training.quantiser import Quantiser
from tests.helpers.common import make_entropy
from tests.helpers.gradients import gradients

SIZE = 10
FRAME_RATE = 125.0
CONFIG = CodecConfig(lowest_kbits=0.1, highest_kbits=0.6, knots=4, qualities=13, groups=3, hidden=8)


def make_quantiser(seed):
    """Return a Quantiser of latents whose components have less and less to say."""
    deviations = np.geomspace(0.5, 0.02, SIZE)
    decode = np.eye(SIZE, 80, dtype=np.float32) * deviations[:, None].astype(np.float32)
    pca = PCA(8, np.linalg.pinv(decode).astype(np.float32), decode, np.zeros(80))
    return Quantiser(CONFIG, pca, FRAME_RATE, seed=seed)


@pytest.fixture
def quantiser():
    return make_quantiser(seed=0)


def latents(n=4, length=400, seed=0):
    return np.random.default_rng(seed).standard_normal((n, length, SIZE)).astype(np.float32)


def bitrate(bits):
    """Return the bitrate (bit/s) of bits (n, n_latents), where a latent stands for 8 frames."""
    return float(np.mean(bits)) * FRAME_RATE / 8


@pytest.mark.parametrize("position", [0.0, 0.4, 1.0])
def test_quantiser_starts_near_the_target_bitrate(quantiser, position):
    _, bits = quantiser(latents(), np.full(4, position, np.float32), 0)
    assert bitrate(bits) == pytest.approx(float(quantiser.bitrate(position)), rel=0.25)


def test_quantiser_finer_positions_are_nearer_and_cost_more(quantiser):
    latent = latents()
    errors, costs = [], []
    for position in (0.0, 0.3, 0.6, 1.0):
        quantised, bits = quantiser(latent, np.full(4, position, np.float32), 0)
        errors.append(float(np.mean((quantised - latent) ** 2)))
        costs.append(bitrate(bits))
    assert errors == sorted(errors, reverse=True)
    assert costs == sorted(costs)


def test_quantiser_weights_are_interpolated_between_knots(quantiser):
    variable = quantiser._variables["mean_bias"]
    variable.assign(np.arange(CONFIG.knots).repeat(SIZE).astype(np.float32))
    at = np.asarray(quantiser._at("mean_bias", np.array([0, 1 / 3, 0.5, 1], np.float32)))
    assert at[:, 0, 0] == pytest.approx([0, 1, 1.5, 3], abs=1e-5)


def shake(quantiser, seed=1):
    """Move every weight away from its start."""
    rng = np.random.default_rng(seed)
    for name, variable in quantiser._variables.items():
        moved = variable.numpy() + rng.normal(0, 0.05, variable.shape).astype(np.float32) * (name != "steps")
        variable.assign(moved)


def test_quantiser_predicts_channels_from_earlier_groups_alone(quantiser):
    shake(quantiser)
    latent, position = latents(1, 12), np.zeros(1, np.float32)
    mean, scale = (np.asarray(value) for value in quantiser._predict(latent, position))
    first, end = quantiser.groups[1:3]
    changed = latent.copy()
    changed[0, 5, first:end] += 1
    new_mean, new_scale = (np.asarray(value) for value in quantiser._predict(changed, position))
    for old, new in ((mean, new_mean), (scale, new_scale)):
        differs = np.abs(new - old)[0].max(axis=1) > 1e-6
        assert np.flatnonzero(differs).tolist() == [5, 6, 7]
        assert (np.abs(new - old)[0, 5, :end] < 1e-6).all()
        assert (np.abs(new - old)[0, 5, end:] > 1e-6).any()


@pytest.mark.parametrize("quality", [0, 7, 12])
def test_entropy_model_predicts_as_the_quantiser_does(quantiser, quality):
    """On the values that it has decoded itself, the integer twin predicts what the floats do."""
    shake(quantiser)
    latent = latents(1, 60)[0]
    model = quantiser.to_entropy_model([latent])
    predictor = quantisation.Predictor(model, quality)
    symbols, classes, decoded = quantisation.quantise(predictor, quantisation.to_fixed(latent))
    floats = quantisation.to_floats(decoded)
    position = np.array([quality / (CONFIG.qualities - 1)], np.float32)
    mean, log_scale = (np.asarray(value)[0] for value in quantiser._predict(floats[None], position))
    step = np.exp(np.asarray(quantiser._at("steps", position))[0])
    # A step is rounded to 1/256, up to half of that for every symbol.
    assert (np.abs(floats - mean - symbols * step) < 0.01 + np.abs(symbols) * 0.5 / 256).all()
    expected = (log_scale * 256 - LOWEST) / SPACING
    assert np.abs(classes + 0.5 - np.clip(expected, 0, CLASSES)).max() < 0.75
    # The decoder's latents are as near to the encoder's as the steps allow.
    assert (np.abs(floats - latent) <= 0.5 * step + 0.01).all() and np.abs(symbols).max() < RADIUS


def test_start_at_an_entropy_model_is_the_quantiser_that_it_was_made_from(quantiser):
    shake(quantiser)
    other = make_quantiser(seed=1)
    other.start_at(quantiser.to_entropy_model([latents(1, 60)[0]]))
    latent, position = latents(), np.linspace(0, 1, 4, dtype=np.float32)
    for expected, found in zip(quantiser._predict(latent, position), other._predict(latent, position), strict=True):
        np.testing.assert_allclose(found, expected, atol=5e-3)
    # A step is stored in units of 1/256.
    np.testing.assert_allclose(other._at("steps", position), quantiser._at("steps", position), atol=0.03)


def test_start_at_an_entropy_model_of_other_sizes_changes_nothing(quantiser):
    before = [variable.numpy() for variable in quantiser.weights]
    quantiser.start_at(make_entropy(SIZE, n_groups=2))
    assert all(np.array_equal(variable, value) for variable, value in zip(quantiser.weights, before, strict=True))


def test_adapt_raises_the_price_where_there_are_too_many_bits(quantiser):
    position = np.array([0.1, 0.9], np.float32)
    before = np.asarray(quantiser.price(position))
    quantiser.adapt(position, np.array([2, 0.5], np.float32) * quantiser.bitrate(position))
    after = np.asarray(quantiser.price(position))
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_positions_are_spread_and_repeatable(quantiser):
    positions = np.asarray(quantiser.positions(8, 3))
    assert np.floor(positions * 8).tolist() == list(range(8))
    assert (positions == np.asarray(quantiser.positions(8, 3))).all()
    assert (positions != np.asarray(quantiser.positions(8, 4))).all()


def test_quantiser_gradients_reach_latent_and_every_weight(quantiser):
    shake(quantiser)

    def loss(latent):
        quantised, bits = quantiser(latent, np.array([0.2, 0.7], np.float32), 1)
        return ops.mean(ops.square(quantised - 0.3)) + 1e-3 * ops.mean(bits)

    found = gradients(loss, latents(2, 30), quantiser.weights)
    assert len(found) == 1 + len(quantiser.weights)
    assert all(np.isfinite(gradient).all() and np.abs(gradient).max() > 0 for gradient in found)


def test_quantiser_noise_depends_on_the_number_alone(quantiser):
    """A training that is resumed goes on with the noise that it would have had."""
    latent, position = latents(2, 30), np.array([0.2, 0.7], np.float32)
    bits = [np.asarray(quantiser(latent, position, number)[1]) for number in (5, 6, 5)]
    np.testing.assert_array_equal(bits[0], bits[2])
    assert (bits[0] != bits[1]).any()


def test_quantiser_takes_the_largest_seed():
    last = make_quantiser(seed=2**32 - 1)
    assert np.isfinite(np.asarray(last(latents(), last.positions(4, 2**31 - 1), 2**31 - 1)[1])).all()

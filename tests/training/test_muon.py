"""Steps of the optimiser: orthogonal for matrices, Adam's for the rest."""

import keras
import numpy as np
import pytest

from speech_autoencoder.training.muon import optimizer, orthogonal


def step_of(gradient, learning_rate=0.1, start=0.0, weight_decay=0.0):
    """Return what one step subtracts from a variable that is `start` everywhere, given its gradient."""
    variable = keras.Variable(np.full_like(gradient, start))
    made = optimizer(learning_rate, clip_norm=1e9, weight_decay=weight_decay)
    made.apply([gradient], [variable])
    return start - variable.numpy()


def gradient(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(24, 60), (60, 24), (3, 20, 30)], ids=["wide", "tall", "convolution"])
def test_step_of_a_matrix_is_nearly_orthogonal(shape):
    given = gradient(*shape)
    step = step_of(given).reshape(-1, shape[-1])
    values = np.linalg.svd(step, compute_uv=False)
    # Every direction is taken about as far.
    assert values.min() > 0.8 * values.max()
    assert np.sum(step * given.reshape(step.shape)) > 0


@pytest.mark.parametrize("shape", [(96, 32), (32, 96), (48, 48)], ids=["tall", "wide", "square"])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_orthogonal_matrix_has_singular_values_near_1(shape, scale):
    left, values, right = np.linalg.svd(gradient(*shape), full_matrices=False)
    values = np.geomspace(1, 0.05, len(values))
    made = orthogonal((scale * (left * values) @ right).astype(np.float32))
    np.testing.assert_allclose(np.linalg.svd(made, compute_uv=False), 1, atol=0.1)
    # Directions stay what they are.
    np.testing.assert_allclose(left.T @ made @ right.T, np.eye(len(values)), atol=0.1)


def test_orthogonal_of_zero_is_zero():
    assert not np.any(orthogonal(np.zeros((4, 3), np.float32)))


def test_step_of_a_matrix_is_as_large_as_adams():
    assert np.sqrt(np.mean(step_of(gradient(64, 64)) ** 2)) == pytest.approx(0.1 * 0.2, rel=0.3)


def test_step_of_a_vector_is_adams():
    given = gradient(50)
    np.testing.assert_allclose(step_of(given), 0.05 * np.sign(given), rtol=1e-2)


@pytest.mark.parametrize(("shape", "decayed"), [((24, 60), 0.1), ((3, 20, 30), 0.1), ((50,), 0.0)])
def test_step_draws_matrices_alone_to_zero(shape, decayed):
    given = gradient(*shape)
    more = step_of(given, start=5.0, weight_decay=0.2) - step_of(given, start=5.0)
    np.testing.assert_allclose(more, np.full_like(given, decayed), atol=1e-5)

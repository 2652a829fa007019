"""Steps of the optimiser: orthogonal for matrices, Adam's for the rest."""

import keras
import numpy as np
import pytest

from speech_autoencoder.muon import optimizer


def step_of(gradient, learning_rate=0.1):
    """What one step takes from a variable of zeros, given its gradient."""
    variable = keras.Variable(np.zeros_like(gradient))
    made = optimizer(learning_rate, clip_norm=1e9)
    made.apply([gradient], [variable])
    return -np.asarray(variable)


def gradient(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(24, 60), (60, 24), (3, 20, 30)], ids=["wide", "tall", "convolution"])
def test_step_of_a_matrix_is_nearly_orthogonal(shape):
    given = gradient(*shape)
    step = step_of(given).reshape(-1, shape[-1])
    values = np.linalg.svd(step, compute_uv=False)
    # Every direction is taken about as far: Newton and Schulz' five rounds leave 0.7 to 1.2.
    assert values.min() > 0.5 * values.max()
    assert np.sum(step * given.reshape(step.shape)) > 0


def test_step_of_a_matrix_is_as_large_as_adams():
    assert np.sqrt(np.mean(step_of(gradient(64, 64)) ** 2)) == pytest.approx(0.1 * 0.2, rel=0.3)


def test_step_of_a_vector_is_adams():
    given = gradient(50)
    np.testing.assert_allclose(step_of(given), 0.05 * np.sign(given), rtol=1e-2)

"""The smooth code length is what coding takes, and its gradient says how it changes."""

import numpy as np
import pytest

from speech_autoencoder.model.code_length import CodeLength
from speech_autoencoder.model.entropy_model import RADIUS, TABLE_BITS
from speech_autoencoder.model.quantisation import Predictor, quantise, to_fixed, to_floats
from tests.helpers.common import make_entropy

SIZE = 7


@pytest.fixture(scope="module")
def entropy():
    return make_entropy(SIZE, 3, seed=2, weights=0.3)


def make_latents(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, SIZE)).astype(np.float32)


def table_bits(entropy, classes, symbols):
    return float(-np.log2(entropy.tables[classes, symbols + RADIUS] / 2**TABLE_BITS).sum())


@pytest.mark.parametrize("quality", [0, 2])
def test_code_length_of_decoded_latents_is_what_their_symbols_take(entropy, quality):
    before = to_fixed(make_latents(2, seed=1))
    symbols, classes, decoded = quantise(Predictor(entropy, quality), to_fixed(make_latents(60)), before)
    bits, _ = CodeLength(entropy)(to_floats(decoded), quality, to_floats(before))
    assert bits == pytest.approx(table_bits(entropy, classes, symbols), rel=0.02)


def test_code_length_gradient_is_that_of_finite_differences(entropy):
    code_length, latents, before = CodeLength(entropy), make_latents(20), make_latents(2, seed=1)
    direction, length = make_latents(20, seed=3), 1e-2
    higher, lower = (code_length(latents + sign * length * direction, 1, before)[0] for sign in (1, -1))
    _, gradient = code_length(latents, 1, before)
    assert (higher - lower) / (2 * length) == pytest.approx(np.vdot(gradient, direction), rel=0.03)


def test_code_length_of_unlikely_latents_is_finite(entropy):
    bits, gradient = CodeLength(entropy)(1e4 * make_latents(5), 2, np.zeros((2, SIZE), np.float32))
    assert np.isfinite(bits)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("price", [0.0, 0.2])
def test_code_length_quantises_as_the_coder_does_after_some_rounds(entropy, price):
    before, prices = make_latents(2, seed=1), np.full(40, price)
    symbols, classes, decoded = quantise(
        Predictor(entropy, 1), to_fixed(make_latents(40)), to_fixed(before), prices=prices
    )
    found, bits = CodeLength(entropy).quantise(make_latents(40), 1, before, prices=prices, rounds=12)
    assert np.mean(np.abs(found - to_floats(decoded)) < 0.02) > 0.99
    assert bits == pytest.approx(table_bits(entropy, classes, symbols), rel=0.02)

"""The enhancement layer that is fitted: its bitrates, and how well it knows what comes."""

import numpy as np
import pytest

from speech_autoencoder.codec import enhancement_fitting
from speech_autoencoder.codec.enhancement_fitting import fit_enhancement
from speech_autoencoder.model.entropy_model import (
    CLASSES,
    FRACTION_BITS,
    N_SYMBOLS,
    SPACING,
)
from tests.helpers.common import make_dataset
from tests.helpers.tiny_codec import make_codec

HIGHEST_KBITS = 4.0


@pytest.fixture(scope="module")
def model():
    return make_codec()


@pytest.fixture(scope="module")
def recordings():
    data = make_dataset([f"{i}.wav" for i in range(12)], range(50, 110, 5))
    return [data.frames(i) for i in range(12)]


def test_fit_basis_is_orthonormal_and_steps_get_finer(model, recordings):
    layer, kbits = fit_enhancement(model, recordings, HIGHEST_KBITS)
    np.testing.assert_allclose(layer.basis @ layer.basis.T, np.eye(len(layer.basis)), atol=1e-5)
    assert (np.diff(layer.log_steps) < 0).all()
    (low, high), (lowest, of_latents) = kbits["kbits"], kbits["latent_kbits"]
    assert low == lowest < HIGHEST_KBITS / 2 < HIGHEST_KBITS < high < 2.2 * HIGHEST_KBITS
    assert low < of_latents < high
    assert (layer.tables.shape, layer.tables.min() >= 1) == ((CLASSES, N_SYMBOLS), True)


def test_fit_of_a_higher_bitrate_lies_on_finer_latents(model, recordings):
    low, high = (fit_enhancement(model, recordings, kbits)[0].n_base for kbits in (1.0, 4.0))
    assert 1 <= low < high <= model.entropy.n_qualities


def test_fit_scales_finds_how_they_follow_from_latents():
    rng = np.random.default_rng(0)
    latents, kernel = rng.normal(size=(4_000, 5)), 0.3 * rng.normal(size=(5, 7))
    log_scales = latents @ kernel - 2 + np.arange(7) / 4
    found, bias = enhancement_fitting._fit_scales(np.abs(rng.logistic(scale=np.exp(log_scales))), latents)
    np.testing.assert_allclose(latents @ found + bias, log_scales, atol=0.25)


def test_fit_classes_follow_the_step(model, recordings):
    layer, _ = fit_enhancement(model, recordings, HIGHEST_KBITS)
    rng = np.random.default_rng(0)
    latents = (rng.normal(size=(500, model.config.latent_size)) * 2**FRACTION_BITS).astype(np.int64)
    classes = layer.classes(layer.scales(latents), 0)
    assert classes.shape == (500, len(layer.basis))
    assert ((classes >= 0) & (classes < CLASSES)).all()
    finer = layer.classes(layer.scales(latents), layer.n_steps - 1)
    assert (finer >= classes).all()
    # A step that is half as large makes a scale ln 2 larger: so many classes.
    ratio = layer.step(0) / layer.step(layer.n_steps - 1)
    inside = (classes > 0) & (finer < CLASSES - 1)
    assert np.abs((finer - classes)[inside] - np.log(ratio) * 2**FRACTION_BITS / SPACING).max() <= 1


def test_fit_to_silence_makes_a_layer(model):
    layer, kbits = fit_enhancement(model, [np.zeros((model.config.n_mels, 40), np.float32)], HIGHEST_KBITS)
    assert np.isfinite(layer.basis).all()
    assert np.isfinite(kbits["kbits"]).all()

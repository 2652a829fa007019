"""The enhancement layer in a model's file, what is refused of it, and its weights and classes."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from speech_autoencoder.config import LossConfig
from speech_autoencoder.model import model_file
from speech_autoencoder.model.enhancement import Enhancement, Weighting
from speech_autoencoder.model.entropy_model import CLASSES, FRACTION_BITS, LOWEST, SPACING, logistic_tables
from speech_autoencoder.training.saving import save
from tests.helpers.common import TINY, TINY_MODEL
from tests.helpers.model_files import GROUP, assert_load_refuses, change_array

N_VALUES = TINY_MODEL.frames_per_latent * TINY_MODEL.n_mels


def make_layer(n_components=6, n_steps=5, base_quality=1, seed=0):
    """Return a layer of random components for the tiny network."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(N_VALUES, n_components)))[0].T
    kernel = rng.integers(-3_000, 3_000, (TINY_MODEL.latent_size, n_components))
    values = (kernel, rng.integers(-(2**20), 2**20, n_components), -np.arange(n_steps) * 2**19)
    integers = [np.asarray(value, np.int32) for value in values]
    return Enhancement(basis.astype(np.float32), *integers, logistic_tables(), np.array([base_quality], np.int32))


@pytest.fixture(scope="module")
def enhanced(codec):
    return replace(codec, enhancement=make_layer())


@pytest.fixture(scope="module")
def content(enhanced, tmp_path_factory):
    """Return the bytes of its file."""
    path = tmp_path_factory.mktemp("enhanced") / "codec.h5"
    save(path, enhanced)
    return path.read_bytes()


@pytest.fixture
def path(content, tmp_path):
    (tmp_path / "codec.h5").write_bytes(content)
    return tmp_path / "codec.h5"


def test_load_saved_layer_is_the_same(enhanced, path):
    loaded = model_file.load(path)
    for name, array in enhanced.enhancement.arrays().items():
        np.testing.assert_array_equal(loaded.enhancement.arrays()[name], array)
    assert loaded.fingerprint == enhanced.fingerprint
    assert (loaded.n_base, loaded.n_qualities) == (2, 7)


def test_fingerprint_changes_with_every_array_of_the_layer(enhanced, codec):
    seen = {enhanced.fingerprint, codec.fingerprint}
    for name, array in enhanced.enhancement.arrays().items():
        other = array.copy()
        if name == "tables":
            other[-1, 62:64] += [1, -1]
        else:
            other.flat[0] = other.flat[1] if name == "basis" else other.flat[0] - 1
        changed = replace(enhanced.enhancement, **{name: other})
        seen.add(replace(enhanced, enhancement=changed).fingerprint)
    seen.add(replace(enhanced, loss=replace(enhanced.loss, exponent=0.5)).fingerprint)
    assert len(seen) == 3 + len(enhanced.enhancement.arrays())
    assert replace(codec, loss=replace(codec.loss, exponent=0.5)).fingerprint == codec.fingerprint


def test_qualities_without_a_layer_are_those_of_the_entropy_model(model, codec):
    assert (model.n_base, model.n_qualities) == (0, 0)
    assert (codec.n_base, codec.n_qualities) == (codec.entropy.n_qualities,) * 2


@pytest.mark.parametrize(
    ("which", "change", "words"),
    [
        ("basis", lambda values: values[0], "wrong dimensions"),
        ("basis", lambda values: values[:, 1:], "expected"),
        ("basis", lambda values: values[:0], "wrong dimensions"),
        ("basis", lambda values: values * np.nan, "out of bounds"),
        ("basis", lambda values: values + np.float32(1.5), "out of bounds"),
        ("basis", lambda values: values.astype(np.float64), "expected"),
        ("scale_kernel", lambda values: values[1:], "expected"),
        ("scale_bias", lambda values: values.astype(np.int64), "expected"),
        ("log_steps", lambda values: values[:0], "no quality steps"),
        ("log_steps", lambda values: values + np.int32(2**30), "out of bounds"),
        ("log_steps", lambda values: np.full(5, -(2**31), np.int32), "out of bounds"),
        ("log_steps", lambda values: np.zeros(255, np.int32), "more than 256 quality steps"),
        ("tables", lambda values: values + 1, "frequencies"),
        ("base_quality", lambda values: values + 9, "quality step 10, which it does not have"),
        ("base_quality", lambda values: values - 2, "quality step -1, which it does not have"),
    ],
)
def test_load_layer_of_wrong_values_is_refused(path, which, change, words):
    change_array(path, f"enhancement/{which}", change)
    assert_load_refuses(path, words)


@pytest.mark.parametrize("target", ["/elsewhere", "/nowhere"])
def test_load_layer_that_is_a_link_is_refused(path, target):
    with h5py.File(path, "a") as file:
        file.move(f"{GROUP}/enhancement", "elsewhere")
        file[f"{GROUP}/enhancement"] = h5py.SoftLink(target)
    assert_load_refuses(path, "of its own")


def test_load_layer_that_declares_gigabytes_is_refused(path):
    with h5py.File(path, "a") as file:
        del file[f"{GROUP}/enhancement/log_steps"]
        file.create_dataset(f"{GROUP}/enhancement/log_steps", (1 << 28,), np.int32, chunks=(1 << 20,))
    assert_load_refuses(path, "too few for its enhancement layer")


def test_classes_follow_the_latents_and_the_step():
    layer = make_layer()
    latents = np.random.default_rng(1).integers(-1_000, 1_000, (50, TINY_MODEL.latent_size))
    kernel, bias = layer.scale_kernel.astype(float), layer.scale_bias.astype(float)
    for number in range(layer.n_steps):
        scales = (latents @ kernel + bias) / 2**20 - np.log(layer.step(number))
        expected = np.clip((scales * 2**FRACTION_BITS - LOWEST) / SPACING, 0, CLASSES - 1)
        assert np.abs(layer.classes(layer.scales(latents), number) + 0.5 - expected).max() <= 0.51
    assert np.allclose(np.diff(np.log([layer.step(i) for i in range(layer.n_steps)])), -0.5)


def test_weighting_takes_apart_and_puts_together():
    weighting, rng = Weighting(TINY, LossConfig(), 4), np.random.default_rng(2)
    base, frames = rng.uniform(0.3, 0.8, (2, TINY.n_mels, 22)).astype(np.float32)
    level = weighting.level(base)
    values = weighting.to_values(frames, base, level)
    assert values.shape == (6, 4 * TINY.n_mels)
    np.testing.assert_allclose(weighting.to_frames(values, base, np.full(22, level)), frames, atol=1e-5)


def test_weighting_is_larger_where_the_base_is_louder():
    weighting = Weighting(TINY, LossConfig(), 1)
    base = np.linspace(0.5, 0.9, 16, dtype=np.float32)[:, None] * np.ones((1, 3), np.float32)
    values = weighting.to_values(base + 0.01, base, weighting.level(base))
    assert (np.diff(values, axis=1) > 0).all()


def test_weighting_of_silence_beside_loud_sound_lets_no_step_fill_it():
    weighting = Weighting(TINY, LossConfig(), 1)
    base = np.array([[0.0]] * 8 + [[0.9]] * 8, np.float32)
    frames = weighting.to_frames(np.full((1, 16), 0.01), base, np.array([weighting.level(base)]))
    assert frames[0, 0] <= 0.1

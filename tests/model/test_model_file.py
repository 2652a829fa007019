"""A trained model: its file's round trip, files of format 5, the features it takes, its fingerprint."""

import lzma
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.codec.recording_codec import decode_recording
from speech_autoencoder.config import CLASSIC, InversionConfig, LossConfig, ModelConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file
from speech_autoencoder.model.keras_network import to_keras, to_network
from speech_autoencoder.model.network import Network
from speech_autoencoder.training.saving import save
from tests.helpers.common import TINY, TINY_MODEL, make_entropy, one_line_of, shake
from tests.helpers.model_files import GROUP, assert_load_refuses, edit_description, reconstruct_random

# What the last version with format 5 made: a codec's file, a .sae file, and the sound that it decoded from it.
FORMAT_5 = Path(__file__).with_name("model_format_5.h5.xz")
# The fingerprints that it gave that model, and the same model without its entropy model.
FINGERPRINT_5 = "afe6f5fdc0504cd9"
FINGERPRINT_5_WITHOUT_ENTROPY = "be6966fa91a7369f"

# The file's round trip


def test_load_saved_gives_same_outputs_bit_for_bit(model, path):
    loaded = model_file.load(path)
    np.testing.assert_array_equal(reconstruct_random(loaded.network), reconstruct_random(model.network))
    assert (loaded.config, loaded.features) == (model.config, model.features)
    for name in ("frames_per_latent", "encode", "decode", "offset"):
        np.testing.assert_array_equal(getattr(loaded.baseline, name), getattr(model.baseline, name))
    assert loaded.description.items() >= model.description.items()


# Format 5


@pytest.fixture
def old_path(tmp_path):
    """Write a codec's file of format 5, which a test may damage."""
    path = tmp_path / "old.h5"
    path.write_bytes(lzma.decompress(FORMAT_5.read_bytes()))
    return path


def test_load_format_5_gives_the_new_words(old_path):
    model = model_file.load(old_path)
    assert model.config == ModelConfig(16, frames_per_latent=4, latent_size=2, stem_frames=2, width=8, depth=1)
    assert model.description["validation"] == {
        "error_db": 3.0,
        "baseline_db": 3.5,
        "loss": 0.1,
        "baseline_loss": 0.2,
        "epoch": 1,
    }
    with h5py.File(old_path) as file:
        for name in ("encode", "decode", "offset"):
            np.testing.assert_array_equal(getattr(model.baseline, name), file[f"{GROUP}/floor_{name}"])


def test_load_format_5_can_be_saved_in_the_new_format(old_path, tmp_path):
    model = model_file.load(old_path)
    save(tmp_path / "new.h5", model)
    again = model_file.load(tmp_path / "new.h5")
    assert again.fingerprint == model.fingerprint
    assert again.description == model.description


def test_load_format_5_decodes_its_sae_file(old_path, tmp_path):
    model = model_file.load(old_path)
    decode_recording(FORMAT_5.with_name("model_format_5.sae"), model, tmp_path / "x.wav", InversionConfig())
    sound, expected = (sf.read(path)[0] for path in (tmp_path / "x.wav", FORMAT_5.with_name("model_format_5.wav")))
    np.testing.assert_allclose(sound, expected, atol=1e-3)


def test_fingerprint_format_5_is_unchanged(old_path):
    model = model_file.load(old_path)
    assert model.fingerprint.hex() == FINGERPRINT_5
    assert replace(model, entropy=None).fingerprint.hex() == FINGERPRINT_5_WITHOUT_ENTROPY


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data["model"].update(network="original"), "its network is 'original'"),
        (lambda data: data["model"].update(network=["x"] * 10_000), "its network is"),
        (lambda data: data["model"].pop("network"), "its network is 'None'"),
        (lambda data: data["model"].pop("finest"), "stem_frames"),
        (lambda data: data["model"].update(surprise=1), "surprise"),
        (lambda data: data.update(model=1), "ModelConfig"),
    ],
)
def test_load_format_5_of_a_wrong_model_is_refused(old_path, change, words):
    edit_description(old_path, change)
    assert_load_refuses(old_path, words)


@pytest.mark.parametrize("validation", [None, 1, {}])
def test_load_format_5_without_validation_is_read(old_path, validation):
    edit_description(old_path, lambda data: data.update(validation=validation))
    assert model_file.load(old_path).description["validation"] == validation


# Features


def test_require_features_same_passes(model):
    assert model.require_features(replace(TINY), "test_data.npy", "test_data_generator.py") is None


def test_require_features_other_names_file_received_and_next_step(model):
    with pytest.raises(InputError) as error:
        model.require_features(CLASSIC, "test_data.npy", "test_data_generator.py")
    assert one_line_of(error) == (
        "test_data.npy was made with preset classic, but this model takes preset tiny: "
        "run test_data_generator.py --preset tiny, or train again."
    )


def test_require_features_other_rate_names_both(model):
    """No --preset gives that rate: `fine` takes it from the recordings."""
    with pytest.raises(
        InputError,
        match=r"sr 16000, but this model takes sr 8000 \(preset tiny\): "
        r"run test_data_generator\.py with the training's array in place",
    ):
        model.require_features(replace(TINY, sr=16_000), "test_data.npy", "test_data_generator.py")


# The fingerprint


def test_fingerprint_changes_with_all_that_decoding_depends_on(codec):
    seen = {codec.fingerprint}
    weights = codec.network.weights
    assert replace(codec, network=Network(TINY_MODEL, dict(weights))).fingerprint in seen
    of_decoder = [name for name in weights if name.startswith("decoder/")]
    for name in of_decoder:
        changed = weights[name].copy()
        changed.flat[-1] += 1e-3
        seen.add(replace(codec, network=Network(TINY_MODEL, weights | {name: changed})).fingerprint)
    for array_name, array in make_entropy(TINY_MODEL.latent_size, 2, seed=1).arrays().items():
        other = array.copy()
        if array_name == "steps":
            other[0, 0] += 1
        if array_name == "groups":
            other[1] += 1
        if array_name == "tables":
            other[0, :2] += np.array([1, 0], np.int32)
            other[0, 63] -= 1
        if array_name == "scale_bias":
            other[0, 0] += 1
        seen.add(replace(codec, entropy=replace(codec.entropy, **{array_name: other})).fingerprint)
    seen.add(replace(codec, entropy=None).fingerprint)
    seen.add(replace(codec, features=replace(TINY, sr=9_000)).fingerprint)
    assert len(seen) == 1 + len(of_decoder) + len(codec.entropy.arrays()) + 2
    assert all(len(fingerprint) == 8 for fingerprint in seen)


def test_fingerprint_ignores_what_decoding_does_not_use(codec):
    network = to_keras(codec.network)
    shake(network.get_layer("encoder"))
    other = replace(codec, network=to_network(network, TINY_MODEL), loss=LossConfig(exponent=0.3), description={})
    assert other.fingerprint == codec.fingerprint

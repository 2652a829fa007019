"""The entropy model in a model's file, and what is refused of it."""

import h5py
import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file
from tests.helpers import model_files
from tests.helpers.common import one_line_of
from tests.helpers.model_files import GROUP, assert_load_refuses, change_array

NOT_ITS_OWN = [
    model_files.soft_link,
    model_files.external_link,
    model_files.virtual_dataset,
    model_files.external_storage,
    model_files.nothing,
]


def test_load_saved_entropy_model_is_the_same(codec, codec_path):
    loaded = model_file.load(codec_path)
    for name, array in codec.entropy.arrays().items():
        np.testing.assert_array_equal(loaded.entropy.arrays()[name], array)
    assert loaded.fingerprint == codec.fingerprint
    assert loaded.require_entropy("codec.h5") is loaded.entropy


def test_require_entropy_without_one_says_how_to_get_one(path):
    loaded = model_file.load(path)
    assert loaded.entropy is None
    with pytest.raises(InputError) as error:
        loaded.require_entropy("model.h5")
    assert one_line_of(error) == (
        "model.h5 has no entropy model, which .sae files need: train a model with autoencoder_for_many_data.py --codec."
    )


@pytest.mark.parametrize("replace_array", NOT_ITS_OWN)
@pytest.mark.parametrize("which", ["steps", "hidden_kernel", "tables"])
def test_load_entropy_array_that_is_not_in_the_file_is_refused(codec_path, tmp_path, replace_array, which):
    name = f"{GROUP}/codec/{which}"
    with h5py.File(codec_path, "a") as file:
        replace_array(file, name, tmp_path / "outside")
    assert_load_refuses(codec_path, name, "of its own")


@pytest.mark.parametrize("target", ["/elsewhere", "/nowhere"])
def test_load_entropy_group_that_is_a_link_is_refused(codec_path, target):
    with h5py.File(codec_path, "a") as file:
        file.move(f"{GROUP}/codec", "elsewhere")
        file[f"{GROUP}/codec"] = h5py.SoftLink(target)
    assert_load_refuses(codec_path, "of its own")


@pytest.mark.parametrize(
    ("which", "change", "words"),
    [
        ("steps", lambda values: values[0], "wrong dimensions"),
        ("steps", lambda values: values[:, :-1], "for latents of 3 values, its network's have 4"),
        ("steps", lambda values: values[:0], "0 quality steps"),
        ("steps", lambda values: values * 0, "steps are not within"),
        ("steps", lambda values: values.astype(np.float32), "expected"),
        ("steps", lambda values: values.astype(np.int64), "expected"),
        ("steps", lambda values: values.astype(">i4"), "expected"),
        ("groups", lambda values: values[::-1], "groups do not cover"),
        ("groups", lambda values: values[:0], "-1 groups"),
        ("hidden_kernel", lambda values: values[:, :-1], "hidden units"),
        ("hidden_kernel", lambda values: values + np.int32(2**30), "exact arithmetic"),
        ("mean_bias", lambda values: values[:-1], "expected"),
        ("tables", lambda values: values + 1, "frequencies"),
        ("tables", lambda values: values[:, 1:], "expected"),
    ],
)
def test_load_entropy_array_of_wrong_values_is_refused(codec_path, which, change, words):
    change_array(codec_path, f"codec/{which}", change)
    assert_load_refuses(codec_path, words)


def test_load_entropy_model_that_declares_gigabytes_is_refused(codec_path):
    """The arrays' shapes agree with each other, but not with the size of the file."""
    with h5py.File(codec_path, "a") as file:
        del file[f"{GROUP}/codec/hidden_kernel"]
        file.create_dataset(f"{GROUP}/codec/hidden_kernel", (12, 65_536), np.int32, chunks=(12, 1_024))
    assert_load_refuses(codec_path, "too few for its entropy model")

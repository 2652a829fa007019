"""A model's file is read as data only, and whatever is wrong with it is refused in one line."""

import os
import tracemalloc
import zlib

import h5py
import keras
import numpy as np
import pytest

from speech_autoencoder.model import model_file
from tests.helpers import model_files
from tests.helpers.model_files import GROUP, assert_load_refuses, edit_description, reconstruct_random

NOT_ITS_OWN = [
    model_files.soft_link,
    model_files.external_link,
    model_files.virtual_dataset,
    model_files.external_storage,
    model_files.group_instead,
    model_files.nothing,
]


def a_weight(file):
    """Return the name of a weight's array."""
    names = []
    file["model_weights/encoder"].visititems(
        lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) and node.ndim > 1 else None
    )
    return f"model_weights/encoder/{names[0]}"


# Not a model


def test_load_missing_names_the_script_to_run(tmp_path):
    assert_load_refuses(tmp_path / "model.h5", "is missing", "run autoencoder_for_many_data.py first")


def test_load_folder_is_refused(tmp_path):
    assert_load_refuses(tmp_path, "it is a folder")


def test_load_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "model.h5")
    assert_load_refuses(tmp_path / "model.h5", "is not a regular file")


@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF", b"these are words, not weights\n" * 100], ids=["empty", "4", "text"]
)
def test_load_other_file_is_refused(tmp_path, content):
    (tmp_path / "model.h5").write_bytes(content)
    assert_load_refuses(tmp_path / "model.h5", "is not an HDF5 file")


@pytest.mark.parametrize("part", [0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_load_truncated_is_refused(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    assert_load_refuses(path, "run autoencoder_for_many_data.py")


def make_hostile_model(path):
    """Return a Keras model whose Lambda layer writes a file at path when it is built or called."""

    def write_file(x):
        path.write_text("code has run")
        return x

    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Lambda(write_file, output_shape=(4,))(inputs))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_load_keras_model_with_lambda_is_refused_and_not_run(tmp_path):
    egg = tmp_path / "egg"
    make_hostile_model(egg).save(tmp_path / "model.h5")
    egg.unlink(missing_ok=True)
    assert_load_refuses(tmp_path / "model.h5", "not a model of this project")
    assert not egg.exists()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_load_our_model_with_another_network_inside_does_not_run_it(model, path, tmp_path):
    """Keras' own description of the network is never read."""
    egg = tmp_path / "egg"
    make_hostile_model(egg).save(tmp_path / "hostile.h5")
    egg.unlink(missing_ok=True)
    with h5py.File(tmp_path / "hostile.h5") as hostile, h5py.File(path, "a") as file:
        assert "Lambda" in hostile.attrs["model_config"]
        file.attrs["model_config"] = hostile.attrs["model_config"]
    np.testing.assert_array_equal(reconstruct_random(model_file.load(path).network), reconstruct_random(model.network))
    assert not egg.exists()


# Not an array of its own


@pytest.mark.parametrize("replace_array", NOT_ITS_OWN)
@pytest.mark.parametrize("which", ["description", "baseline_encode", "weight"])
def test_load_array_that_is_not_in_the_file_is_refused(path, tmp_path, replace_array, which):
    with h5py.File(path, "a") as file:
        name = a_weight(file) if which == "weight" else f"{GROUP}/{which}"
        replace_array(file, name, tmp_path / "outside")
    assert_load_refuses(path, name, "of its own")


def test_load_soft_link_in_the_middle_of_a_path_is_refused(path):
    with h5py.File(path, "a") as file:
        file.move("model_weights", "elsewhere")
        file["model_weights"] = h5py.SoftLink("/elsewhere")
    assert_load_refuses(path, "of its own")


@pytest.mark.parametrize("which", ["baseline_encode", "weight"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values[:-1], "expected"),
        (lambda values: values.astype(np.float64), "float64"),
        (lambda values: values.astype(">f4"), "expected"),
        (lambda values: values[None], "expected"),
        (lambda values: np.full_like(values, np.nan), "not finite"),
        (lambda values: np.where(np.arange(values.shape[-1]) == 1, np.float32(np.inf), values), "not finite"),
    ],
    ids=["a row less", "float64", "big-endian", "an axis more", "NaN", "one infinity"],
)
def test_load_array_of_wrong_values_is_refused(path, which, change, words):
    with h5py.File(path, "a") as file:
        name = a_weight(file) if which == "weight" else f"{GROUP}/{which}"
        values = change(file[name][()])
        del file[name]
        file[name] = values
    assert_load_refuses(path, name, words)


def test_load_array_that_declares_gigabytes_is_refused(path):
    """A few kB of HDF5 can declare any size: reading it would fill the memory with zeros."""
    with h5py.File(path, "a") as file:
        name = a_weight(file)
        del file[name]
        file.create_dataset(name, (1 << 20, 1 << 14), np.float32, chunks=(1 << 10, 1 << 10))
    assert_load_refuses(path, name, "expected")


# Compressed arrays


def compressed(file, name, content, *, shuffle=True, chunks=None):
    """Replace an array by one that is compressed as one block, whose content is this."""
    shape, dtype = file[name].shape, file[name].dtype
    del file[name]
    options = {"chunks": chunks or shape, "compression": "gzip", "shuffle": shuffle}
    node = file.create_dataset(name, shape, dtype, **options)
    if content is not None:
        node.id.write_direct_chunk((0,) * len(shape), content)


@pytest.mark.parametrize("which", ["description", "baseline_encode", "weight"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zlib.compress(bytes(200_000_000), 9), "damaged"),
        (zlib.compress(bytes(60_000)), "does not hold"),
        (zlib.compress(bytes(3)), "does not hold"),
        (b"these are words", "damaged"),
        (None, "damaged"),
    ],
    ids=["200 MB", "60 kB", "3 bytes", "text", "nothing"],
)
def test_load_compressed_array_of_another_size_is_refused(path, which, content, words):
    with h5py.File(path, "a") as file:
        compressed(file, a_weight(file) if which == "weight" else f"{GROUP}/{which}", content)
    tracemalloc.start()
    assert_load_refuses(path, words)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20e6


@pytest.mark.parametrize("how", [{"shuffle": False}, {"chunks": (1, 1)}], ids=repr)
def test_load_array_compressed_in_another_way_is_refused(path, how):
    with h5py.File(path, "a") as file:
        compressed(file, f"{GROUP}/baseline_encode", None, **how)
    assert_load_refuses(path, "in a way that is not read")


# The description


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: b"no JSON {", "damaged"),
        (lambda data: b"\xff\xfe\x00", "damaged"),
        (lambda data: b"", "damaged"),
        (lambda data: b"[" * 100_000, "damaged"),
        (lambda data: b"[1, 2]", "not of the format"),
        (lambda data: b"[" + b"[]," * (2 << 20) + b"[]]", "description"),
        (lambda data: data.update(format="speech-autoencoder model 99"), "not of the format"),
        (lambda data: data.pop("format"), "not of the format"),
        (lambda data: data.pop("model"), "ModelConfig"),
        (lambda data: data.pop("features"), "FeatureConfig"),
        (lambda data: data["model"].update(surprise=1), "surprise"),
        (lambda data: data["model"].update(width=50_000_000), "width is 50000000"),
        (lambda data: data["model"].update(width="8"), "width is '8'"),
        (lambda data: data["model"].update(width="8" * 1_000_000), "width is"),
        (lambda data: data["model"].update(width=True), "width is True"),
        (lambda data: data["model"].update(width=8.0), "width is 8.0"),
        (lambda data: data["model"].update(latent_size=10**12), "latent_size is 1000000000000"),
        (lambda data: data["model"].update(latent_size=-1), "latent_size is -1"),
        (lambda data: data["model"].update(depth=10**6), "depth is 1000000"),
        (lambda data: data["model"].update(frames_per_latent=7), "power of two"),
        (lambda data: data["features"].update(n_fft=10**9), "n_fft is 1000000000"),
        (lambda data: data["features"].update(floor_db=float("nan")), "floor_db is nan"),
        (lambda data: data["features"].update(hop_length=100), "not a multiple"),
        (lambda data: data["features"].update(n_mels=20), "mel bands"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_load_wrong_description_is_refused(path, change, words):
    edit_description(path, change)
    assert_load_refuses(path, words)


@pytest.mark.parametrize("shape", [(), (3, 4)])
def test_load_description_of_wrong_shape_is_refused(path, shape):
    with h5py.File(path, "a") as file:
        del file[f"{GROUP}/description"]
        file[f"{GROUP}/description"] = np.zeros(shape, np.uint8)
    assert_load_refuses(path, "description")


def test_load_description_of_floats_is_refused(path):
    with h5py.File(path, "a") as file:
        del file[f"{GROUP}/description"]
        file[f"{GROUP}/description"] = np.zeros(100)
    assert_load_refuses(path, "description")


@pytest.mark.parametrize(
    "size",
    [
        {"width": 1_024},
        {"width": 1_024, "depth": 16},
        {"frames_per_latent": 64, "latent_size": 1_024, "width": 1_024, "depth": 16},
    ],
    ids=repr,
)
def test_load_network_larger_than_its_file_is_refused_before_it_is_built(path, monkeypatch, size):
    """A network within the bounds can still take gigabytes: a file that cannot hold its weights must not ask for it."""

    def make(config, weights):
        pytest.fail(f"{config} was built")

    monkeypatch.setattr(model_file, "Network", make)
    edit_description(path, lambda data: data["model"].update(size))
    assert_load_refuses(path, "too few for the network")

"""A small trained model, its file, and ways to damage that file: for the tests of the model's file."""

import json
import time

import h5py
import numpy as np
import pytest

from speech_autoencoder.config import LossConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file, pca
from speech_autoencoder.model.keras_network import build, to_network
from speech_autoencoder.model.model_file import TrainedModel
from tests.helpers.common import TINY, TINY_MODEL, make_dataset, one_line_of, shake

GROUP = "speech_autoencoder"


def make_model():
    """Return a TrainedModel of random weights."""
    data = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5))
    network = build(TINY_MODEL)
    shake(network)
    baseline = pca.fit(data, np.arange(8), *TINY_MODEL.baseline_shape)
    description = {"history": {"validation_db": [3.5, 3.25]}, "data": {}}
    return TrainedModel(to_network(network, TINY_MODEL), TINY, LossConfig(), baseline, description)


def random_clips(n_frames=48):
    """Return random clips (2, n_mels, n_frames, 1) for the tiny model."""
    return np.random.default_rng(0).random((2, TINY.n_mels, n_frames, 1), np.float32)


def reconstruct_random(network):
    """Return what a network makes of random frames."""
    return network.decode(network.encode(random_clips()[0, ..., 0]))


def assert_load_refuses(path, *words):
    """Check that load refuses path quickly, in one line that names the file and holds these words."""
    started = time.process_time()  # not the wall clock: the machine may be busy
    with pytest.raises(InputError) as error:
        model_file.load(path)
    assert time.process_time() - started < 3
    text = one_line_of(error)
    assert path.name in text
    text = text.replace(str(path), "")  # whose folders have the test's name
    for word in words:
        assert word in text


def change_array(path, name, change):
    """Replace an array in our group of the file by what change makes of its values."""
    with h5py.File(path, "a") as file:
        values = change(file[f"{GROUP}/{name}"][()])
        del file[f"{GROUP}/{name}"]
        file[f"{GROUP}/{name}"] = values


def edit_description(path, change):
    """Replace the description in the file by what change makes of its dict, or by the bytes that change returns."""
    with h5py.File(path, "a") as file:
        data = json.loads(file[f"{GROUP}/description"][()].tobytes())
        changed = change(data)
        text = changed if isinstance(changed, bytes) else json.dumps(data).encode()
        del file[f"{GROUP}/description"]
        file.create_dataset(f"{GROUP}/description", data=np.frombuffer(text, np.uint8))


# Ways to replace an array by something that is not an array of the file's own


def soft_link(file, name, outside):
    file.copy(name, "elsewhere")
    del file[name]
    file[name] = h5py.SoftLink("/elsewhere")


def external_link(file, name, outside):
    with h5py.File(outside, "w") as other:
        file.copy(name, other, "values")
    del file[name]
    file[name] = h5py.ExternalLink(str(outside), "/values")


def virtual_dataset(file, name, outside):
    shape, dtype = file[name].shape, file[name].dtype
    with h5py.File(outside, "w") as other:
        file.copy(name, other, "values")
    del file[name]
    layout = h5py.VirtualLayout(shape, dtype)
    layout[...] = h5py.VirtualSource(str(outside), "values", shape)
    file.create_virtual_dataset(name, layout)


def external_storage(file, name, outside):
    values = file[name][()]
    outside.write_bytes(values.tobytes())
    del file[name]
    file.create_dataset(name, values.shape, values.dtype, external=[(str(outside), 0, values.nbytes)])


def group_instead(file, name, outside):
    del file[name]
    file.create_group(name)


def nothing(file, name, outside):
    del file[name]

"""Writing a model's file: Keras' HDF5, which Keras can open without this package, and our own group."""

import io
from pathlib import Path

import h5py
import numpy as np
from keras.src.legacy.saving.legacy_h5_format import save_model_to_hdf5  # Model.save() takes only a path

from speech_autoencoder.errors import InputError
from speech_autoencoder.model.keras_network import to_keras
from speech_autoencoder.model.model_file import TrainedModel, write_group
from speech_autoencoder.system.files import atomic_write, printable


def save(path: Path, model: TrainedModel) -> None:
    """Write a model's file (.h5), whole or not at all; `model_file.load` reads it.

    Raises
    ------
    InputError
        If the file cannot be written, or a weight is not finite: `load` would refuse it.
    """
    if not all(np.isfinite(weight).all() for weight in model.network.weights.values()):
        raise InputError(f"{printable(path)} was not written: the model's weights are not finite; train again.")
    # In memory first: on a full disk, HDF5 ends in errors of many kinds, or in a crash.
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        save_model_to_hdf5(to_keras(model.network), file, include_optimizer=False)
        write_group(file, model)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.getbuffer())

"""The model's file: HDF5 that Keras can open, and that we read as data only.

Keras' own loader rebuilds whatever network a file describes. Here the network is built from our own bounded
configuration, and every array is read by name, shape and type, so that nothing in a file can make code run.
"""

import hashlib
import io
import json
import math
import stat
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from speech_autoencoder import __version__
from speech_autoencoder.config import FeatureConfig, LossConfig, ModelConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.entropy_model import EntropyModel, expected_shapes
from speech_autoencoder.model.keras_network import to_keras
from speech_autoencoder.model.network import Network, shapes
from speech_autoencoder.model.pca import PCA
from speech_autoencoder.system.files import atomic_write, explain, printable

_FORMAT = "speech-autoencoder model 5"
_GROUP = "speech_autoencoder"
_CODEC = "codec"
# Some 120 bytes an epoch; of the worst JSON, as much takes a second and 100 MB.
_DESCRIPTION_LIMIT = 4 << 20
_MADE_BY = "autoencoder_for_many_data.py"


@dataclass(frozen=True)
class TrainedModel:
    """A network with its weights, and what it needs to be used: its features, loss and floor, and its story.

    description holds the training's configuration, history, validation and versions, as JSON's own types. entropy is
    there where the model was trained as a codec.
    """

    network: Network
    features: FeatureConfig
    loss: LossConfig
    baseline: PCA
    description: dict
    entropy: EntropyModel | None = None

    @property
    def config(self) -> ModelConfig:
        """The network's size."""
        return self.network.config

    @property
    def fingerprint(self) -> bytes:
        """Eight bytes that differ where anything differs that decoding depends on."""
        sizes = {"model": self.config.to_json(), "features": self.features.to_json()}
        digest = hashlib.sha256(json.dumps(sizes, sort_keys=True).encode("ascii"))
        names = [name for name in shapes(self.config) if name.startswith("decoder/")]
        arrays = [self.network.weights[name].astype("<f4") for name in names]
        if self.entropy:
            arrays += [getattr(self.entropy, field.name).astype("<i4") for field in fields(EntropyModel)]
        for array in arrays:
            digest.update(repr(array.shape).encode("ascii") + array.tobytes())
        return digest.digest()[:8]

    def require_entropy(self, name: str) -> EntropyModel:
        """The entropy model. Raises InputError where the model, read from the file of this name, has none."""
        if self.entropy is None:
            raise InputError(
                f"{name} was trained without an entropy model, which encoding to bytes needs: train one with "
                f"{_MADE_BY} --codec."
            )
        return self.entropy

    def require_features(self, features: FeatureConfig, array_name: str, made_by: str) -> None:
        """Nothing. Raises InputError when features are not those that the model was trained on."""
        if features == self.features:
            return
        wanted, received = self.features.to_json(), features.to_json()
        first = next(key for key in wanted if wanted[key] != received[key])
        # The same preset at another rate: what chose it was the training recordings' rate, and so it must again.
        how = f" --preset {self.features.preset}" if first == "preset" else " with the training's array in place"
        raise InputError(
            f"{array_name} was made with {first} {received[first]}, this model takes {first} {wanted[first]} "
            f"(preset {self.features.preset}): run {made_by}{how}, or train again."
        )


def save(path: Path, model: TrainedModel) -> None:
    """Nothing; path holds the model, whole or not at all. The suffix must be .h5.

    Raises InputError where path cannot be written, or a weight is no number: `load` would refuse it.
    """
    import h5py
    from keras.src.legacy.saving.legacy_h5_format import save_model_to_hdf5  # network.save() takes nothing but a path

    if not all(np.isfinite(weight).all() for weight in model.network.weights.values()):
        raise InputError(f"{printable(path)} was not written: the model's weights are not finite; train again.")
    text = json.dumps(
        {
            "format": _FORMAT,
            "version": __version__,
            "model": model.config.to_json(),
            "features": model.features.to_json(),
            "loss": model.loss.to_json(),
            **model.description,
        }
    )
    # In memory first: where the disk is full, HDF5 ends in errors of many kinds, or in a crash.
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        save_model_to_hdf5(to_keras(model.network), file, include_optimizer=False)
        group = file.create_group(_GROUP)
        group.create_dataset("description", data=np.frombuffer(text.encode("ascii"), np.uint8))
        for name in ("encode", "decode", "offset"):
            group.create_dataset(f"floor_{name}", data=getattr(model.baseline, name))
        if model.entropy:
            for field in fields(EntropyModel):
                group.create_dataset(f"{_CODEC}/{field.name}", data=getattr(model.entropy, field.name), dtype="<i4")
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def load(path: Path) -> TrainedModel:
    """The model in path.

    Raises InputError when it is missing, damaged, of another kind, or holds links out of the file.
    """
    import h5py

    name = printable(path)
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):  # a pipe would block
            raise InputError(f"{name} is not a regular file: name one that {_MADE_BY} has made.")
        with path.open("rb") as file:
            head = file.read(8)
        size = status.st_size
    except FileNotFoundError:
        raise InputError(f"{name} is missing: run {_MADE_BY} first.") from None
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    if head != b"\x89HDF\r\n\x1a\n":
        raise InputError(f"{name} is no HDF5 file: run {_MADE_BY} to make a model.")
    try:
        with h5py.File(path, "r") as file:
            return _read(file, size)
    except InputError as error:
        raise InputError(f"{name}: {str(error)[:500]}") from error
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, RecursionError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"{name} is damaged ({reason}): run {_MADE_BY} again.") from error


def _read(file, size):
    """The model in an open HDF5 file of size bytes."""
    description = _dataset(file, f"{_GROUP}/description")
    if description.dtype != np.uint8 or description.ndim != 1 or description.size > min(_DESCRIPTION_LIMIT, size):
        raise InputError("its description is not the text that it should be.")
    data = json.loads(description[()].tobytes())
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise InputError(f"it is not of the format {_FORMAT!r}: run {_MADE_BY} again.")
    config, features = (
        ModelConfig.from_json(data.pop("model", None)),
        FeatureConfig.from_json(data.pop("features", None)),
    )
    loss = LossConfig.from_json(data.pop("loss", None))
    if config.n_mels != features.n_mels:
        raise InputError(f"its model takes {config.n_mels} mel bands, its features have {features.n_mels}.")
    floor_frames, floor_size = config.baseline_shape
    n_values = floor_frames * config.n_mels
    # Before any memory is taken for it: the file must be able to hold what its configuration asks for.
    wanted = shapes(config)
    if 4 * (sum(map(math.prod, wanted.values())) + 2 * floor_size * n_values) > size:
        raise InputError(f"it has {size:,} bytes, too few for the network that it describes: it was cut short.")
    floor = PCA(
        floor_frames,
        _array(file, f"{_GROUP}/floor_encode", (n_values, floor_size)),
        _array(file, f"{_GROUP}/floor_decode", (floor_size, n_values)),
        _array(file, f"{_GROUP}/floor_offset", (n_values,)),
    )
    has_entropy = file[_GROUP].get(_CODEC, getlink=True) is not None
    entropy = _read_entropy(file, size, config) if has_entropy else None
    weights = {name: _array(file, f"model_weights/{name}", shape) for name, shape in wanted.items()}
    return TrainedModel(Network(config, weights), features, loss, floor, data, entropy)


def _read_entropy(file, size, config):
    """The entropy model in an open HDF5 file of size bytes."""
    shapes = {name: _dataset(file, f"{_GROUP}/{_CODEC}/{name}").shape for name in ("steps", "groups", "hidden_kernel")}
    if [len(shape) for shape in shapes.values()] != [2, 1, 2]:
        raise InputError(f"its entropy model's arrays have the wrong dimensions: run {_MADE_BY} --codec again.")
    n_qualities, n_channels = shapes["steps"]
    if n_channels != config.latent_size:
        raise InputError(
            f"its entropy model is for {n_channels} numbers a latent, its network has {config.latent_size}."
        )
    shapes = expected_shapes(n_qualities, n_channels, shapes["groups"][0] - 1, shapes["hidden_kernel"][1])
    # Before any memory is taken for them, as for the network.
    if 4 * sum(map(math.prod, shapes.values())) > size:
        raise InputError(f"it has {size:,} bytes, too few for its entropy model: it was cut short.")
    return EntropyModel(
        **{name: _values(file, f"{_GROUP}/{_CODEC}/{name}", shape, np.int32) for name, shape in shapes.items()}
    )


def _dataset(file, name):
    """The dataset at name, reached by hard links alone, its values inside this very file."""
    import h5py

    node = file
    for part in name.split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise InputError(f"it has no array {name} of its own: it is damaged, or no model of this project.")
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.external or node.is_virtual:
        raise InputError(f"its {name} is not an array of its own: it is damaged, or no model of this project.")
    return node


def _array(file, name, shape):
    """The float32 array of this very shape at name, finite."""
    values = _values(file, name, shape, np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"its {name} holds values that are not finite: train again.")
    return values


def _values(file, name, shape, dtype):
    """The array of this very shape and type at name."""
    dataset = _dataset(file, name)
    if dataset.shape != shape or dataset.dtype != dtype:
        raise InputError(f"its {name} is {dataset.shape} {dataset.dtype}, expected {shape} {np.dtype(dtype)}.")
    return dataset[()]

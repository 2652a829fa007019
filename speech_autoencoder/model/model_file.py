"""A trained model and its file: HDF5 that Keras can open, and that is read here as data only.

Keras' own loader rebuilds whatever network a file describes. Here the network is built from our own bounded
configuration, and every array is read by name, shape and type, so that nothing in a file can make code run.

The weights are in the groups that Keras writes, see training/saving.py; everything else is in a group of our own:
`description` (JSON), the PCA baseline, and, of a codec, the arrays of its entropy model and of its enhancement layer.
The model that comes with the package, `pretrained.PATH`, is such a file whose floats are halves, compressed
(tools/ship_model.py).
"""

import hashlib
import json
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from speech_autoencoder import __version__
from speech_autoencoder.config import FeatureConfig, LossConfig, ModelConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import pretrained
from speech_autoencoder.model.architecture import Shape, shapes
from speech_autoencoder.model.enhancement import LEAST_WEIGHT, MOST_QUALITIES, Enhancement
from speech_autoencoder.model.enhancement import expected_shapes as enhancement_shapes
from speech_autoencoder.model.entropy_model import EntropyModel, expected_shapes
from speech_autoencoder.model.network import Network
from speech_autoencoder.model.pca import PCA
from speech_autoencoder.script_names import TRAINER
from speech_autoencoder.storage.copies import local
from speech_autoencoder.system.files import explain, is_regular, printable, require_content

_FORMAT = "speech-autoencoder model 6"
_FORMAT_5 = "speech-autoencoder model 5"
_GROUP = "speech_autoencoder"
_CODEC, _ENHANCEMENT = "codec", "enhancement"
# Of the arrays that are not integers.
_ENHANCEMENT_DTYPES = {"basis": "<f4"}
# The arrays of the PCA baseline: attributes of PCA.
_BASELINE_ARRAYS = ("encode", "decode", "offset")
# A history takes about 120 bytes an epoch; the worst JSON of this size takes a second and 100 MB to parse.
_DESCRIPTION_LIMIT = 4 << 20
# The licence of a model whose file names none; characters of one that it names.
UNKNOWN = "unknown"
_MOST_OF_A_LICENCE = 80
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FINGERPRINT_BYTES = 8
# Compressed arrays may be this much larger than their values, in bytes, where those cannot be compressed.
_MOST_OVERHEAD = 4_096


@dataclass(frozen=True)
class TrainedModel:
    """A network with its weights, and everything that is needed to use it.

    Attributes
    ----------
    network : Network
        The trained network.
    features : FeatureConfig
        The features that it was trained on.
    loss : LossConfig
        The weights of its training loss.
    baseline : PCA
        The PCA baseline of the same latent rate, fitted on the same recordings.
    description : dict
        The configuration, history and validation of its training and the versions used, as JSON's own types.
    entropy : EntropyModel or None
        For coding latents, where the model was trained as a codec.
    enhancement : Enhancement or None
        For coding what latents leave out, where the model was trained as a codec by a version that has it.
    """

    network: Network
    features: FeatureConfig
    loss: LossConfig
    baseline: PCA
    description: dict[str, Any]
    entropy: EntropyModel | None = None
    enhancement: Enhancement | None = None

    @property
    def config(self) -> ModelConfig:
        """The sizes of the network."""
        return self.network.config

    @property
    def latent_rate(self) -> float:
        """Values per second of the latent."""
        return self.config.latent_rate(self.features)

    @property
    def licence(self) -> str:
        """The identifier of its licence, see `licence_of`."""
        return licence_of(self.description)

    @property
    def n_base(self) -> int:
        """The count of the codec's quality steps at which latents are all that is coded, the coarsest ones."""
        layer, entropy = self.enhancement, self.entropy
        return layer.n_base if layer else entropy.n_qualities if entropy else 0

    @property
    def n_qualities(self) -> int:
        """The count of the codec's quality steps."""
        return self.n_base + (self.enhancement.n_steps if self.enhancement else 0)

    @property
    def fingerprint(self) -> bytes:
        """Eight bytes that change with everything that decoding depends on."""
        sizes = {"model": _historical_names(self.config), "features": self.features.to_json()}
        if self.enhancement:
            sizes["weights of the enhancement layer"] = {"exponent": self.loss.exponent, "least": LEAST_WEIGHT}
        digest = hashlib.sha256(json.dumps(sizes, sort_keys=True).encode("ascii"))
        names = [name for name in shapes(self.config) if name.startswith("decoder/")]
        arrays = [self.network.weights[name].astype("<f4") for name in names]
        if self.entropy:
            arrays += [array.astype("<i4") for array in self.entropy.arrays().values()]
        if self.enhancement:
            for name, array in self.enhancement.arrays().items():
                arrays.append(array.astype(_ENHANCEMENT_DTYPES.get(name, "<i4")))
        for array in arrays:
            digest.update(repr(array.shape).encode("ascii") + array.tobytes())
        return digest.digest()[:_FINGERPRINT_BYTES]

    def require_entropy(self, name: str) -> EntropyModel:
        """Return the entropy model.

        Raises
        ------
        InputError
            If there is none; the message calls the model's file by the given name.
        """
        if self.entropy is None:
            raise InputError(
                f"{name} has no entropy model, which .sae files need: train a model with {TRAINER} --codec."
            )
        return self.entropy

    def require_features(self, features: FeatureConfig, array_name: str, made_by: str) -> None:
        """Raise InputError if the features of an array are not those that the model was trained on.

        The message names the array's file, and the script `made_by` which makes it.
        """
        if features == self.features:
            return
        wanted, received = self.features.to_json(), features.to_json()
        first = next(key for key in wanted if wanted[key] != received[key])
        # The same preset at another rate: the training recordings determined the rate, and must do so again.
        preset = self.features.preset
        if first == "preset":
            where, how = "", f" --preset {preset}"
        else:
            where, how = f" (preset {preset})", " with the training's array in place"
        raise InputError(
            f"{array_name} was made with {first} {received[first]}, but this model takes {first} "
            f"{wanted[first]}{where}: run {made_by}{how}, or train again."
        )


def licence_of(description: dict[str, Any]) -> str:
    """Return the identifier of a licence, such as cc-by-sa-3.0, as far as a model's description has one, or UNKNOWN."""
    source = description.get("source")
    return str(source.get("licence", UNKNOWN))[:_MOST_OF_A_LICENCE] if isinstance(source, dict) else UNKNOWN


def _historical_names(config: ModelConfig) -> dict[str, Any]:
    """Return a configuration in the words of format 5, which fingerprints are made of."""
    data = config.to_json()
    stem_frames = data.pop("stem_frames")
    if not config.between:
        del data["between"]
    return data | {"finest": stem_frames, "network": "residual"}


def write_group(file: h5py.File, model: TrainedModel) -> None:
    """Write everything of a model but its weights, which Keras writes, into an open HDF5 file."""
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
    group = file.create_group(_GROUP)
    group.create_dataset("description", data=np.frombuffer(text.encode("ascii"), np.uint8))
    for name in _BASELINE_ARRAYS:
        group.create_dataset(f"baseline_{name}", data=getattr(model.baseline, name))
    if model.entropy:
        for name, array in model.entropy.arrays().items():
            group.create_dataset(f"{_CODEC}/{name}", data=array, dtype="<i4")
    if model.enhancement:
        for name, array in model.enhancement.arrays().items():
            group.create_dataset(f"{_ENHANCEMENT}/{name}", data=array, dtype=_ENHANCEMENT_DTYPES.get(name, "<i4"))


def load(path: Path, *, option: str = "--model") -> TrainedModel:
    """Read a model's file, of this format or of format 5; `pretrained` stands for the one that comes with the package.

    Messages call the option that names the path `option`.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind, or holds links out of the file.
    """
    name = printable(path)
    try:
        path = local(pretrained.resolve(path))
        status = path.stat()
        if not (is_regular(status) or path.is_dir()):  # opening a folder fails with a clear reason
            raise InputError(f"{name} is not a regular file: name one that {TRAINER} has made.")
        with path.open("rb") as file:
            head = file.read(len(_HDF5_SIGNATURE))
        size = status.st_size
    except FileNotFoundError:
        raise InputError(
            f"{name} is missing: run {TRAINER} first, or use the model that comes with this program ({option} "
            f"{pretrained.NAME}; it makes no .sae files)."
        ) from None
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    require_content(path)
    if head != _HDF5_SIGNATURE:
        raise InputError(f"{name} is not an HDF5 file: run {TRAINER} to make a model.")
    try:
        with h5py.File(path, "r") as file:
            return _read(file, size)
    except InputError as error:
        raise InputError(f"{name}: {str(error)[:500]}") from error
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, RecursionError, zlib.error) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"{name} is damaged ({reason}): run {TRAINER} again.") from error


def _read(file: h5py.File, size: int) -> TrainedModel:
    """Return the model in an open file of size bytes."""
    data, baseline_prefix = _read_description(file, size)
    config = ModelConfig.from_json(data.pop("model", None))
    features = FeatureConfig.from_json(data.pop("features", None))
    loss = LossConfig.from_json(data.pop("loss", None))
    if config.n_mels != features.n_mels:
        raise InputError(f"its model takes {config.n_mels} mel bands, its features have {features.n_mels}.")
    frames, latent_size = config.baseline_shape
    n_values = frames * config.n_mels
    # Before any memory is allocated: the file must be large enough for what its configuration asks for.
    weight_shapes = shapes(config)
    # Halves that are compressed take more than one byte each.
    if sum(map(math.prod, weight_shapes.values())) + 2 * latent_size * n_values > size:
        raise InputError(f"it has {size:,} bytes, too few for the network that it describes: it was cut short.")
    baseline_shapes = dict(
        zip(_BASELINE_ARRAYS, ((n_values, latent_size), (latent_size, n_values), (n_values,)), strict=True)
    )
    baseline = PCA(
        frames,
        **{
            name: _finite_array(file, f"{_GROUP}/{baseline_prefix}_{name}", shape)
            for name, shape in baseline_shapes.items()
        },
    )
    has_entropy = file[_GROUP].get(_CODEC, getlink=True) is not None
    if has_entropy and config.between:
        raise InputError("it is a codec with frames between others, which this version does not have: train again.")
    entropy = _read_entropy(file, size, config) if has_entropy else None
    has_enhancement = entropy and file[_GROUP].get(_ENHANCEMENT, getlink=True) is not None
    enhancement = _read_enhancement(file, size, config, entropy.n_qualities) if entropy and has_enhancement else None
    weights = {name: _finite_array(file, f"model_weights/{name}", shape) for name, shape in weight_shapes.items()}
    return TrainedModel(Network(config, weights), features, loss, baseline, data, entropy, enhancement)


def _read_description(file: h5py.File, size: int) -> tuple[dict[str, Any], str]:
    """Return the JSON of an open file, in the words of this format, and the prefix of its baseline's arrays."""
    dataset = _dataset(file, f"{_GROUP}/description")
    if dataset.dtype != np.uint8 or dataset.ndim != 1 or dataset.size > min(_DESCRIPTION_LIMIT, size):
        raise InputError("its description is not text of an acceptable length.")
    data = json.loads(_values(dataset).tobytes())
    received = data.get("format") if isinstance(data, dict) else None
    if received == _FORMAT_5:
        return _upgrade_from_5(data), "floor"
    if received != _FORMAT:
        raise InputError(f"it is not of the format {_FORMAT!r}: run {TRAINER} again.")
    return data, "baseline"


def _upgrade_from_5(data: dict[str, Any]) -> dict[str, Any]:
    """Return a description of format 5 in the words of format 6."""
    renamed = {"finest": "stem_frames", "floor_db": "baseline_db", "floor_loss": "baseline_loss"}
    for part in ("model", "validation"):
        if isinstance(data.get(part), dict):
            data[part] = {renamed.get(key, key): value for key, value in data[part].items()}
    if isinstance(data.get("model"), dict) and (network := data["model"].pop("network", None)) != "residual":
        raise InputError(f"its network is {str(network)[:80]!r}, which this version does not have: train again.")
    return data | {"format": _FORMAT}


def _read_entropy(file: h5py.File, size: int, config: ModelConfig) -> EntropyModel:
    """Return the entropy model in an open file of size bytes."""
    group = f"{_GROUP}/{_CODEC}"
    steps, groups, hidden = (_dataset(file, f"{group}/{name}").shape for name in ("steps", "groups", "hidden_kernel"))
    if [len(shape) for shape in (steps, groups, hidden)] != [2, 1, 2]:
        raise InputError(f"its entropy model's arrays have the wrong dimensions: run {TRAINER} --codec again.")
    n_qualities, n_channels = steps
    if n_channels != config.latent_size:
        raise InputError(
            f"its entropy model is for latents of {n_channels} values, its network's have {config.latent_size}."
        )
    entropy_shapes = expected_shapes(n_qualities, n_channels, groups[0] - 1, hidden[1])
    # Before any memory is allocated, as for the network.
    if 4 * sum(map(math.prod, entropy_shapes.values())) > size:
        raise InputError(f"it has {size:,} bytes, too few for its entropy model: it was cut short.")
    return EntropyModel(
        **{name: _array(file, f"{group}/{name}", shape, (np.int32,)) for name, shape in entropy_shapes.items()}
    )


def _read_enhancement(file: h5py.File, size: int, config: ModelConfig, n_qualities: int) -> Enhancement:
    """Return the enhancement layer in an open file of size bytes, of a model with n_qualities steps of its latents."""
    group = f"{_GROUP}/{_ENHANCEMENT}"
    basis, log_steps = (_dataset(file, f"{group}/{name}").shape for name in ("basis", "log_steps"))
    n_values = config.frames_per_latent * config.n_mels
    if len(basis) != 2 or len(log_steps) != 1 or not 1 <= basis[0] <= n_values:
        raise InputError(f"its enhancement layer's arrays have the wrong dimensions: run {TRAINER} --codec again.")
    wanted = enhancement_shapes(basis[0], n_values, config.latent_size, log_steps[0])
    if 4 * sum(map(math.prod, wanted.values())) > size:
        raise InputError(f"it has {size:,} bytes, too few for its enhancement layer: it was cut short.")
    layer = Enhancement(
        **{
            name: _array(file, f"{group}/{name}", shape, (np.float32 if name == "basis" else np.int32,))
            for name, shape in wanted.items()
        }
    )
    if not 1 <= layer.n_base <= n_qualities:
        raise InputError(f"its enhancement layer lies on quality step {layer.n_base - 1}, which it does not have.")
    if layer.n_base + layer.n_steps > MOST_QUALITIES:
        raise InputError(f"it has more than {MOST_QUALITIES} quality steps: run {TRAINER} --codec again.")
    return layer


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Return the dataset of a name, reached only by hard links, with its values inside this file."""
    node = file
    for part in name.split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise InputError(f"it has no array {name} of its own: it is damaged, or not a model of this project.")
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.external or node.is_virtual:
        raise InputError(f"its {name} is not an array of its own: it is damaged, or not a model of this project.")
    return node


def _finite_array(file: h5py.File, name: str, shape: Shape) -> np.ndarray:
    """Return the array of floats of a name and shape, all of whose values are finite, as float32."""
    values = _array(file, name, shape, (np.float32, np.float16))
    if not np.isfinite(values).all():
        raise InputError(f"its {name} holds values that are not finite: train again.")
    return values.astype(np.float32, copy=False)


def _array(file: h5py.File, name: str, shape: Shape, dtypes: tuple[type, ...]) -> np.ndarray:
    """Return the array of a name, shape and one of some types."""
    dataset = _dataset(file, name)
    if dataset.shape != shape or dataset.dtype not in dtypes:
        raise InputError(f"its {name} is {dataset.shape} {dataset.dtype}, expected {shape} {np.dtype(dtypes[0])}.")
    return _values(dataset)


def _values(dataset: h5py.Dataset) -> np.ndarray:
    """Return the values of a dataset, which are plain, or compressed as one block: all first bytes, then all second ...

    HDF5's own inflation knows no limit: 3 MB of an array of ten numbers could fill 3 GB of memory.
    """
    if dataset.chunks is None:
        return dataset[()]
    filters = dataset.id.get_create_plist()
    kinds = [filters.get_filter(i)[0] for i in range(filters.get_nfilters())]
    stored = dataset.id.get_storage_size()
    if kinds != [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE] or dataset.chunks != dataset.shape:
        raise InputError(f"its {dataset.name} is compressed in a way that is not read here: train again.")
    if not 0 < stored <= dataset.nbytes + _MOST_OVERHEAD:
        raise InputError(f"its {dataset.name} takes {stored:,} bytes for {dataset.nbytes:,}: it is damaged.")
    skipped, block = dataset.id.read_direct_chunk((0,) * dataset.ndim)
    content = b"" if skipped else zlib.decompressobj().decompress(block, dataset.nbytes + 1)
    if len(content) != dataset.nbytes:
        raise InputError(f"its {dataset.name} does not hold what it should: it is damaged.")
    values = np.frombuffer(content, np.uint8).reshape(dataset.dtype.itemsize, -1).T
    return np.ascontiguousarray(values).view(dataset.dtype).reshape(dataset.shape)

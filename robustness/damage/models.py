"""Damage to models (.h5)."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from robustness.damage.arrays import EGG
from robustness.damage.bytes import choose, damage_bytes
from robustness.damage.json import BOMBS, damage_json

_DESCRIPTION = "speech_autoencoder/description"


def damage_model_bytes(path: Path, rng: np.random.Generator) -> None:
    """Change any bytes of the model."""
    path.write_bytes(damage_bytes(path.read_bytes(), rng, path.with_suffix(".npy").read_bytes()))


def truncate_model(path: Path, rng: np.random.Generator) -> None:
    """Keep the first 0 to 99 % of the model."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * int(rng.integers(100)) // 100])


def damage_model_structure(path: Path, rng: np.random.Generator) -> None:
    """Turn arrays into links, or give them other shapes, types and values; some declare gigabytes."""
    with h5py.File(path, "a") as file:
        names: list[str] = []
        file.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
        for name in rng.choice(names, int(rng.integers(1, 3)), replace=False):
            _replace_array(file, str(name), path.with_name("other.h5"), rng)
        if rng.random() < 0.2:
            groups = ["model_weights", "speech_autoencoder", "model_weights/encoder", "model_weights/decoder"]
            group = choose(rng, groups)
            if group in file:
                file.move(group, "elsewhere")
                links = [h5py.SoftLink("/elsewhere"), h5py.ExternalLink("other.h5", "/"), np.zeros(3)]
                file[group] = choose(rng, links)
        if rng.random() < 0.2:
            file.attrs["model_config"] = '{"class_name": "Lambda", "config": {"function": "os.mkdir"}}'


def _replace_array(file: h5py.File, name: str, other: Path, rng: np.random.Generator) -> None:
    """Replace the array of this name by a link, an external or virtual array, or one with other contents."""
    if name not in file:
        return
    values, shape = file[name][()], file[name].shape
    del file[name]
    how = int(rng.integers(11))
    if how == 0:
        file[name] = h5py.SoftLink(choose(rng, ["/", "/nowhere", f"/{name}", "/model_weights"]))
    elif how == 1:
        file[name] = h5py.ExternalLink(choose(rng, [str(other), "/etc/passwd", "/dev/zero", "model.h5"]), "/values")
    elif how == 2:
        layout = h5py.VirtualLayout(shape, values.dtype)
        layout[...] = h5py.VirtualSource(str(other), "values", shape)
        file.create_virtual_dataset(name, layout)
    elif how == 3:
        place = choose(rng, [str(other), "/etc/passwd", "/dev/zero"])
        file.create_dataset(name, shape, values.dtype, external=[(place, 0, max(1, values.nbytes))])
    elif how == 4:
        huge = tuple(1 << int(rng.integers(10, 40)) for _ in range(max(1, values.ndim)))
        file.create_dataset(name, huge, values.dtype, chunks=(16,) * max(1, values.ndim))
    elif how == 5:
        file.create_dataset(name, shape, values.dtype, chunks=tuple(max(1, n) for n in shape), compression="gzip")
    elif how == 6:
        dtype: Any = choose(rng, [np.float64, ">f4", np.float16, np.int64, np.uint8, bool, complex])
        file[name] = values.astype(dtype)
    elif how == 7 and values.dtype.kind == "f":
        values.flat[rng.integers(values.size)] = choose(rng, [np.nan, np.inf, -np.inf, 1e38])
        file[name] = values
    elif how == 8:
        shorter = values[:-1] if values.ndim else values
        file[name] = choose(rng, [values[None], shorter, values.ravel(), np.zeros(0, "f4")])
    elif how == 9:
        file.create_dataset(name, data=["text"] * 3, dtype=h5py.string_dtype())
    elif how == 10:
        file.create_group(name)


def damage_model_description(path: Path, rng: np.random.Generator) -> None:
    """Ask for a network that does not exist, or write a configuration that is not valid."""
    json_path = path.with_name("description.json")
    with h5py.File(path, "a") as file:
        json_path.write_bytes(file[_DESCRIPTION][()].tobytes())
        if rng.random() < 0.1:
            json_path.write_text(choose(rng, BOMBS), encoding="utf-8")
        elif rng.random() < 0.1:
            json_path.write_bytes(damage_bytes(json_path.read_bytes(), rng, b"[]" * 100))
        else:
            damage_json(json_path, rng, ("model", "features", "loss", None))
        del file[_DESCRIPTION]
        file.create_dataset(_DESCRIPTION, data=np.frombuffer(json_path.read_bytes(), np.uint8))
    json_path.unlink()


def write_keras_model(path: Path, rng: np.random.Generator) -> None:
    """Write a model of another program: one of Keras with a Lambda that makes a folder when it is rebuilt or called."""
    # Here, as this is the only kind of damage that needs Keras.
    import keras

    egg = path.with_name(EGG)

    def lay(x: Any) -> Any:
        egg.mkdir(exist_ok=True)
        return x

    inputs = keras.Input((4,))
    outputs = keras.layers.Lambda(lay, output_shape=(4,))(keras.layers.Dense(int(rng.integers(1, 9)))(inputs))
    keras.Model(inputs, outputs).save(path)
    if egg.exists():
        egg.rmdir()

"""Damage to models: each function is given the model's path and a random generator."""

import numpy as np

from robustness.mutants import damaged, one
from robustness.mutants_array import EGG
from robustness.mutants_json import BOMBS, damage_json

_DESCRIPTION = "speech_autoencoder/description"


def model_bytes(path, rng):
    """Any bytes are others."""
    path.write_bytes(damaged(path.read_bytes(), rng, path.with_suffix(".npy").read_bytes()))


def model_cut(path, rng):
    """The end is missing, from some per cent on."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * int(rng.integers(100)) // 100])


def model_structure(path, rng):
    """Arrays are links, elsewhere, of other shapes, types and values; some declare gigabytes."""
    import h5py

    with h5py.File(path, "a") as file:
        names = []
        file.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
        for name in rng.choice(names, int(rng.integers(1, 3)), replace=False):
            _replace(file, str(name), path.with_name("other.h5"), rng)
        if rng.random() < 0.2:
            group = one(rng, ["model_weights", "speech_autoencoder", "model_weights/encoder", "model_weights/decoder"])
            if group in file:
                file.move(group, "elsewhere")
                file[group] = one(rng, [h5py.SoftLink("/elsewhere"), h5py.ExternalLink("other.h5", "/"), np.zeros(3)])
        if rng.random() < 0.2:
            file.attrs["model_config"] = '{"class_name": "Lambda", "config": {"function": "os.mkdir"}}'


def _replace(file, name, other, rng):
    """Nothing; the dataset of this name is something else."""
    import h5py

    if name not in file:
        return
    values, shape = file[name][()], file[name].shape
    del file[name]
    how = int(rng.integers(11))
    if how == 0:
        file[name] = h5py.SoftLink(one(rng, ["/", "/nowhere", f"/{name}", "/model_weights"]))
    elif how == 1:
        file[name] = h5py.ExternalLink(one(rng, [str(other), "/etc/passwd", "/dev/zero", "model.h5"]), "/values")
    elif how == 2:
        layout = h5py.VirtualLayout(shape, values.dtype)
        layout[...] = h5py.VirtualSource(str(other), "values", shape)
        file.create_virtual_dataset(name, layout)
    elif how == 3:
        place = one(rng, [str(other), "/etc/passwd", "/dev/zero"])
        file.create_dataset(name, shape, values.dtype, external=[(place, 0, max(1, values.nbytes))])
    elif how == 4:
        huge = tuple(1 << int(rng.integers(10, 40)) for _ in range(max(1, values.ndim)))
        file.create_dataset(name, huge, values.dtype, chunks=(16,) * max(1, values.ndim))
    elif how == 5:
        file.create_dataset(name, shape, values.dtype, chunks=tuple(max(1, n) for n in shape), compression="gzip")
    elif how == 6:
        dtype = one(rng, [np.float64, ">f4", np.float16, np.int64, np.uint8, bool, complex])
        file[name] = values.astype(dtype)
    elif how == 7 and values.dtype.kind == "f":
        values.flat[rng.integers(values.size)] = one(rng, [np.nan, np.inf, -np.inf, 1e38])
        file[name] = values
    elif how == 8:
        file[name] = one(rng, [values[None], values[:-1] if values.ndim else values, values.ravel(), np.zeros(0, "f4")])
    elif how == 9:
        file.create_dataset(name, data=["text"] * 3, dtype=h5py.string_dtype())
    elif how == 10:
        file.create_group(name)


def model_description(path, rng):
    """The configuration asks for networks that there are not, or is none."""
    import h5py

    beside = path.with_name("description.json")
    with h5py.File(path, "a") as file:
        beside.write_bytes(file[_DESCRIPTION][()].tobytes())
        if rng.random() < 0.1:
            beside.write_text(one(rng, BOMBS), encoding="utf-8")
        elif rng.random() < 0.1:
            beside.write_bytes(damaged(beside.read_bytes(), rng, b"[]" * 100))
        else:
            damage_json(beside, rng, ("model", "features", "loss", None))
        del file[_DESCRIPTION]
        file.create_dataset(_DESCRIPTION, data=np.frombuffer(beside.read_bytes(), np.uint8))
    beside.unlink()


def model_of_keras(path, rng):
    """Another program's model: Keras' own, with a Lambda that writes a file when it is rebuilt or called."""
    import keras

    egg = path.with_name(EGG)

    def lay(x):
        egg.mkdir(exist_ok=True)
        return x

    inputs = keras.Input((4,))
    outputs = keras.layers.Lambda(lay, output_shape=(4,))(keras.layers.Dense(int(rng.integers(1, 9)))(inputs))
    keras.Model(inputs, outputs).save(path)
    if egg.exists():
        egg.rmdir()

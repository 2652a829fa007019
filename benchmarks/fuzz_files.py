"""Damaged and hostile arrays, sidecars, models and codec files, read as the scripts read them.

python -m benchmarks.fuzz_files --files 20000

Each must be read, or be refused in one line, in five seconds and a gigabyte, with no code run and no file touched.
The model that is damaged is a small codec, trained for an epoch on a few of the project's recordings.
"""

import argparse
import json
import os
import pickle
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.mutants import damaged
from benchmarks.watched import Outcome, table, tell, watch
from speech_autoencoder import container, dataset
from speech_autoencoder.files import read_json

SPEECHDATA = Path(__file__).parent.parent / "speechdata" / "training"
_MADE_BY = "train_data_generator.py"
_EGG = "egg"
_GROUP = "speech_autoencoder"
# Values that no field expects.
_HOSTILE = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, 10**400, 0.5, -0.0, float("nan"), float("inf"), 1e308),
    *("", "1", "x" * 100_000, "\ud800", "a\0b", "../../../etc/passwd", "<b>", "\n", [], {}, [[]], [0] * 1_000),
    *({"a": {"b": []}}, ["x"], [None], [1.5], [-1], [10**30]),
)
_BOMBS = (
    *("[" * 1_000_000, '{"a":' * 200_000, "9" * 1_000_000, "-" * 1_000, "1e999", '"' + "a" * 8_000_000 + '"', "{}"),
    *("[" + "[]," * 4_000_000 + "[]]", "{" + '"a":1,' * 500_000 + '"a":1}', "\ufeff{}", "null", "[]", "\0" * 1_000, ""),
)
_DTYPES = (
    *(
        "<f4",
        ">f4",
        "<f8",
        ">f8",
        "<f2",
        "<i4",
        "|u1",
        "|b1",
        "|O",
        "<U4",
        "|S8",
        "|V8",
        "<c8",
        "<M8[s]",
        "<m8[9s]",
        "f",
    ),
    *(
        [("a", "<f4")],
        [("a", "<f4", (1 << 30,))],
        "<f4,<f4",
        "nonsense",
        "",
        None,
        4,
        {"names": ["a"], "formats": ["O"]},
    ),
)
_SHAPES = (
    *((), (0,), (0, 128, 48, 1), (-1, 128, 48, 1), (1 << 62, 128, 48, 1), (1 << 31, 1 << 31, 1 << 31, 1), (1,) * 65, 5),
    *(
        (1.5, 2, 3, 1),
        ("1", 2, 3, 1),
        [1, 2, 3, 1],
        None,
        (True, 1, 1, 1),
        (1, (2,), 3, 1),
        (10**30, 1, 1, 1),
        (1, 1, 1, 1),
    ),
)


class Originals(NamedTuple):
    """The files that are damaged: an array beside its sidecar, a model that is a codec, a file encoded with it."""

    array: Path
    model: Path
    encoded: Path


class Egg:
    """What writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


# ---- what is done to each kind of file: (folder with a copy of the originals, its name in it, rng) -> nothing


def array_bytes(path, rng):
    """Any bytes are others."""
    path.write_bytes(damaged(path.read_bytes(), rng, path.with_suffix(".h5").read_bytes()))


def array_header(path, rng):
    """The header tells of what is not there, or is none."""
    shape = np.load(path, mmap_mode="r").shape
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    for _ in range(int(rng.integers(1, 3))):
        key = str(rng.choice(["descr", "fortran_order", "shape", "more"]))
        header[key] = _one(rng, {"descr": _DTYPES, "shape": _SHAPES}.get(key, (True, 0, "x", None)))
    text = [
        repr(header),
        "(" * 5_000,
        "{" + "'a':" * 3_000,
        "9**9**9",
        "__import__('os').mkdir('egg')",
        repr(header)[:-3],
    ]
    text = text[0] if rng.random() < 0.8 else _one(rng, text)
    content = text.encode().ljust(118) + b"\n"
    length = len(content) if rng.random() < 0.8 else int(rng.integers(1 << 16))
    version, size = _one(rng, [(b"\1\0", 2), (b"\2\0", 4), (b"\3\0", 4), (b"\x09\x09", 2)])
    data = path.read_bytes()[128:]
    path.write_bytes(b"\x93NUMPY" + version + length.to_bytes(size, "little") + content + data)


def array_values(path, rng):
    """An array that numpy reads, but of another type, order or shape, or with values that are none."""
    clips = np.load(path).copy()
    bad = _one(rng, [np.nan, np.inf, -np.inf, -1e-3, 1.001, 1e30, -0.0])
    spoiled = clips.copy()
    spoiled.flat[rng.integers(clips.size, size=int(rng.integers(1, 9)))] = bad
    made = [
        *(spoiled, clips.astype(">f4"), clips.astype(np.float64), clips.astype(np.float16), np.asfortranarray(clips)),
        *(
            clips[..., 0],
            clips[None],
            clips[:, ::-1],
            clips[:-1],
            clips[::-1],
            clips[:, :, :-1],
            clips[:0],
            clips * 255,
        ),
        *(clips.astype(np.int32), clips.astype(complex), clips > 0.5, np.array(0.5, np.float32), np.roll(clips, 1)),
    ]
    if rng.random() < 0.5:
        np.save(path, _one(rng, made))
        return
    egg = Egg(str(path.with_name(_EGG)))
    how = int(rng.integers(4))
    if how == 0:
        np.save(path, np.array([[[[egg]]]], dtype=object), allow_pickle=True)
    elif how == 1:
        path.write_bytes(pickle.dumps(egg))
    elif how == 2:
        with path.open("wb") as file:
            np.savez(file, clips=clips)
    else:
        with path.open("ab") as file:
            file.write(rng.bytes(int(rng.integers(1, 100_000))))


def sidecar(path, rng):
    """The array's description tells of something else, is none, or is of another array."""
    path = path.with_suffix(".json")
    how = rng.random()
    if how < 0.15:
        path.write_text(_one(rng, _BOMBS), encoding="utf-8")
    elif how < 0.4:
        path.write_bytes(damaged(path.read_bytes(), rng, b"[]" * 100))
    elif how < 0.42:
        path.unlink()
    else:
        _damage_json(path, rng)


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
            group = _one(rng, ["model_weights", "speech_autoencoder", "model_weights/encoder", "model_weights/decoder"])
            if group in file:
                file.move(group, "elsewhere")
                file[group] = _one(rng, [h5py.SoftLink("/elsewhere"), h5py.ExternalLink("other.h5", "/"), np.zeros(3)])
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
        file[name] = h5py.SoftLink(_one(rng, ["/", "/nowhere", f"/{name}", "/model_weights"]))
    elif how == 1:
        file[name] = h5py.ExternalLink(_one(rng, [str(other), "/etc/passwd", "/dev/zero", "model.h5"]), "/values")
    elif how == 2:
        layout = h5py.VirtualLayout(shape, values.dtype)
        layout[...] = h5py.VirtualSource(str(other), "values", shape)
        file.create_virtual_dataset(name, layout)
    elif how == 3:
        place = _one(rng, [str(other), "/etc/passwd", "/dev/zero"])
        file.create_dataset(name, shape, values.dtype, external=[(place, 0, max(1, values.nbytes))])
    elif how == 4:
        huge = tuple(1 << int(rng.integers(10, 40)) for _ in range(max(1, values.ndim)))
        file.create_dataset(name, huge, values.dtype, chunks=(16,) * max(1, values.ndim))
    elif how == 5:
        file.create_dataset(name, shape, values.dtype, chunks=tuple(max(1, n) for n in shape), compression="gzip")
    elif how == 6:
        dtype = _one(rng, [np.float64, ">f4", np.float16, np.int64, np.uint8, bool, complex])
        file[name] = values.astype(dtype)
    elif how == 7 and values.dtype.kind == "f":
        values.flat[rng.integers(values.size)] = _one(rng, [np.nan, np.inf, -np.inf, 1e38])
        file[name] = values
    elif how == 8:
        file[name] = _one(
            rng, [values[None], values[:-1] if values.ndim else values, values.ravel(), np.zeros(0, "f4")]
        )
    elif how == 9:
        file.create_dataset(name, data=["text"] * 3, dtype=h5py.string_dtype())
    elif how == 10:
        file.create_group(name)


def model_description(path, rng):
    """The configuration asks for networks that there are not, or is none."""
    import h5py

    beside = path.with_name("description.json")
    name = f"{_GROUP}/description"
    with h5py.File(path, "a") as file:
        beside.write_bytes(file[name][()].tobytes())
        if rng.random() < 0.1:
            beside.write_text(_one(rng, _BOMBS), encoding="utf-8")
        elif rng.random() < 0.1:
            beside.write_bytes(damaged(beside.read_bytes(), rng, b"[]" * 100))
        else:
            _damage_json(beside, rng, ("model", "features", "loss", None))
        del file[name]
        file.create_dataset(name, data=np.frombuffer(beside.read_bytes(), np.uint8))
    beside.unlink()


def model_of_keras(path, rng):
    """Another program's model: Keras' own, with a Lambda that writes a file when it is rebuilt or called."""
    import keras

    egg = path.with_name(_EGG)

    def lay(x):
        egg.mkdir(exist_ok=True)
        return x

    inputs = keras.Input((4,))
    outputs = keras.layers.Lambda(lay, output_shape=(4,))(keras.layers.Dense(int(rng.integers(1, 9)))(inputs))
    keras.Model(inputs, outputs).save(path)
    if egg.exists():
        egg.rmdir()


def encoded_bytes(path, rng):
    """Any bytes are others; in most cases the checksum is right all the same."""
    content = damaged(path.read_bytes(), rng, path.with_suffix(".npy").read_bytes()[:10_000])
    if rng.random() < 0.8:
        content = content[:-4] + zlib.crc32(content[:-4]).to_bytes(4, "big")
    path.write_bytes(content)


def encoded_numbers(path, rng):
    """A header and blocks whose numbers are anything, with the right checksum."""

    def number():
        value = int(_one(rng, [0, 1, 4_000, 8_000, 192_000, 2**31, 2**35 - 1, int(rng.integers(1 << 40))]))
        return container._varint(value) + (b"\x80\0" if rng.random() < 0.05 else b"")

    head = path.read_bytes()[:8]
    body = head + number() + number()
    for _ in range(int(rng.integers(4))):
        payload = rng.bytes(int(rng.integers(300)))
        body += (
            bytes([int(rng.integers(256))])
            + (container._varint(len(payload)) if rng.random() < 0.8 else number())
            + payload
        )
    path.write_bytes(body + zlib.crc32(body).to_bytes(4, "big"))


def _one(rng, things):
    """One of the things."""
    return things[int(rng.integers(len(things)))]


def _damage_json(path, rng, within=(None,)):
    """Nothing; one to three values of the JSON in path are others, missing, or new; within names where."""
    data = read_json(path, "")
    for _ in range(int(rng.integers(1, 4))):
        key = _one(rng, within)
        node = data.get(key, data) if key else data
        while isinstance(node, (dict, list)) and node:
            keys = sorted(node) if isinstance(node, dict) else range(len(node))
            key = _one(rng, keys)
            if isinstance(node[key], (dict, list)) and node[key] and rng.random() < 0.8:
                node = node[key]
                continue
            if rng.random() < 0.2:
                del node[key]
            elif isinstance(node, dict) and rng.random() < 0.1:
                node["surprise"] = 1
            else:
                node[key] = _one(rng, _HOSTILE)
            break
    path.write_text(json.dumps(data), encoding="utf-8")


# ---- how each kind is read


def read_array(path):
    """What the trainer and the evaluation read of an array."""
    data = dataset.load(path, _MADE_BY)
    data.valid_frames()
    data.groups()
    dataset.features_of(path, _MADE_BY)
    frames = data.frames(len(data.names) - 1)
    return f"{data.clips.shape}, {frames.shape}"


def read_model(path):
    """What every script reads of a model, and what it then makes of silence."""
    import keras

    from speech_autoencoder import model_file
    from speech_autoencoder.model import decode, encode

    model = model_file.load(path)
    frames = np.zeros((model.config.n_mels, model.config.frames_per_latent), np.float32)
    output = decode(model.network, model.config, encode(model.network, model.config, frames))
    keras.utils.clear_session(free_memory=False)
    return f"{output.shape}"


class _Decoder:
    """What reads a codec file: all but the network's and the inversion's part, which depend on no byte of it."""

    def __init__(self, model_path):
        from speech_autoencoder import model_file
        from speech_autoencoder.codes import LatentCoder

        self.model = model_file.load(model_path)
        self.coder = LatentCoder(self.model.require_entropy(""))

    def __call__(self, path):
        from speech_autoencoder import codec

        header = container.read_header(path)
        n_latents = sum(len(latents) for latents in codec._latents(path, self.model, self.coder))
        return f"{header.seconds:.2f} s, {n_latents} latents"


KINDS = {
    "array: bytes": (array_bytes, ".npy"),
    "array: header": (array_header, ".npy"),
    "array: values, pickles": (array_values, ".npy"),
    "sidecar": (sidecar, ".npy"),
    "model: bytes": (model_bytes, ".h5"),
    "model: cut short": (model_cut, ".h5"),
    "model: links, shapes, types, values": (model_structure, ".h5"),
    "model: configuration": (model_description, ".h5"),
    "model: Keras' with a Lambda": (model_of_keras, ".h5"),
    "codec file: bytes": (encoded_bytes, ".sae"),
    "codec file: numbers": (encoded_numbers, ".sae"),
}


def prepare(originals: Originals, seed: int, folder: Path):
    """A function (kind, number) -> what came of reading that mutant."""
    readers = {".npy": read_array, ".h5": read_model, ".sae": _Decoder(originals.model)}

    def check(item):
        kind, number = item
        damage, suffix = KINDS[kind]
        rng = np.random.default_rng([seed, list(KINDS).index(kind), number])
        with tempfile.TemporaryDirectory(dir=folder) as place:
            path = Path(place, "mutant.npy")
            shutil.copy(originals.array, path)
            shutil.copy(dataset.sidecar_path(originals.array), path.with_suffix(".json"))
            shutil.copy(originals.model, path.with_suffix(".h5"))
            shutil.copy(originals.encoded, path.with_suffix(".sae"))
            path.with_name("other.h5").write_bytes(bytes(1 << 16))
            damage(path.with_suffix(suffix), rng)
            before = _state(place)
            try:
                return readers[suffix](path.with_suffix(suffix))
            finally:
                if _state(place) != before:
                    raise PermissionError(f"{kind} {number} changed a file or ran code")

    return check


def _state(folder):
    """What is in a folder, and when it was written."""
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in Path(folder).iterdir()}


def fuzz(
    originals: Originals, n_files: int, seed: int, workers: int, kinds: tuple[str, ...] = tuple(KINDS)
) -> Iterator[tuple[str, Outcome]]:
    """(kind, Outcome) of so many mutants, evenly over the kinds."""
    with tempfile.TemporaryDirectory() as folder:
        items = ((kinds[i % len(kinds)], i // len(kinds)) for i in range(n_files))
        start = partial(prepare, originals, seed, Path(folder))
        for outcome in watch(start, items, workers=workers, most_s=5.0, items_a_worker=500):
            yield outcome.item[0], outcome


def make_originals(folder: Path) -> Originals:
    """An array of a few recordings, a codec trained on them for an epoch, and one of them encoded."""
    from speech_autoencoder import codec, training
    from speech_autoencoder.config import CodecConfig, EncodingConfig, ModelConfig, TrainingConfig, preset
    from speech_autoencoder.encoding import Encoder

    features = preset("fine", 8_000)
    for path in sorted((SPEECHDATA / "en-allison").iterdir())[:8]:
        (folder / "audio").mkdir(exist_ok=True)
        shutil.copy(path, folder / "audio")
    originals = Originals(folder / "array.npy", folder / "model.h5", folder / "recording.sae")
    dataset.build(folder / "audio", originals.array, features, workers=1)
    result = training.train(
        dataset.load(originals.array, _MADE_BY),
        ModelConfig(features.n_mels, 4, 8, 4, width=16, depth=1),
        TrainingConfig(epochs=1, batch_size=4),
        model_path=originals.model,
        checkpoint_path=folder / "checkpoint.npz",
        codec=CodecConfig(knots=2, qualities=4, groups=2, hidden=4),
    )
    first = sorted((folder / "audio").iterdir())[0]
    codec.encode_recording(first, Encoder(result.model, EncodingConfig(rounds=0)), originals.encoded, quality=1)
    return originals


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        originals = make_originals(Path(folder))
        print(table(fuzz(originals, args.files, args.seed, args.workers, tuple(args.kinds)), tell))


if __name__ == "__main__":
    main()

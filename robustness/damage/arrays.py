"""Damage to arrays (.npy) and their sidecars (.json)."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np

from robustness.damage.bytes import choose, damage_bytes
from robustness.damage.json import BOMBS, damage_json

EGG = "egg"  # the folder that appears where code from a file was run
_DTYPES = (
    *("<f4", ">f4", "<f8", ">f8", "<f2", "<i4", "|u1", "|b1", "|O", "<U4", "|S8", "|V8", "<c8", "<M8[s]", "<m8[9s]"),
    *("f", [("a", "<f4")], [("a", "<f4", (1 << 30,))], "<f4,<f4", "nonsense", "", None, 4),
    {"names": ["a"], "formats": ["O"]},
)
_SHAPES = (
    *((), (0,), (0, 128, 48, 1), (-1, 128, 48, 1), (1 << 62, 128, 48, 1), (1 << 31, 1 << 31, 1 << 31, 1), (1,) * 65, 5),
    *((1.5, 2, 3, 1), ("1", 2, 3, 1), [1, 2, 3, 1], None, (True, 1, 1, 1), (1, (2,), 3, 1), (10**30, 1, 1, 1)),
    (1, 1, 1, 1),
)


class Egg:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, path: str):
        self.path = path

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return os.mkdir, (self.path,)


def damage_array_bytes(path: Path, rng: np.random.Generator) -> None:
    """Change any bytes of the array."""
    path.write_bytes(damage_bytes(path.read_bytes(), rng, path.with_suffix(".h5").read_bytes()))


def damage_array_header(path: Path, rng: np.random.Generator) -> None:
    """Write a header that does not match the data, or is not valid."""
    shape = np.load(path, mmap_mode="r").shape
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    for _ in range(int(rng.integers(1, 3))):
        key = str(rng.choice(["descr", "fortran_order", "shape", "more"]))
        header[key] = choose(rng, {"descr": _DTYPES, "shape": _SHAPES}.get(key, (True, 0, "x", None)))
    bad = ["(" * 5_000, "{" + "'a':" * 3_000, "9**9**9", "__import__('os').mkdir('egg')", repr(header)[:-3]]
    text = repr(header) if rng.random() < 0.8 else choose(rng, [repr(header), *bad])
    content = text.encode().ljust(118) + b"\n"
    length = len(content) if rng.random() < 0.8 else int(rng.integers(1 << 16))
    version, size = choose(rng, [(b"\1\0", 2), (b"\2\0", 4), (b"\3\0", 4), (b"\x09\x09", 2)])
    data = path.read_bytes()[128:]
    path.write_bytes(b"\x93NUMPY" + version + length.to_bytes(size, "little") + content + data)


def damage_array_values(path: Path, rng: np.random.Generator) -> None:
    """Write another type, order, shape or values, a pickle or an archive: numpy reads them, the project must not."""
    clips = np.load(path).copy()
    bad = choose(rng, [np.nan, np.inf, -np.inf, -1e-3, 1.001, 1e30, -0.0])
    spoiled = clips.copy()
    spoiled.flat[rng.integers(clips.size, size=int(rng.integers(1, 9)))] = bad
    arrays = [
        *(spoiled, clips.astype(">f4"), clips.astype(np.float64), clips.astype(np.float16), np.asfortranarray(clips)),
        *(clips[..., 0], clips[None], clips[:, ::-1], clips[:-1], clips[::-1], clips[:, :, :-1], clips[:0]),
        *(clips * 255, clips.astype(np.int32), clips.astype(complex), clips > 0.5, np.array(0.5, np.float32)),
        np.roll(clips, 1),
    ]
    if rng.random() < 0.5:
        np.save(path, choose(rng, arrays))
        return
    egg = Egg(str(path.with_name(EGG)))
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


def damage_sidecar(path: Path, rng: np.random.Generator) -> None:
    """Damage the sidecar of the array at path, replace it or delete it."""
    path = path.with_suffix(".json")
    how = rng.random()
    if how < 0.15:
        path.write_text(choose(rng, BOMBS), encoding="utf-8")
    elif how < 0.4:
        path.write_bytes(damage_bytes(path.read_bytes(), rng, b"[]" * 100))
    elif how < 0.42:
        path.unlink()
    else:
        damage_json(path, rng)

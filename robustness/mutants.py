"""Damage: what disks, networks, programs and people who mean harm do to the bytes of a file, by chance and by rule."""

import struct
from collections.abc import Callable

import numpy as np

# What fields of headers hold when something is wrong with them.
_EXTREME = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_EXTREME += (0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF)
_HEADER = 256

Damage = Callable[[bytearray, np.random.Generator, bytes], bytearray]


def place(data: bytearray, rng: np.random.Generator) -> int:
    """A position in data: in half of the cases in its first bytes, where headers are."""
    return int(rng.integers(min(len(data), _HEADER) if rng.random() < 0.5 else len(data)))


def _change_bytes(data, rng, other):
    """Some bytes are others."""
    for _ in range(int(rng.integers(1, 17))):
        data[place(data, rng)] = int(rng.integers(256))
    return data


def _change_bits(data, rng, other):
    """Some bits are flipped."""
    for _ in range(int(rng.integers(1, 5))):
        data[place(data, rng)] ^= 1 << int(rng.integers(8))
    return data


def _put_number(data, rng, other):
    """Two to eight bytes are an extreme number, in either order of bytes."""
    kind = str(rng.choice([c + size for c in "<>" for size in "HIQ"]))
    number = _EXTREME[int(rng.integers(len(_EXTREME)))] & (256 ** struct.calcsize(kind) - 1)
    at = place(data, rng)
    packed = struct.pack(kind, number)
    data[at : at + len(packed)] = packed
    return data


def _cut(data, rng, other):
    """The end is missing."""
    return data[: place(data, rng)]


def _cut_out(data, rng, other):
    """A part is missing."""
    at = place(data, rng)
    del data[at : at + int(rng.integers(1, 513))]
    return data


def _insert(data, rng, other):
    """Something is put in between."""
    at = place(data, rng)
    data[at:at] = rng.bytes(int(rng.integers(1, 513)))
    return data


def _repeat(data, rng, other):
    """A part comes twice."""
    at = place(data, rng)
    data[at:at] = data[at : at + int(rng.integers(1, 1_025))]
    return data


def _blank(data, rng, other):
    """A part is zeros, as a hole in a file that was not copied whole."""
    at = place(data, rng)
    n_bytes = min(int(rng.integers(1, 4_097)), len(data) - at)
    data[at : at + n_bytes] = bytes(n_bytes)
    return data


def _splice(data, rng, other):
    """The beginning of this file, the end of another."""
    return data[: place(data, rng)] + other[place(bytearray(other), rng) :]


DAMAGES: tuple[Damage, ...] = (
    *(_change_bytes, _change_bits, _put_number, _put_number, _cut, _cut_out, _insert, _repeat, _blank, _splice),
)


def damaged(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """The data with one to three kinds of damage; other is what may be spliced in. Not empty."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        out = one(rng, DAMAGES)(out, rng, other) or bytearray(b"\0")
    return bytes(out)


def one(rng: np.random.Generator, things):
    """One of the things."""
    return things[int(rng.integers(len(things)))]

"""Damage to the bytes of a file, by chance and by rule, as disks, networks, programs and attackers cause it."""

import struct
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

# Values that header fields hold when something is wrong with them.
_EXTREME_NUMBERS = (
    *(0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF),
    *(0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF),
    *(0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF),
)
_HEADER_BYTES = 256  # headers are within the first bytes of a file

# (bytes to damage, random generator, another file whose bytes may be spliced in) -> damaged bytes
Damage = Callable[[bytearray, np.random.Generator, bytes], bytearray]
T = TypeVar("T")


def damage_bytes(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Return the data with one to three kinds of damage, never empty; `other` is what may be spliced in."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        out = choose(rng, DAMAGES)(out, rng, other) or bytearray(b"\0")
    return bytes(out)


def choose(rng: np.random.Generator, items: Sequence[T]) -> T:
    """Return one of the items at random."""
    return items[int(rng.integers(len(items)))]


def _position(data: bytearray, rng: np.random.Generator) -> int:
    """Return a random position in data, in half of the cases where headers are."""
    return int(rng.integers(min(len(data), _HEADER_BYTES) if rng.random() < 0.5 else len(data)))


def _change_bytes(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    for _ in range(int(rng.integers(1, 17))):
        data[_position(data, rng)] = int(rng.integers(256))
    return data


def _flip_bits(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    for _ in range(int(rng.integers(1, 5))):
        data[_position(data, rng)] ^= 1 << int(rng.integers(8))
    return data


def _put_number(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    """Overwrite two to eight bytes with an extreme number, in either byte order."""
    kind = str(rng.choice([c + size for c in "<>" for size in "HIQ"]))
    number = _EXTREME_NUMBERS[int(rng.integers(len(_EXTREME_NUMBERS)))] & (256 ** struct.calcsize(kind) - 1)
    at = _position(data, rng)
    packed = struct.pack(kind, number)
    data[at : at + len(packed)] = packed
    return data


def _truncate(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    return data[: _position(data, rng)]


def _cut_out(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    at = _position(data, rng)
    del data[at : at + int(rng.integers(1, 513))]
    return data


def _insert(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    at = _position(data, rng)
    data[at:at] = rng.bytes(int(rng.integers(1, 513)))
    return data


def _repeat(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    at = _position(data, rng)
    data[at:at] = data[at : at + int(rng.integers(1, 1_025))]
    return data


def _blank(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    """Set a part to zeros, like a hole in a file that was not copied completely."""
    at = _position(data, rng)
    n_bytes = min(int(rng.integers(1, 4_097)), len(data) - at)
    data[at : at + n_bytes] = bytes(n_bytes)
    return data


def _splice(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    """Join the beginning of this file and the end of the other."""
    return data[: _position(data, rng)] + other[_position(bytearray(other), rng) :]


DAMAGES: tuple[Damage, ...] = (
    _change_bytes,
    _flip_bits,
    _put_number,
    _put_number,  # twice as likely as the others: most checks in readers are about numbers
    _truncate,
    _cut_out,
    _insert,
    _repeat,
    _blank,
    _splice,
)

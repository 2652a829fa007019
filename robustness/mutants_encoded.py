"""Damage to codec files: each function is given the file's path and a random generator."""

import zlib

from robustness.mutants import damaged, one
from speech_autoencoder.codec import container


def encoded_bytes(path, rng):
    """Any bytes are others; in most cases the checksum is right all the same."""
    content = damaged(path.read_bytes(), rng, path.with_suffix(".npy").read_bytes()[:10_000])
    if rng.random() < 0.8:
        content = content[:-4] + zlib.crc32(content[:-4]).to_bytes(4, "big")
    path.write_bytes(content)


def encoded_numbers(path, rng):
    """A header and blocks whose numbers are anything, with the right checksum."""

    def number():
        value = int(one(rng, [0, 1, 4_000, 8_000, 192_000, 2**31, 2**35 - 1, int(rng.integers(1 << 40))]))
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

"""Damage to codec files (.sae), whose checksum is made right again in most cases: it would hide the rest."""

import zlib
from pathlib import Path

import numpy as np

from robustness.damage.bytes import choose, damage_bytes
from speech_autoencoder.codec import container


def damage_codec_bytes(path: Path, rng: np.random.Generator) -> None:
    """Change any bytes of the file; in most cases, correct the checksum."""
    content = damage_bytes(path.read_bytes(), rng, path.with_suffix(".npy").read_bytes()[:10_000])
    if rng.random() < 0.8:
        content = content[:-4] + zlib.crc32(content[:-4]).to_bytes(4, "big")
    path.write_bytes(content)


def damage_codec_numbers(path: Path, rng: np.random.Generator) -> None:
    """Write a header and blocks with arbitrary numbers and the right checksum."""

    def number() -> bytes:
        value = int(choose(rng, [0, 1, 4_000, 8_000, 192_000, 2**31, 2**35 - 1, int(rng.integers(1 << 40))]))
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

"""The .sae file: a header, blocks, a checksum. docs/codec.md describes it byte by byte.

Nothing in a file is trusted: every number is held against its bounds before it is used, and the checksum is compared
before anything is decoded.
"""

import math
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from speech_autoencoder.config import RATES_HZ, FeatureConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import atomic_write, explain, printable

SUFFIX = ".sae"
# Latents of a block; only the last may have fewer. One to three minutes of sound.
BLOCK_LATENTS = 1_024
# No recording is longer, and no file larger: 24 hours at some 100 kbit/s.
MOST_SECONDS = 24 * 3_600
MOST_BYTES = 1 << 30

_MAGIC, _VERSION = b"SAE", 1
FINGERPRINT_BYTES = 4
_CHECKSUM_BYTES = 4
_VARINT_BYTES = 5
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Header:
    """What a file begins with: the first bytes of its model's fingerprint, the rate (Hz) and count of its samples."""

    fingerprint: bytes
    sr: int
    n_samples: int

    def __post_init__(self):
        low, high = RATES_HZ
        if not low <= self.sr <= high:
            raise InputError(f"its sample rate is {self.sr:,} Hz, expected {low:,} to {high:,}.")
        if not 1 <= self.n_samples <= MOST_SECONDS * self.sr:
            raise InputError(f"it has {self.seconds:,.0f} s of sound: expected some, and at most {MOST_SECONDS:,} s.")

    @property
    def seconds(self) -> float:
        """The length of the sound."""
        return self.n_samples / self.sr

    def count_frames(self, features: FeatureConfig) -> int:
        """The frames of the sound's features."""
        return features.count_frames(-(-self.n_samples * features.sr // self.sr))

    def count_latents(self, features: FeatureConfig, frames_per_latent: int) -> int:
        """The latents that stand for the sound."""
        return math.ceil(self.count_frames(features) / frames_per_latent)

    def to_bytes(self) -> bytes:
        """The header as it is written."""
        head = _MAGIC + bytes([_VERSION]) + self.fingerprint[:FINGERPRINT_BYTES]
        return head + _varint(self.sr) + _varint(self.n_samples)


class Block(NamedTuple):
    """Up to BLOCK_LATENTS latents: the quality step they were quantised at, their bytes, and how many they are."""

    quality: int
    payload: bytes
    n_latents: int

    def to_bytes(self) -> bytes:
        """The block as it is written, which leaves out how many latents it has."""
        return bytes([self.quality]) + _varint(len(self.payload)) + self.payload


def overhead_bytes(header: Header) -> int:
    """The bytes of a file beside those of its blocks."""
    return len(header.to_bytes()) + _CHECKSUM_BYTES


def write(path: Path, header: Header, blocks: Iterable[Block]) -> int:
    """The count of bytes of the file that path now is, whole or not at all."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        checksum, n_bytes = 0, 0
        for part in _parts(header, blocks):
            checksum, n_bytes = zlib.crc32(part, checksum), n_bytes + len(part)
            if n_bytes + _CHECKSUM_BYTES > MOST_BYTES:
                raise InputError(
                    f"{printable(path)} would be larger than {MOST_BYTES:,} bytes: choose a lower bitrate."
                )
            file.write(part)
        file.write(checksum.to_bytes(_CHECKSUM_BYTES, "big"))
        return n_bytes + _CHECKSUM_BYTES


def _parts(header, blocks):
    """What a file is made of, but for its checksum."""
    yield header.to_bytes()
    for block in blocks:
        yield block.to_bytes()


def read_header(path: Path) -> Header:
    """The header of the file at path, whose checksum is right.

    Raises InputError, naming the file, where it is none, cut short, altered, or of a later version.
    """
    with _opened(path) as (file, end):
        return _read_header(file, end)


def read_blocks(
    path: Path,
    *,
    fingerprint: bytes,
    features: FeatureConfig,
    frames_per_latent: int,
    n_qualities: int,
    most_latent_bytes: int,
) -> Iterator[Block]:
    """The blocks of the file at path, made with the model of this fingerprint, one after another.

    A latent of that model takes at most most_latent_bytes. Raises InputError as `read_header` does, and where the file
    was made with another model.
    """
    with _opened(path) as (file, end):
        header = _read_header(file, end)
        if header.fingerprint != fingerprint[:FINGERPRINT_BYTES]:
            raise InputError(
                f"it was made with the model {header.fingerprint.hex()}, this one is "
                f"{fingerprint[:FINGERPRINT_BYTES].hex()}: name the model that it was encoded with (--model)."
            )
        left = header.count_latents(features, frames_per_latent)
        while left:
            n_latents = min(left, BLOCK_LATENTS)
            quality = _take(file, end, 1)[0]
            if quality >= n_qualities:
                raise InputError(f"a block has quality step {quality}, its model 0 to {n_qualities - 1}.")
            n_bytes = _read_varint(file, end)
            if n_bytes > n_latents * most_latent_bytes:
                raise InputError(f"a block of {n_latents:,} latents has {n_bytes:,} bytes, more than any can take.")
            yield Block(quality, _take(file, end, n_bytes), n_latents)
            left -= n_latents
        if file.tell() != end:
            raise InputError(f"{end - file.tell():,} bytes follow its last block.")


@contextmanager
def _opened(path):
    """(The open file, where its checksum begins); what goes wrong in the block is said with the file's name."""
    name = printable(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # asked before opening, which would block on a pipe
            raise InputError(f"it is not a file: name one that ends in {SUFFIX}.")
        if status.st_size > MOST_BYTES:
            raise InputError(f"it has {status.st_size:,} bytes, a {SUFFIX} file at most {MOST_BYTES:,}.")
        with path.open("rb") as file:
            yield file, _checked(file, status.st_size)
    except InputError as error:
        raise InputError(f"{name} cannot be decoded: {error}") from error
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error


def _checked(file, size):
    """Where the checksum of a file of size bytes begins. Raises InputError where it is none of ours, or altered."""
    head = file.read(len(_MAGIC) + 1)
    if len(head) <= len(_MAGIC) or head[:-1] != _MAGIC:
        raise InputError(f"it is no {SUFFIX} file: name one that was encoded with this program.")
    if head[-1] != _VERSION:
        raise InputError(f"its format is version {head[-1]}, this program reads {_VERSION}: use a newer program.")
    checksum, left = zlib.crc32(head), size - len(head) - _CHECKSUM_BYTES
    while left > 0:
        part = file.read(min(left, _AT_ONCE))
        if not part:
            break
        checksum, left = zlib.crc32(part, checksum), left - len(part)
    if left or file.read(_CHECKSUM_BYTES) != checksum.to_bytes(_CHECKSUM_BYTES, "big"):
        raise InputError("its checksum is wrong, it was altered or cut short: copy or encode it again.")
    file.seek(0)
    return size - _CHECKSUM_BYTES


def _read_header(file, end):
    """The header at the beginning of an open file."""
    _take(file, end, len(_MAGIC) + 1)
    return Header(_take(file, end, FINGERPRINT_BYTES), _read_varint(file, end), _read_varint(file, end))


def _take(file, end, n_bytes):
    """The next n_bytes of the file, which must lie before end."""
    if n_bytes > end - file.tell():
        raise InputError("it ends too early: copy or encode it again.")
    out = file.read(n_bytes)
    if len(out) != n_bytes:
        raise InputError("it became shorter while it was read: copy or encode it again.")
    return out


def _varint(number):
    """A number as bytes of seven bits each, the lowest first; all but the last have their highest bit set (LEB128)."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _read_varint(file, end):
    """The number that _varint wrote, which has one form only."""
    number = 0
    for position in range(_VARINT_BYTES):
        byte = _take(file, end, 1)[0]
        number |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            if position and not byte:
                break
            return number
    raise InputError("it holds a number that was not written by this program.")

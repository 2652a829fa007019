"""The .sae file: a header, blocks, a checksum. docs/codec.md describes it byte by byte.

Nothing in a file is trusted: the checksum is compared before anything is decoded, and every number is checked against
its bounds before it is used.
"""

import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from speech_autoencoder.config import RATES_HZ, FeatureConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import atomic_write, explain, is_regular, printable, require_content
from speech_autoencoder.system.integers import ceil_div

SUFFIX = ".sae"
# Latents of a block, one to three minutes of sound; only the last block may have fewer.
BLOCK_LATENTS = 1_024
# The longest recording.
MAX_SECONDS = 24 * 3_600
# The largest file: 24 hours at about 100 kbit/s.
MAX_BYTES = 1 << 30
# The first bytes of a model's fingerprint, which a file names its model by.
FINGERPRINT_BYTES = 4

_MAGIC = b"SAE"
_VERSION = 1
_CHECKSUM_BYTES = 4
# The most bytes of a number: 35 bits.
_VARINT_BYTES = 5
# Bytes that are read at once for the checksum.
_CHUNK_BYTES = 1 << 20

# A file, or the bytes of one.
Source = Path | bytes


@dataclass(frozen=True)
class Header:
    """The beginning of a file.

    Attributes
    ----------
    fingerprint : bytes
        The first bytes of the model's fingerprint.
    sr, n_samples : int
        The rate (Hz) and the length of the recording.
    """

    fingerprint: bytes
    sr: int
    n_samples: int

    def __post_init__(self) -> None:
        low, high = RATES_HZ
        if not low <= self.sr <= high:
            raise InputError(f"its sample rate is {self.sr:,} Hz, expected {low:,} to {high:,}.")
        if not 1 <= self.n_samples <= MAX_SECONDS * self.sr:
            raise InputError(
                f"it has {self.seconds:,.0f} s of sound, expected more than 0 and at most {MAX_SECONDS:,} s."
            )

    @property
    def seconds(self) -> float:
        """The length of the sound."""
        return self.n_samples / self.sr

    def count_frames(self, features: FeatureConfig) -> int:
        """Return the count of frames of the sound's features."""
        # As resampling.resampled_length, which would import NumPy: command lines import this module before --help.
        return features.count_frames(ceil_div(self.n_samples * features.sr, self.sr))

    def count_latents(self, features: FeatureConfig, frames_per_latent: int) -> int:
        """Return the count of latents that the file has."""
        return ceil_div(self.count_frames(features), frames_per_latent)

    def to_bytes(self) -> bytes:
        """Return the header as it is written."""
        head = _MAGIC + bytes([_VERSION]) + self.fingerprint[:FINGERPRINT_BYTES]
        return head + _varint(self.sr) + _varint(self.n_samples)


class Block(NamedTuple):
    """Up to BLOCK_LATENTS latents: their quality step, their bytes and their count.

    `enhancement` is the bytes of their enhancement layer, or None at a quality step that has none.
    """

    quality: int
    payload: bytes
    n_latents: int
    enhancement: bytes | None = None

    def to_bytes(self) -> bytes:
        """Return the block as it is written; the count of its latents follows from the header."""
        parts = [self.payload] if self.enhancement is None else [self.payload, self.enhancement]
        return bytes([self.quality]) + b"".join(_varint(len(part)) + part for part in parts)


def overhead_bytes(header: Header) -> int:
    """Return the bytes of a file that do not belong to blocks."""
    return len(header.to_bytes()) + _CHECKSUM_BYTES


def write(path: Path, header: Header, blocks: Iterable[Block]) -> int:
    """Write a file of all the blocks that the header implies, whole or not at all, and return its size in bytes.

    Raises
    ------
    InputError
        If the file cannot be written, or would be larger than MAX_BYTES.
    """
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        return _write(file, printable(path), header, blocks)


def to_bytes(header: Header, blocks: Iterable[Block]) -> bytes:
    """Return the bytes of the file that `write` writes."""
    file = io.BytesIO()
    _write(file, "The file", header, blocks)
    return file.getvalue()


def _write(file: BinaryIO, name: str, header: Header, blocks: Iterable[Block]) -> int:
    """Write the bytes of a file of this name, and return their count."""
    checksum, n_bytes = 0, 0
    for part in _parts(header, blocks):
        checksum, n_bytes = zlib.crc32(part, checksum), n_bytes + len(part)
        if n_bytes + _CHECKSUM_BYTES > MAX_BYTES:
            raise InputError(f"{name} would be larger than {MAX_BYTES:,} bytes: choose a lower bitrate.")
        file.write(part)
    file.write(checksum.to_bytes(_CHECKSUM_BYTES, "big"))
    return n_bytes + _CHECKSUM_BYTES


def _parts(header: Header, blocks: Iterable[Block]) -> Iterator[bytes]:
    """Yield the bytes of a file up to its checksum."""
    yield header.to_bytes()
    for block in blocks:
        yield block.to_bytes()


def read_header(source: Source) -> Header:
    """Read the header of a file, after its checksum was compared.

    Raises
    ------
    InputError
        If the file is missing, of another kind or a later version, cut short or altered; the message names it.
    """
    with _opened(source) as (file, end):
        return _read_header(file, end)


def read_blocks(
    source: Source,
    *,
    fingerprint: bytes,
    features: FeatureConfig,
    frames_per_latent: int,
    n_qualities: int,
    n_base: int,
    max_latent_bytes: int,
) -> Iterator[Block]:
    """Yield the blocks of a file.

    Parameters
    ----------
    fingerprint, features, frames_per_latent, n_qualities
        Those of the model to decode with.
    n_base : int
        Its quality steps without an enhancement layer, which are the first ones.
    max_latent_bytes : int
        The most bytes that a latent of the model can take, or its enhancement layer.

    Raises
    ------
    InputError
        As `read_header`, and if the file was made with another model.
    """
    with _opened(source) as (file, end):
        header = _read_header(file, end)
        if header.fingerprint != fingerprint[:FINGERPRINT_BYTES]:
            raise InputError(
                f"it was made with the model {header.fingerprint.hex()}, this one is "
                f"{fingerprint[:FINGERPRINT_BYTES].hex()}: name the very model that it was encoded with (--model); no "
                "other can decode it, not even one that is trained anew in the same way."
            )
        n_left = header.count_latents(features, frames_per_latent)
        while n_left:
            n_latents = min(n_left, BLOCK_LATENTS)
            quality = _read(file, end, 1)[0]
            if quality >= n_qualities:
                raise InputError(f"a block has quality step {quality}, its model 0 to {n_qualities - 1}.")
            parts = []
            for _ in range(1 if quality < n_base else 2):
                n_bytes = _read_varint(file, end)
                if n_bytes > n_latents * max_latent_bytes:
                    raise InputError(
                        f"a block for {n_latents:,} latents has {n_bytes:,} bytes, more than the model makes."
                    )
                parts.append(_read(file, end, n_bytes))
            yield Block(quality, parts[0], n_latents, *parts[1:])
            n_left -= n_latents
        if file.tell() != end:
            raise InputError(f"{end - file.tell():,} bytes follow its last block.")


@contextmanager
def _opened(source: Source) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file, and yield it and where its checksum begins; errors inside are reported with the file's name."""
    name = "The content" if isinstance(source, bytes) else printable(source)
    if not isinstance(source, bytes):
        require_content(source)
    try:
        with _open(source) as (file, size):
            if size > MAX_BYTES:
                raise InputError(f"it has {size:,} bytes, a {SUFFIX} file has at most {MAX_BYTES:,}.")
            yield file, _check(file, size)
    except InputError as error:
        raise InputError(f"{name} cannot be decoded: {error}") from error
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error


@contextmanager
def _open(source: Source) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file, and yield it and its size."""
    if isinstance(source, bytes):
        yield io.BytesIO(source), len(source)
        return
    status = source.stat()
    if not is_regular(status):
        raise InputError(f"it is not a regular file: name one that ends in {SUFFIX}.")
    with source.open("rb") as file:
        yield file, status.st_size


def _check(file: BinaryIO, size: int) -> int:
    """Return where a file's checksum begins; raise InputError if the file is of another kind or altered."""
    head = file.read(len(_MAGIC) + 1)
    if len(head) <= len(_MAGIC) or head[:-1] != _MAGIC:
        raise InputError(f"it is not a {SUFFIX} file: name one that was encoded with this program.")
    if head[-1] != _VERSION:
        raise InputError(f"its format is version {head[-1]}, this program reads {_VERSION}: use a newer program.")
    checksum, n_left = zlib.crc32(head), size - len(head) - _CHECKSUM_BYTES
    while n_left > 0:
        part = file.read(min(n_left, _CHUNK_BYTES))
        if not part:
            break
        checksum, n_left = zlib.crc32(part, checksum), n_left - len(part)
    if n_left or file.read(_CHECKSUM_BYTES) != checksum.to_bytes(_CHECKSUM_BYTES, "big"):
        raise InputError("its checksum is wrong, so it was altered or cut short; copy or encode it again.")
    file.seek(0)
    return size - _CHECKSUM_BYTES


def _read_header(file: BinaryIO, end: int) -> Header:
    """Return the header at the beginning of an open file."""
    _read(file, end, len(_MAGIC) + 1)
    return Header(_read(file, end, FINGERPRINT_BYTES), _read_varint(file, end), _read_varint(file, end))


def _read(file: BinaryIO, end: int, n_bytes: int) -> bytes:
    """Return the next n_bytes of the file, which must lie before end."""
    if n_bytes > end - file.tell():
        raise InputError("it ends too early: copy or encode it again.")
    content = file.read(n_bytes)
    if len(content) != n_bytes:
        raise InputError("it became shorter while it was read: copy or encode it again.")
    return content


def _varint(number: int) -> bytes:
    """Return a number as groups of seven bits, the lowest first; a highest bit says that another follows (LEB128)."""
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*content, number])


def _read_varint(file: BinaryIO, end: int) -> int:
    """Return the number that _varint wrote; other forms of it are refused."""
    number = 0
    for position in range(_VARINT_BYTES):
        byte = _read(file, end, 1)[0]
        number |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            if position and not byte:
                break
            return number
    raise InputError("it holds a number that was not written by this program.")

"""A .sae file is read as it was written; anything else is refused in one line, whatever its bytes are."""

import os
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.codec import container
from speech_autoencoder.codec.container import BLOCK_LATENTS, MAX_SECONDS, Block, Header
from speech_autoencoder.errors import InputError
from tests.helpers.common import TINY, one_line_of

MARK = b"\x01\xfe\x80\x00"
# What the reader knows of the model: TINY has 64 samples per frame, and there are 4 frames per latent here.
MODEL = {
    "fingerprint": MARK + b"more of it",
    "features": TINY,
    "frames_per_latent": 4,
    "n_qualities": 8,
    "n_base": 6,
    "max_latent_bytes": 16,
}


def write(path, n_samples=8_000, sr=8_000, blocks=None):
    """Return the path of a file of random payloads, or of these blocks."""
    header = Header(MARK, sr, n_samples)
    container.write(path, header, random_blocks(header) if blocks is None else blocks)
    return path


def random_blocks(header, seed=0):
    """Return as many blocks as the header implies."""
    rng, left, out = np.random.default_rng(seed), header.count_latents(TINY, 4), []
    while left:
        n_latents = min(left, BLOCK_LATENTS)
        quality, (first, second) = int(rng.integers(8)), rng.integers(0, min(300, 16 * n_latents), 2)
        more = [rng.bytes(second)] if quality >= MODEL["n_base"] else []
        out.append(Block(quality, rng.bytes(first), n_latents, *more))
        left -= n_latents
    return out


def read(path, **changed):
    """Return the header and the blocks of a file."""
    return container.read_header(path), list(container.read_blocks(path, **(MODEL | changed)))


def sealed(body):
    """Return these bytes as a file with a valid checksum."""
    return body + zlib.crc32(body).to_bytes(4, "big")


def assert_read_refuses(path, *words, **changed):
    """Check that the file is refused in one line that names it and holds these words."""
    with pytest.raises(InputError) as error:
        read(path, **changed)
    text = one_line_of(error)
    assert path.name in text
    for word in words:
        assert word in text


@given(st.integers(4_000, 192_000), st.integers(1, 3_000_000), st.integers(0, 2**32 - 1))
def test_write_read_round_trip(tmp_path_factory, sr, n_samples, seed):
    path, header = tmp_path_factory.getbasetemp() / "any.sae", Header(MARK, sr, n_samples)
    blocks = random_blocks(header, seed)
    assert container.write(path, header, blocks) == path.stat().st_size
    assert read(path) == (header, blocks)
    assert path.stat().st_size == container.overhead_bytes(header) + sum(len(block.to_bytes()) for block in blocks)


def test_write_makes_the_documented_bytes(tmp_path):
    path = write(tmp_path / "a.sae", blocks=[Block(5, b"\xaa" * 200, 32)])
    body = b"SAE\x01" + MARK + b"\xc0\x3e" + b"\xc0\x3e" + b"\x05" + b"\xc8\x01" + b"\xaa" * 200
    assert path.read_bytes() == sealed(body)


def test_read_every_truncation_is_refused(tmp_path):
    whole = write(tmp_path / "whole.sae", n_samples=3_000).read_bytes()
    path = tmp_path / "cut.sae"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert_read_refuses(path, "not a .sae file" if size < 4 else "cut short")


def test_read_every_altered_byte_is_refused(tmp_path):
    whole = write(tmp_path / "whole.sae", n_samples=3_000).read_bytes()
    path = tmp_path / "altered.sae"
    for position in range(len(whole)):
        altered = bytearray(whole)
        altered[position] ^= 1 << position % 8
        path.write_bytes(altered)
        assert_read_refuses(path)


def test_read_every_truncation_with_a_valid_checksum_is_refused(tmp_path):
    """In a hostile file, the bounds notice what the checksum does not."""
    body = write(tmp_path / "whole.sae", n_samples=3_000).read_bytes()[:-4]
    path = tmp_path / "cut.sae"
    for size in range(4, len(body)):
        path.write_bytes(sealed(body[:size]))
        assert_read_refuses(path)


def mutated(body, rng):
    """Return bytes changed, removed, inserted, or doubled at random places."""
    body = bytearray(body)
    for _ in range(rng.integers(1, 5)):
        start, length = int(rng.integers(len(body) + 1)), int(rng.integers(1, 9))
        change = rng.integers(4)
        if change == 0:
            body[start : start + length] = rng.bytes(length)
        elif change == 1:
            del body[start : start + length]
        elif change == 2:
            body[start:start] = rng.bytes(length)
        else:
            body[start:start] = body[start : start + length]
    return bytes(body)


def test_read_mutations_with_a_valid_checksum_end_well(tmp_path):
    rng, n_read = np.random.default_rng(0), 0
    whole = write(tmp_path / "whole.sae", n_samples=300_000).read_bytes()[:-4]
    path = tmp_path / "mutated.sae"
    for _ in range(2_000):
        path.write_bytes(sealed(mutated(whole, rng)))
        try:
            header, blocks = read(path)
        except InputError as error:
            assert path.name in str(error)
            assert "\n" not in str(error)
        else:
            n_read += 1
            assert sum(block.n_latents for block in blocks) == header.count_latents(TINY, 4)
    assert 0 < n_read < 2_000


@given(st.binary(max_size=80), st.booleans())
def test_read_any_bytes_end_well(tmp_path_factory, content, ours):
    path = tmp_path_factory.getbasetemp() / "any.sae"
    path.write_bytes(sealed((b"SAE\x01" + MARK if ours else b"") + content))
    try:
        header, blocks = read(path)
    except InputError as error:
        assert path.name in str(error)
    else:
        assert ours
        assert sum(block.n_latents for block in blocks) == header.count_latents(TINY, 4)


HEAD = b"SAE\x01" + MARK


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"RIFF" + bytes(40), ["not a .sae file"]),
        (b"SAE\x02" + bytes(40), ["version 2", "newer program"]),
        (b"SAE\x01\x00\x00\x00\x00\xc0\x3e\x01\x00\x00", ["made with the model 00000000", "01fe8000", "--model"]),
        (HEAD + b"\x00\x01\x00\x00", ["sample rate is 0 Hz"]),
        (HEAD + b"\xff\xff\xff\x7f\x01\x00\x00", ["sample rate is 268,435,455 Hz"]),
        (HEAD + b"\xc0\x3e\x00\x00\x00", ["0 s of sound"]),
        (HEAD + b"\xc0\x3e\xff\xff\xff\xff\x7f\x00\x00", ["86,400"]),
        (HEAD + b"\xc0\x3e\xff\xff\xff\xff\xff\x7f\x00\x00", ["number"]),
        (HEAD + b"\xc0\x3e\x81\x00\x00\x00", ["number"]),  # 1, in two bytes instead of one
        (HEAD + b"\xc0\x3e\x01\x08\x00", ["quality step 8", "0 to 7"]),
        (HEAD + b"\xc0\x3e\x01\x00\x11" + bytes(17), ["17 bytes, more than the model makes"]),
        (HEAD + b"\xc0\x3e\x01\x00\x05\x00", ["too early"]),
        (HEAD + b"\xc0\x3e\x01\x00\x01\x00\x00\x00", ["2 bytes follow"]),
        (HEAD + b"\xc0\x3e\x01", ["too early"]),
        (HEAD + b"\xc0", ["too early"]),
        (HEAD, ["too early"]),
        (b"SAE\x01\x00", ["too early"]),
    ],
)
def test_read_hostile_is_refused(tmp_path, body, words):
    path = tmp_path / "hostile.sae"
    path.write_bytes(sealed(body))
    assert_read_refuses(path, *words)


def test_read_hostile_takes_memory_only_for_what_is_there(tmp_path):
    """The header claims a day of sound, the block as many bytes as it may: memory is allocated for what is there."""
    path = tmp_path / "hostile.sae"
    path.write_bytes(sealed(Header(MARK, 8_000, MAX_SECONDS * 8_000).to_bytes() + b"\x00\x80\x80\x01" + bytes(100)))
    tracemalloc.start()
    try:
        assert_read_refuses(path, "too early")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_read_large_file_takes_little_memory(tmp_path):
    path = tmp_path / "large.sae"
    write(path, n_samples=MAX_SECONDS * 8_000, blocks=(block for block in random_blocks(Header(MARK, 8_000, 10**6))))
    with path.open("ab") as file:
        file.write(bytes(20 << 20))
    tracemalloc.start()
    try:
        assert_read_refuses(path, "checksum")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_read_file_that_is_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "huge.sae"
    with path.open("wb") as file:
        file.truncate(container.MAX_BYTES + 1)
    assert_read_refuses(path, "1,073,741,825 bytes")


def test_read_not_a_regular_file_is_refused(tmp_path):
    assert_read_refuses(tmp_path / "missing.sae", "no such file")
    (tmp_path / "folder.sae").mkdir()
    assert_read_refuses(tmp_path / "folder.sae", "not a regular file")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.sae")
        assert_read_refuses(tmp_path / "pipe.sae", "not a regular file")


def test_read_without_permission_is_refused(as_user):
    path = write(as_user / "a.sae")
    path.chmod(0)
    assert_read_refuses(path, "permission denied")


def test_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.sae"
    path.write_bytes(b"before")

    def blocks():
        yield Block(0, bytes(10), 32)
        raise InputError("the recording is damaged")

    with pytest.raises(InputError, match="damaged"):
        write(path, blocks=blocks())
    assert path.read_bytes() == b"before"
    assert [other.name for other in tmp_path.iterdir()] == ["a.sae"]


def test_write_larger_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "MAX_BYTES", 1_000)
    with pytest.raises(InputError) as error:
        write(tmp_path / "a.sae", blocks=[Block(0, bytes(990), 32)])
    assert "lower bitrate" in one_line_of(error)


@pytest.mark.parametrize(("sr", "n_samples"), [(3_999, 1), (192_001, 1), (8_000, 0), (8_000, MAX_SECONDS * 8_000 + 1)])
def test_header_out_of_bounds_is_refused(sr, n_samples):
    with pytest.raises(InputError):
        Header(MARK, sr, n_samples)
    assert Header(MARK, 8_000, MAX_SECONDS * 8_000).seconds == MAX_SECONDS

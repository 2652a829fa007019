"""Latents are coded in few bytes, and decoded to the same integers on every machine."""

import hashlib
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import quantisation
from speech_autoencoder.model.entropy_model import CLASSES, RADIUS, TABLE_BITS, VALUE_LIMIT, EntropyModel
from tests.helpers.common import make_entropy, one_line_of


@lru_cache
def coder(n_channels=5, n_groups=2):
    """Return the LatentCoder of a random model."""
    return LatentCoder(make_entropy(n_channels, n_groups))


def noise(n_latents, n_channels=5, scale=1.0, seed=0):
    """Return random latents in fixed point."""
    return quantisation.to_fixed(scale * np.random.default_rng(seed).normal(size=(n_latents, n_channels)))


@pytest.mark.parametrize("quality", [0, 1, 2])
def test_encode_decode_every_length_round_trip(quality):
    for n_latents in [*range(150), 499, 500]:
        payload, decoded = coder().encode(noise(n_latents, seed=n_latents), quality)
        assert decoded.shape == (n_latents, 5)
        np.testing.assert_array_equal(coder().decode(payload, n_latents, quality), decoded)


@given(st.integers(0, 60), st.integers(0, 2), st.sampled_from([0, 0.01, 0.3, 1, 30, 1e4]), st.integers(0, 2**32 - 1))
def test_encode_decode_any_latents_round_trip(n_latents, quality, scale, seed):
    payload, decoded = coder().encode(noise(n_latents, scale=scale, seed=seed), quality)
    np.testing.assert_array_equal(coder().decode(payload, n_latents, quality), decoded)
    assert len(payload) <= n_latents * coder().max_latent_bytes


def test_encode_block_by_block_equals_the_whole():
    values, decoded, before = noise(50), [], None
    for start in range(0, 50, 7):
        part = values[start : start + 7]
        payload, expected = coder().encode(part, 1, before)
        np.testing.assert_array_equal(coder().decode(payload, len(part), 1, before), expected)
        decoded.append(expected)
        before = expected
    np.testing.assert_array_equal(np.concatenate(decoded), coder().encode(values, 1)[1])


def test_encode_context_of_one_latent_is_used():
    payload, expected = coder().encode(noise(4), 1, noise(1, seed=3))
    np.testing.assert_array_equal(coder().decode(payload, 4, 1, noise(1, seed=3)), expected)
    assert (coder().decode(payload, 4, 1) != expected).any()


def information(model, values, quality):
    """Return the bits that the symbols must cost, their cumulative frequencies, and their frequencies."""
    symbols, classes, _ = quantisation.quantise(quantisation.Predictor(model, quality), values)
    tables = model.tables.astype(np.int64)
    frequencies = tables[classes, symbols + RADIUS].ravel()
    below = (tables.cumsum(axis=1)[classes, symbols + RADIUS]).ravel() - frequencies
    return -np.log2(frequencies / 2**TABLE_BITS).sum(), below.tolist(), frequencies.tolist()


def test_encode_costs_the_information_and_hardly_more_than_a_byte():
    """Of many recordings, most of them very short: the coder's end is cut to the byte."""
    extra = []
    for seed in range(2_000):
        values = noise(seed % 23, seed=seed)
        extra.append(8 * len(coder().encode(values, seed % 3)[0]) - information(coder().model, values, seed % 3)[0])
    assert max(extra) < 9
    assert 0 < np.mean(extra) < 6


def test_encode_is_a_number_in_the_interval_of_exact_range_coding():
    """The library's frequencies are the stored integers: the interval that they give contains the number."""
    for seed in range(300):
        values = noise(seed % 40, scale=(0.1, 1, 20)[seed % 3], seed=seed)
        payload, _ = coder().encode(values, 1)
        low, span, n_words = 0, 2**64 - 1, 2
        for below, frequency in zip(*information(coder().model, values, 1)[1:], strict=True):
            span >>= TABLE_BITS
            low, span = low + span * below, span * frequency
            if span < 2**32:
                low, span, n_words = low << 32, span << 32, n_words + 1
        number = int.from_bytes(payload.ljust(4 * n_words, b"\0"), "big")
        assert low <= number < low + span
        # No number of fewer bytes lies in it.
        shift = 8 * (4 * n_words - len(payload) + 1)
        assert not payload or -(-low >> shift) << shift >= low + span


def plain_model():
    """Return an EntropyModel made from integers, which no machine rounds differently."""

    def pattern(*shape, low, high):
        return (np.arange(np.prod(shape)) * 7_919_191 % (high - low) + low).reshape(shape).astype(np.int32)

    far = np.abs(np.arange(-RADIUS, RADIUS + 1))
    raw = 2**20 // (1 + 64 * far**2 // (1 + np.arange(CLASSES)[:, None] ** 2))
    tables = 1 + raw * (2**TABLE_BITS - len(far)) // raw.sum(axis=1, keepdims=True)
    tables[:, RADIUS] += 2**TABLE_BITS - tables.sum(axis=1)
    return EntropyModel(
        steps=np.array([[64] * 6, [16] * 6], np.int32),
        groups=np.array([0, 2, 3, 6], np.int32),
        hidden_kernel=pattern(18, 12, low=-900, high=900),
        hidden_bias=pattern(2, 12, low=-300_000, high=300_000),
        linear_kernel=pattern(18, 6, low=-400, high=400),
        mean_kernel=pattern(12, 6, low=-300, high=300),
        mean_bias=pattern(2, 6, low=-50_000, high=50_000),
        scale_kernel=pattern(12, 6, low=-600, high=600),
        scale_bias=pattern(2, 6, low=-3_000_000, high=3_000_000),
        tables=tables.astype(np.int32),
    )


GOLDEN = [
    (
        0,
        "016f09f1c648d58beb0d9a305d92f8e2b2d5947f191797aec44332e410edc94c8b82de69e36ef6c8888a145f073fb2ae0b12751a8ed358b88963f3ec2e94a9251668019a98cce51a5ff80d03527e22f76150e8263b4394846357ecc28b91bddb01",
        "c9847a0760cac054",
    ),
    (
        1,
        "047cdec2fa874508396ccc4ce4a45ce91e47a20a9d369364aee5fd86b06cb50c04f6ed3e9bfab4a943a328c7e21156be57986ded625af8277bec89c85a162e373ffc536d81dd1af37afb72327b2b7f1519d24a8984f543392a58d55bcc5ce0d482171b52bb3daab4e18020b5dc1ffe78ec85bf1c3df4d1192fe145f139d77bff64e6a9c763fc365349876088294f4d7372",
        "cb214cec4f493b13",
    ),
]


@pytest.mark.parametrize(("quality", "payload", "digest"), GOLDEN)
def test_encode_makes_the_bytes_of_the_first_version(quality, payload, digest):
    """Every later version must read a file that is written today, on every machine."""
    values = (np.arange(24 * 6) ** 2 * 31 % 1_201 - 600).reshape(24, 6)
    plain = LatentCoder(plain_model())
    coded, decoded = plain.encode(values, quality)
    assert coded.hex() == payload
    assert hashlib.sha256(decoded.astype("<i4").tobytes()).hexdigest()[:16] == digest
    np.testing.assert_array_equal(plain.decode(bytes.fromhex(payload), 24, quality), decoded)


def test_encode_silence_costs_little():
    payload, _ = coder().encode(np.zeros((500, 5), np.int64), 0)
    loud, _ = coder().encode(noise(500), 0)
    assert len(payload) < len(loud) / 2


def test_decode_any_bytes_gives_latents_or_one_error():
    rng, refused = np.random.default_rng(0), 0
    for size in range(400):
        try:
            decoded = coder().decode(rng.bytes(size % 40), 20, size % 3)
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            assert np.abs(decoded).max() <= VALUE_LIMIT
    assert refused < 400


def test_decode_impossible_bytes_are_refused():
    with pytest.raises(InputError) as error:
        coder().decode(b"\xff" * 40, 30, 0)
    assert "no symbols" in one_line_of(error)

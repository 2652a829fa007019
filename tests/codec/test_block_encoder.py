"""A block takes the bytes that it may, and with the search sounds better in them."""

from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.codec.block_encoder import BlockEncoder
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import CODEC_SEARCH, LatentSearchConfig
from speech_autoencoder.model.network import Network
from speech_autoencoder.model.quantisation import to_floats
from tests.helpers.common import TINY, make_speech
from tests.helpers.tiny_codec import N_QUALITIES, make_codec

FRAMES = log_mel(make_speech(24_000, 8_000, 0), TINY)
QUICK = LatentSearchConfig(steps=0)


@pytest.fixture(scope="module")
def model():
    return make_codec()


def nothing_before(model, n=2):
    return np.zeros((n, model.config.latent_size), np.int64)


def everything(model, frames=FRAMES):
    """Return the slice of all latents of the frames."""
    return slice(0, -(-frames.shape[1] // model.config.frames_per_latent))


def within(model, config, max_bytes, frames=FRAMES):
    return BlockEncoder(Encoder(model, config)).within(
        frames, everything(model, frames), nothing_before(model), max_bytes, None
    )


def loss_of(model, decoded, frames=FRAMES):
    return Encoder(model, CODEC_SEARCH).loss_of(frames)(to_floats(decoded))[0]


@pytest.mark.parametrize("max_bytes", [400, 500])
def test_within_is_closer_to_the_recording_with_the_search_in_as_many_bytes(model, max_bytes):
    searched, plain = (within(model, config, max_bytes) for config in (CODEC_SEARCH, QUICK))
    assert len(searched[0].to_bytes()) <= max_bytes
    assert loss_of(model, searched[1]) < 0.9 * loss_of(model, plain[1])


@pytest.mark.parametrize("max_bytes", [300, 450, 500])
def test_within_uses_nearly_all_of_its_bytes(model, max_bytes):
    block, decoded = within(model, CODEC_SEARCH, max_bytes)
    assert 0.97 * max_bytes < len(block.to_bytes()) <= max_bytes
    coder = BlockEncoder(Encoder(model, QUICK)).coder
    np.testing.assert_array_equal(coder.decode(block.payload, block.n_latents, block.quality), decoded)


@pytest.mark.parametrize("config", [CODEC_SEARCH, QUICK], ids=["search", "quick"])
def test_within_too_few_bytes_is_at_the_coarsest_step(model, config):
    block, _ = within(model, config, 5)
    assert block.quality == 0


@pytest.mark.parametrize("config", [CODEC_SEARCH, QUICK], ids=["search", "quick"])
def test_silence_takes_the_bytes_of_the_coarsest_step(model, config):
    encoder, silence = BlockEncoder(Encoder(model, config)), np.zeros_like(FRAMES)
    blocks = [encoder.at_quality(silence, everything(model), nothing_before(model), q)[0] for q in range(N_QUALITIES)]
    assert {block.quality for block in blocks} == {0}
    assert within(model, config, 10_000, silence)[0] == blocks[0]


def test_block_between_others_is_coded_from_what_was_decoded_before(model):
    encoder = BlockEncoder(Encoder(model, CODEC_SEARCH))
    _, before = encoder.at_quality(FRAMES[:, :80], slice(0, 20), nothing_before(model), 6)
    block, decoded = encoder.at_quality(FRAMES, slice(20, 60), before, 6)
    assert block.n_latents == len(decoded) == 40
    np.testing.assert_array_equal(encoder.coder.decode(block.payload, 40, 6, before), decoded)


def test_weights_that_overflow_are_coded_all_the_same(model):
    weights = {name: np.full_like(array, 1e30) for name, array in model.network.weights.items()}
    wild = replace(model, network=Network(model.config, weights))
    block, decoded = within(wild, CODEC_SEARCH, 300)
    assert block.n_latents == len(decoded)

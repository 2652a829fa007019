"""A block is coded at the finest quality step that fits."""

from types import SimpleNamespace

import numpy as np
import pytest

from speech_autoencoder.codec import rate_control
from speech_autoencoder.codec.container import Block
from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.model.quantisation import to_fixed
from tests.helpers.common import make_entropy


def test_encode_block_decodes_to_what_it_says():
    coder, values = LatentCoder(make_entropy(5, 2)), to_fixed(np.random.default_rng(0).normal(size=(30, 5)))
    block, decoded = rate_control.encode_block(coder, values, None, quality=1)
    assert (block.quality, block.n_latents) == (1, 30)
    np.testing.assert_array_equal(coder.decode(block.payload, 30, 1), decoded)


@pytest.mark.parametrize("guess", [None, 0, 7, 31])
def test_finest_block_is_found_from_any_guess(guess, monkeypatch):
    sizes = np.linspace(3, 90, 32).astype(int)
    monkeypatch.setattr(
        rate_control, "encode_block", lambda coder, values, before, q, prices: (Block(q, bytes(sizes[q]), 1), q)
    )
    coder = SimpleNamespace(model=SimpleNamespace(n_qualities=len(sizes)))
    for max_bytes in range(100):
        fitting = [q for q, size in enumerate(sizes) if len(Block(q, bytes(size), 1).to_bytes()) <= max_bytes]
        block, decoded = rate_control.finest_block(coder, None, None, max_bytes, guess)
        assert block.quality == decoded == max(fitting, default=0)

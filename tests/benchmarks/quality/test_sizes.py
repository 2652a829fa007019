"""What a size costs, counted by hand, and the rows of the tables."""

import numpy as np
import pytest

from benchmarks.quality import sizes
from speech_autoencoder.config import CLASSIC, SIZES, ModelConfig, model_config
from tests.helpers.common import TINY


def test_flops_per_second_are_those_of_the_matrices():
    config = ModelConfig(n_mels=16, frames_per_latent=2, latent_size=4, stem_frames=2, width=8, depth=1)
    shapes = [(2, 16, 4), (2, 16, 8), (8, 4), (4, 32), (3, 4, 8), (8, 32), *2 * [(3, 8, 8), (8, 8)]]
    products = sum(map(np.prod, shapes)) * TINY.frame_rate / 2
    assert sizes.flops_per_second(config, TINY) == pytest.approx(2 * products)


def test_flops_per_second_at_two_resolutions_count_each_at_its_own_rate():
    config = ModelConfig(n_mels=16, frames_per_latent=4, latent_size=4, stem_frames=2, width=8, depth=1)
    block = 3 * 8 * 8 + 8 * 8
    at_latents = 4 * 16 * 4 + 2 * 8 * 8 + block + 8 * 4 + 4 * 4 * 16 + 3 * 4 * 8 + block + 8 * 16
    at_stem = 2 * 16 * 8 + block + block + 8 * 32
    expected = 2 * TINY.frame_rate * (at_latents / 4 + at_stem / 2)
    assert sizes.flops_per_second(config, TINY) == pytest.approx(expected)


def test_flops_per_second_grow_with_the_size():
    flops = [sizes.flops_per_second(model_config(CLASSIC, 690, size), CLASSIC) for size in SIZES]
    assert flops[0] == pytest.approx(1e8, rel=0.05)
    assert flops == sorted(flops)


def test_quality_line_has_every_column():
    scores = {"stoi": 0.9512, "estoi": 0.88, "pesq_nb": None}
    row = {"setting": "classic:690", "size": "small", "epochs": 8, "loss": 0.0884, "error_db": 3.3, "scores": scores}
    cells = sizes.quality_line(row).strip("| \n").split(" | ")
    assert cells == ["classic:690", "small", "8", "0.0884", "3.30", "0.9512", "0.8800", "-"]
    assert len(cells) == len(sizes.QUALITY_COLUMNS)

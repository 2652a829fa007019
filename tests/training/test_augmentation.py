"""Random changes of frames: time and pitch are stretched, the values and silence stay."""

import numpy as np
import pytest

from speech_autoencoder.training.augmentation import draw, vary


def test_vary_stretches_time_and_pitch_but_not_the_values():
    bands = np.arange(64)[:, None]
    frames = np.repeat(np.exp(-((bands - 30) ** 2) / 20).astype(np.float32), 100, axis=1)
    varied = [vary(frames, draw(np.random.default_rng(seed))) for seed in range(60)]
    lengths = {one.shape[1] for one in varied}
    peaks = {int(one[:, 5].argmax()) for one in varied}
    assert min(lengths) < 95 < 105 < max(lengths)
    assert min(peaks) < 29 < 31 < max(peaks)
    assert min(lengths) >= 80
    assert max(lengths) <= 125
    for one in varied:
        assert one.dtype == np.float32
        assert one.shape[0] == 64
        assert one.min() >= 0
        assert 0.88 < one.max() <= 1


@pytest.mark.parametrize("n_frames", [1, 2])
def test_vary_shortest_silence_stays_silent(n_frames):
    for seed in range(10):
        variation = draw(np.random.default_rng(seed))
        varied = vary(np.zeros((8, n_frames), np.float32), variation)
        assert varied.shape[1] == variation.n_frames(n_frames) >= 1
        np.testing.assert_array_equal(varied, 0)

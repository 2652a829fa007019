"""The level of a recording; and the search loss, which is the training loss of one recording, with its gradient."""

import numpy as np
import pytest

from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.config import CLASSIC, LossConfig, preset
from speech_autoencoder.model.losses import LogMelDistance, SearchLoss
from speech_autoencoder.training.training_loss import TrainingLoss
from tests.helpers.common import TINY, make_speech
from tests.helpers.gradients import gradients


@pytest.fixture(scope="module", params=[CLASSIC, preset("fine", 8_000)], ids=["classic", "fine"])
def case(request):
    """Return a preset's LogMelDistance, and the normalised log-mel of two seconds of speech."""
    features = request.param
    return LogMelDistance(features, LossConfig()), log_mel(make_speech(2 * features.sr, features.sr), features)


def noise(*shape, seed=0):
    """Return uniform noise in [0, 1], float32."""
    return np.random.default_rng(seed).random(shape, np.float32)


def test_level_of_speech_makes_the_compressed_rms_one(case):
    loss, frames = case
    rate = loss.config.exponent * loss.to_log_magnitude
    assert np.sqrt(np.mean(np.exp(rate * (frames - loss.level(frames))) ** 2)) == pytest.approx(1, rel=1e-3)


def test_level_of_silence_is_bounded(case):
    loss, frames = case
    assert loss.level(np.zeros_like(frames)) == loss.config.quietest


@pytest.mark.parametrize("n_frames", [5, 24, 120])
@pytest.mark.parametrize("weights", [{}, {"exponent": 0.3, "log_weight": 2.0, "envelope_weight": 0.1}], ids=str)
def test_search_loss_equals_training_loss_with_its_gradient(n_frames, weights):
    """The estimate has values above full scale, which are clipped, and frames that do not count."""
    loss = TrainingLoss(TINY, LossConfig(**weights), band_weight=0.9)
    frames, estimate = noise(n_frames, TINY.n_mels), 1.2 * noise(n_frames, TINY.n_mels, seed=1)
    mask = np.ones(n_frames, np.float32)
    mask[-n_frames // 4 :] = 0
    level = loss.level(frames.T)
    levels = np.full((1, 1, n_frames, 1), level, np.float32)

    def training_loss(given):
        return loss(frames.T[None, ..., None], given, mask[None, None, :, None], levels)[0]

    given = estimate.T[None, ..., None]
    expected_gradient = gradients(training_loss, given)[0][0, ..., 0].T
    value, gradient = SearchLoss(loss, frames, mask, level)(estimate)
    assert value == pytest.approx(float(training_loss(given)), rel=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-3, atol=1e-5 * np.abs(expected_gradient).max())
    assert gradient.dtype == np.float32

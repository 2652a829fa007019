"""The training loss is least for what sounds the same, and follows perception."""

import numpy as np
import pytest

from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.config import CLASSIC, LossConfig, preset
from speech_autoencoder.training.training_loss import TrainingLoss
from tests.helpers.common import make_speech

FINE = preset("fine", 8_000)


@pytest.fixture(scope="module", params=[CLASSIC, FINE], ids=["classic", "fine"])
def case(request):
    """Return a preset's TrainingLoss, and the normalised log-mel of two seconds of speech."""
    features = request.param
    return TrainingLoss(features, LossConfig()), log_mel(make_speech(2 * features.sr, features.sr), features)


def distance(loss, reference, estimate, mask=None):
    """Return the loss of one recording's frames (n_mels, n)."""
    mask = np.ones(reference.shape[1], np.float32) if mask is None else mask
    level = np.full_like(mask, loss.level(reference[:, mask > 0]))
    shaped = [x[None, ..., None].astype(np.float32) for x in (reference, estimate, mask[None], level[None])]
    return float(loss(*shaped)[0])


def test_training_loss_identical_frames_is_nearly_zero(case):
    loss, frames = case
    assert 0 <= distance(loss, frames, frames) < 0.06


def test_training_loss_larger_error_is_larger(case):
    loss, frames = case
    noise = np.random.default_rng(0).normal(size=frames.shape)
    distances = [distance(loss, frames, frames + scale * noise) for scale in (0, 0.01, 0.03, 0.1)]
    assert (np.diff(distances) > 0).all()


def test_training_loss_loud_errors_count_more_than_quiet_ones(case):
    loss, frames = case
    loud = frames > np.quantile(frames, 0.8)
    quiet = frames < np.quantile(frames, 0.2)
    assert distance(loss, frames, frames + 0.05 * loud) > 5 * distance(loss, frames, frames + 0.05 * quiet)


def test_training_loss_another_level_is_the_same(case):
    loss, frames = case
    frames = np.maximum(frames, 0.3)
    noise = 0.03 * np.random.default_rng(0).normal(size=frames.shape)
    expected = distance(loss, frames, frames + noise)
    assert distance(loss, frames - 0.08, frames - 0.08 + noise) == pytest.approx(expected, rel=0.02)


def test_training_loss_masked_frames_do_not_count(case):
    loss, frames = case
    mask = np.ones(frames.shape[1], np.float32)
    mask[-20:] = 0
    other = frames.copy()
    other[:, -20:] = 0.9
    assert distance(loss, frames, other, mask) == pytest.approx(distance(loss, frames, frames, mask), abs=1e-6)


def test_training_loss_more_padding_is_the_same(case):
    loss, frames = case
    noisy = np.clip(frames + 0.03 * np.random.default_rng(0).normal(size=frames.shape), 0, 1)
    count = frames.shape[1]

    def padded_by(n_frames):
        padded = [np.pad(x, ((0, 0), (0, n_frames))) for x in (frames, noisy)]
        return distance(loss, *padded, mask=(np.arange(count + n_frames) < count).astype(np.float32))

    assert padded_by(4 * count) == pytest.approx(padded_by(count), rel=1e-3)
    # The last segment is cut at the end of the sound.
    assert padded_by(count) == pytest.approx(padded_by(0), rel=0.105)


@pytest.mark.parametrize("features", [CLASSIC, FINE], ids=["classic", "fine"])
def test_training_loss_band_weight_compares_each_band_by_itself(features):
    frames = 0.2 + 0.7 * log_mel(make_speech(2 * features.sr, features.sr), features)
    none = LossConfig(log_weight=0.0, envelope_weight=0.0)
    plain = TrainingLoss(features, none)
    spectra = TrainingLoss(features, LossConfig(log_weight=0.0, envelope_weight=1.0))
    bands = TrainingLoss(features, none, band_weight=1.0)

    def envelope_part(loss, estimate):
        """Return what the envelopes add to the loss."""
        return distance(loss, frames, estimate) - distance(plain, frames, estimate)

    tilted = frames + np.linspace(-0.1, 0.1, len(frames))[:, None]
    beaten = frames + 0.05 * np.sin(np.arange(frames.shape[1]) / 3)
    noisy = frames + 0.01 * np.random.default_rng(0).normal(size=frames.shape)
    assert envelope_part(bands, tilted) < 0.01
    assert envelope_part(bands, beaten) > 0.05
    # Most of the correlation of spectra is about differences between bands.
    assert 0 < envelope_part(bands, noisy) < 0.5 * envelope_part(spectra, noisy)


def test_training_loss_one_frame_is_finite(case):
    loss, frames = case
    assert np.isfinite(distance(loss, frames[:, :1], frames[:, 1:2]))

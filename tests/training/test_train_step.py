"""Steps of training: they learn, their averages follow, they can be undone, and divergence is named."""

from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.audio.between import in_time_order
from speech_autoencoder.config import LossConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import keras_network, pca
from speech_autoencoder.training.backends import tensorflow
from speech_autoencoder.training.train_step import TrainStep
from speech_autoencoder.training.training_loss import TrainingLoss
from tests.helpers.batches import STEP, batches_of
from tests.helpers.common import TINY, TINY_MODEL, TINY_TRAINING, make_dataset

COARSE = replace(TINY, hop_length=TINY.n_fft // 2)


@pytest.fixture
def coarse_step():
    """Return a TrainStep of a network with frames between, and a batch for it."""
    data = make_dataset([f"{i}.wav" for i in range(4)], [64, 40, 33, 70], features=COARSE)
    rng = np.random.default_rng(0)
    between = {i: np.clip(data.frames(i) + rng.normal(0, 0.05, data.frames(i).shape), 0, 1) for i in range(4)}
    config = replace(TINY_MODEL, between=1)
    network = keras_network.build(config)
    keras_network.start_at_pca(network, config, pca.fit(data, np.arange(4), STEP, config.latent_size))
    loss = TrainingLoss(COARSE.finer, LossConfig())
    batch = next(batches_of(data, between=between).epoch())
    return TrainStep(network, TINY_TRAINING, loss=loss, range_db=COARSE.range_db), batch


def test_take_steps_many_beat_pca(nine, validation):
    batches, train_step = batches_of(nine), validation.train_step
    start = validation.score_averages().loss
    for epoch in range(60):
        train_step.take_steps(batches.epoch(np.random.default_rng(epoch)), [3e-3] * batches.n_steps)
    assert validation.score_averages().loss < 0.9 * start


def test_take_steps_first_epoch_returns_error_near_pca_and_reports_each_step(nine, validation):
    batches, ticks = batches_of(nine), []
    start = validation.score_averages().error_db
    rates = [1e-6] * batches.n_steps
    error = validation.train_step.take_steps(batches.epoch(), rates, on_step=lambda: ticks.append(1))
    assert len(ticks) == batches.n_steps
    assert error == pytest.approx(start, rel=0.3)


@pytest.mark.parametrize("padded", [0, 40])
def test_gradients_of_a_batch_in_parts_are_those_of_the_whole(nine, train_step, monkeypatch, padded):
    # The correlation of envelopes is left out: it is a mean over segments, which count in part at an end of sound.
    monkeypatch.setattr(train_step, "loss", TrainingLoss(TINY, LossConfig(envelope_weight=0.0)))
    clips, mask, level = next(batches_of(nine).epoch())
    mask = mask.copy()
    mask[1, :, padded:] = 0
    assert len(tensorflow.batch_parts(4)) == 2
    in_parts = tensorflow.gradients_of(train_step, clips, mask, level)
    monkeypatch.setattr(tensorflow, "batch_parts", lambda batch_size: [slice(None)])
    whole = tensorflow.gradients_of(train_step, clips, mask, level)
    for part, gradient in zip([*in_parts[0], *in_parts[1:3]], [*whole[0], *whole[1:3]], strict=True):
        np.testing.assert_allclose(part, gradient, rtol=1e-4, atol=1e-7)


def test_averages_follow_slower_than_weights(nine, train_step):
    batches = batches_of(nine)
    start = train_step.averages()
    for epoch in range(10):
        train_step.take_steps(batches.epoch(np.random.default_rng(epoch)), [1e-2] * batches.n_steps)
    weights = [weight.numpy() for weight in train_step.network.trainable_variables]
    moved = {"average": 0.0, "weights": 0.0}
    for before, average, weight in zip(start, train_step.averages(), weights, strict=True):
        moved["average"] += np.abs(average - before).sum()
        moved["weights"] += np.abs(weight - before).sum()
    assert 0 < moved["average"] < moved["weights"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_take_steps_batch_that_is_not_finite_raises(nine, train_step, value):
    clips, mask, level = next(batches_of(nine).epoch())
    clips[0, 0, 20, 0] = value
    with pytest.raises(InputError, match="--learning-rate"):
        train_step.take_steps([(clips, mask, level)], [1e-3])


def test_take_steps_names_the_recording_whose_values_are_not_finite(nine, train_step):
    damaged = replace(nine, clips=nine.clips.copy())
    batches = batches_of(damaged)
    damaged.clips[damaged.first_row[5], 3, 30] = np.nan
    rates = [1e-3] * batches.n_steps
    with pytest.raises(InputError, match=r"infinite\) on 5\.wav, whose values in the array are not finite: run"):
        train_step.take_steps(batches.epoch(np.random.default_rng(0)), rates, describe_batch=batches.describe_last)


def test_take_steps_that_diverge_name_the_recordings_of_the_batch(nine, train_step):
    batches = batches_of(nine)
    words = r"diverged \(the loss is NaN or infinite\) on a batch with (\d\.wav, ){2}\d\.wav and \d more: use a lower "
    with pytest.raises(InputError, match=words):
        for epoch in range(20):
            given = batches.epoch(np.random.default_rng(epoch))
            train_step.take_steps(given, [1e20] * batches.n_steps, describe_batch=batches.describe_last)


def test_restore_state_repeats_what_followed_bit_for_bit(nine, train_step):
    batches = batches_of(nine)

    def follow():
        error = train_step.take_steps(batches.epoch(np.random.default_rng(5)), [1e-2] * batches.n_steps)
        return error, train_step.state()

    train_step.take_steps(batches.epoch(np.random.default_rng(4)), [1e-2] * batches.n_steps)
    kept = train_step.state()
    error, after = follow()
    train_step.restore(kept)
    error_again, again = follow()
    assert error == error_again
    assert any((after[name] != kept[name]).any() for name in kept)
    for name, value in after.items():
        np.testing.assert_array_equal(value, again[name])


def test_restore_state_of_another_network_raises(train_step):
    state = {name: np.zeros((3, 3, 3, 3)) for name in train_step.state()}
    with pytest.raises(ValueError, match="state_0"):
        train_step.restore(state)


def test_use_averages_gives_those_weights(nine, train_step):
    train_step.take_steps(batches_of(nine).epoch(), [1e-2] * 3)
    averages = train_step.averages()
    train_step.use(averages)
    for weight, average in zip(train_step.network.trainable_variables, averages, strict=True):
        np.testing.assert_array_equal(weight.numpy(), average)


# Frames between


def test_compare_with_frames_between_is_the_loss_of_all_frames_in_time_order(coarse_step):
    step, batch = coarse_step
    clips, mask, level = batch
    n_mels, rng = COARSE.n_mels, np.random.default_rng(1)
    output = rng.uniform(0.2, 0.8, (len(clips), 2 * n_mels, *clips.shape[2:])).astype(np.float32)

    def in_order(frames):
        return np.stack([in_time_order(each[..., 0], COARSE) for each in frames])[..., None]

    loss, squares = step.compare(clips, output, mask, level)
    wanted = in_order(clips[:, : 2 * n_mels]), in_order(output), np.repeat(mask, 2, 2), np.repeat(level, 2, 2)
    assert float(loss) == pytest.approx(float(step.loss(*wanted)[0]), rel=1e-5)
    own = np.square(clips[:, :n_mels] - output[:, :n_mels]) * mask
    assert float(squares) == pytest.approx(own.sum() / (mask.sum() * n_mels), rel=1e-4)


def test_take_steps_with_frames_between_learn(coarse_step):
    step, batch = coarse_step
    losses = [float(step.step(*batch)[0]) for _ in range(30)]
    assert losses[-1] < 0.9 * losses[0]

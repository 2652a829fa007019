"""One step of training: what batches hold, what is varied, the schedule, the averages."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from speech_autoencoder.config import LossConfig, TrainingConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import keras_network as model
from speech_autoencoder.model import pca
from speech_autoencoder.training.train_step import Batches, TrainStep, learning_rate, vary
from speech_autoencoder.training.training_loss import TrainingLoss
from tests.helpers.common import TINY, TINY_MODEL, TINY_TRAINING, make_dataset

STEP = TINY_MODEL.frames_per_latent
LOSS = TrainingLoss(TINY, LossConfig())


def batches_of(data, recordings=None, batch_size=4):
    """Batches of some recordings of data, or of all."""
    recordings = np.arange(len(data.names)) if recordings is None else recordings
    return Batches(data, recordings, TrainingConfig(batch_size=batch_size), STEP, LOSS)


@pytest.fixture(scope="module")
def data():
    return make_dataset([f"{i}.wav" for i in range(9)], [3, 8, 20, 32, 33, 40, 64, 70, 100])


@pytest.fixture(scope="module")
def floor(data):
    return pca.fit(data, np.arange(len(data.names)), STEP, TINY_MODEL.latent_size)


@pytest.fixture(scope="module")
def made(floor):
    """(TrainStep, its state before the first step): making one takes seconds."""
    keras.utils.set_random_seed(0)
    network = model.build(TINY_MODEL)
    model.start_at_pca(network, TINY_MODEL, floor)
    learner = TrainStep(network, TINY_TRAINING, LOSS, TINY.range_db)
    return learner, learner.state()


@pytest.fixture
def learner(made):
    """A TrainStep at the start of training."""
    learner, start = made
    learner.restore(start)
    return learner


def sound_of(batch):
    """The frames of a batch that the mask marks, one bytes each."""
    clips, mask, _ = batch
    return [frame.tobytes() for clip, row in zip(clips, mask, strict=True) for frame in clip[:, row[0, :, 0] == 1, 0].T]


@pytest.mark.parametrize("n_clips", [1, 7, 33, 257])
def test_batches_epoch_in_order_has_each_frame_once(n_clips):
    many = make_dataset([f"{i}.wav" for i in range(n_clips)], 1 + np.arange(n_clips) % 70)
    batches = batches_of(many)
    epoch = list(batches.epoch())
    assert len(epoch) == batches.n_steps
    sound = [frame for batch in epoch for frame in sound_of(batch)]
    assert sound == [frame.tobytes() for i in range(n_clips) for frame in many.frames(i).T]


def test_batches_mask_marks_silence_between_recordings(data):
    for clips, mask, level in batches_of(data).epoch():
        assert set(np.unique(mask)) <= {0, 1}
        assert 0 < mask.mean() < 1
        assert not clips[np.broadcast_to(mask == 0, clips.shape)].any()
        assert clips.shape[2] % STEP == 0
        assert mask.shape == level.shape == (len(clips), 1, clips.shape[2], 1)


def test_batches_level_is_the_recordings(data):
    recording, levels = 8, set()
    for _, mask, level in batches_of(data, [recording]).epoch():
        levels |= set(level[mask == 1].tolist())
    assert levels == {np.float32(LOSS.level(data.frames(recording)))}


@pytest.mark.parametrize("n_clips", [1, 9, 100])
def test_batches_shuffled_epoch_has_as_many_full_batches(n_clips):
    batches = batches_of(make_dataset([f"{i}.wav" for i in range(n_clips)], 10 + np.arange(n_clips) % 50))
    for seed in range(5):
        epoch = list(batches.epoch(np.random.default_rng(seed)))
        assert len(epoch) == batches.n_steps
        assert all(mask.mean() > 0.5 for _, mask, _ in epoch)


def test_batches_large_corpus_is_seen_in_parts_that_differ(data, monkeypatch):
    monkeypatch.setattr("speech_autoencoder.training.train_step.MOST_STEPS", 1)
    batches = batches_of(data)
    first, second = (list(batches.epoch(np.random.default_rng(seed))) for seed in (0, 1))
    assert len(first) == len(second) == batches.n_steps == 1
    assert set(sound_of(first[0])) != set(sound_of(second[0]))


def test_batches_shuffled_epochs_differ_and_repeat(data):
    batches = batches_of(data)

    def epoch(seed):
        return b"".join(clips.tobytes() for clips, *_ in batches.epoch(np.random.default_rng(seed)))

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)


def test_batches_shuffled_shifts_sound_against_latent_grid(data):
    batches, starts = batches_of(data), set()
    for seed in range(8):
        for _, mask, _ in batches.epoch(np.random.default_rng(seed)):
            starts |= {int(start) % STEP for start in np.flatnonzero(np.diff(mask[:, 0, :, 0].ravel()) > 0)}
    assert starts == set(range(STEP))


def test_batches_silences_are_long_count_and_come_in_training_alone():
    many = make_dataset([f"{i}.wav" for i in range(400)], [20] * 400)
    batches = Batches(many, np.arange(400), TrainingConfig(batch_size=4), STEP, LOSS, silences=True)

    def counted_silence(epoch):
        clips, mask, level = (np.concatenate(arrays) for arrays in zip(*epoch, strict=True))
        silent = (mask[:, 0, :, 0] == 1) & ~clips.any(axis=(1, 3))
        assert (level[:, 0, :, 0][silent] == np.float32(LOSS.config.quietest)).all()
        return silent.sum(), mask.sum()

    assert counted_silence(batches.epoch())[0] == 0
    n_silent, n_counted = counted_silence(batches.epoch(np.random.default_rng(0)))
    assert 0.02 < n_silent / n_counted < 0.3


def test_vary_stretches_time_and_pitch_but_not_the_values():
    bands = np.arange(64)[:, None]
    frames = np.repeat(np.exp(-((bands - 30) ** 2) / 20).astype(np.float32), 100, axis=1)
    varied = [vary(frames, np.random.default_rng(seed)) for seed in range(60)]
    lengths, peaks = {one.shape[1] for one in varied}, {int(one[:, 5].argmax()) for one in varied}
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
        varied = vary(np.zeros((8, n_frames), np.float32), np.random.default_rng(seed))
        assert varied.shape[1] >= 1
        np.testing.assert_array_equal(varied, 0)


def test_validate_at_start_is_error_of_pca(data, floor, learner):
    total = count = 0
    for clips, mask, _ in batches_of(data).epoch():
        for clip, row in zip(clips[..., 0], mask[:, 0, :, 0], strict=True):
            total += np.square((floor.reconstruct(clip) - clip)[:, row == 1], dtype=np.float64).sum()
            count += row.sum() * len(clip)
    expected = TINY.range_db * np.sqrt(total / count)
    assert expected > 1
    assert learner.validate(batches_of(data))[1] == pytest.approx(expected, rel=1e-4)


def test_validate_padding_counts_for_nothing(learner):
    data = make_dataset([f"{i}.wav" for i in range(6)], [8, 16, 24, 24, 16, 32])
    before = learner.validate(batches_of(data, batch_size=6))
    for clip, n_valid in zip(data.clips, data.valid_frames(), strict=True):
        clip[:, n_valid:] = 1
    assert learner.validate(batches_of(data, batch_size=6)) == pytest.approx(before, rel=1e-5)


def test_validate_leaves_weights_as_they_were(data, learner):
    learner.learn(batches_of(data).epoch(np.random.default_rng(0)), [1e-2] * 3)
    before = learner.state()
    learner.validate(batches_of(data))
    for name, value in learner.state().items():
        np.testing.assert_array_equal(value, before[name])


def test_learn_many_steps_beats_pca(data, learner):
    batches = batches_of(data)
    start, _ = learner.validate(batches)
    for epoch in range(60):
        learner.learn(batches.epoch(np.random.default_rng(epoch)), [3e-3] * batches.n_steps)
    assert learner.validate(batches)[0] < 0.9 * start


def test_learn_first_epoch_returns_error_near_pca_and_ticks_each_step(data, learner):
    batches, ticks = batches_of(data), []
    _, start = learner.validate(batches)
    error = learner.learn(batches.epoch(), [1e-6] * batches.n_steps, lambda: ticks.append(1))
    assert len(ticks) == batches.n_steps
    assert error == pytest.approx(start, rel=0.3)


@pytest.mark.parametrize("padded", [0, 40])
def test_gradients_of_a_batch_in_parts_are_those_of_the_whole(data, made, monkeypatch, padded):
    learner, start = made
    learner.restore(start)
    # The correlation of envelopes is left out: it is a mean over segments, which count in part at an end of sound.
    monkeypatch.setattr(learner, "loss", TrainingLoss(TINY, LossConfig(envelope_weight=0.0)))
    clips, mask, level = next(iter(batches_of(data).epoch()))
    mask = mask.copy()
    mask[1, :, padded:] = 0
    in_parts = learner._gradients(clips, mask, level)
    monkeypatch.setattr(learner, "_parts", lambda: [slice(None)])
    whole = learner._gradients(clips, mask, level)
    for part, gradient in zip([*in_parts[0], *in_parts[1:]], [*whole[0], *whole[1:]], strict=True):
        np.testing.assert_allclose(part, gradient, rtol=1e-4, atol=1e-7)
    assert len(TrainStep._parts(learner)) == 2


def test_learn_averages_follow_slower_than_weights(data, learner):
    batches = batches_of(data)
    start = learner.averages()
    for epoch in range(10):
        learner.learn(batches.epoch(np.random.default_rng(epoch)), [1e-2] * batches.n_steps)
    weights = [weight.numpy() for weight in learner.network.trainable_variables]
    steps = {name: [] for name in ("average", "weights")}
    for before, average, weight in zip(start, learner.averages(), weights, strict=True):
        steps["average"].append(np.abs(average - before).sum())
        steps["weights"].append(np.abs(weight - before).sum())
    assert 0 < sum(steps["average"]) < sum(steps["weights"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_learn_batch_that_is_no_number_raises(data, learner, value):
    clips, mask, level = next(batches_of(data).epoch())
    clips[0, 0, 20, 0] = value
    with pytest.raises(InputError, match="--learning-rate"):
        learner.learn([(clips, mask, level)], [1e-3])


def test_learn_names_the_recording_whose_values_are_no_numbers(data, learner):
    spoiled = replace(data, clips=data.clips.copy())
    batches = batches_of(spoiled)
    spoiled.clips[spoiled.first_row[5], 3, 30] = np.nan
    rates = [1e-3] * batches.n_steps
    with pytest.raises(InputError, match=r"; 5\.wav has values in the array that are no numbers: run train_data_gen"):
        learner.learn(batches.epoch(np.random.default_rng(0)), rates, describe=batches.describe_last)


def test_learn_that_diverges_names_what_it_had_just_heard(data, learner):
    batches = batches_of(data)
    words = r"it had just heard (\d\.wav, ){2}\d\.wav and \d more: use a lower --learning-rate\.$"
    with pytest.raises(InputError, match=words):
        for epoch in range(20):
            heard = batches.epoch(np.random.default_rng(epoch))
            learner.learn(heard, [1e20] * batches.n_steps, describe=batches.describe_last)


def test_batches_describe_last_names_each_recording_of_the_batch(data):
    """In order, the first batch holds 4 x 64 frames: all but what comes after 200 frames, silences included."""
    batches, seen = batches_of(data, batch_size=1), []
    for clips, mask, _ in batches.epoch():
        named = batches.describe_last()
        frames = {clips[0, :, i, 0].tobytes() for i in np.flatnonzero(mask[0, 0, :, 0])}
        there = [i for i in range(9) if frames & {frame.tobytes() for frame in data.frames(i).T}]
        assert all(f"{i}.wav" in named or " more" in named for i in there)
        seen += there
    assert set(seen) == set(range(9))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_validate_weights_that_are_no_numbers_raise(data, learner, value):
    learner.average[-1].assign(np.full(learner.average[-1].shape, value))
    with pytest.raises(InputError, match=r"a weight is NaN or infinite\): use a lower --learning-rate"):
        learner.validate(batches_of(data))


def test_restore_state_repeats_what_followed_bit_for_bit(data, learner):
    batches = batches_of(data)

    def follow():
        error = learner.learn(batches.epoch(np.random.default_rng(5)), [1e-2] * batches.n_steps)
        return error, learner.state()

    learner.learn(batches.epoch(np.random.default_rng(4)), [1e-2] * batches.n_steps)
    kept = learner.state()
    error, after = follow()
    learner.restore(kept)
    error_again, again = follow()
    assert error == error_again
    assert any((after[name] != kept[name]).any() for name in kept)
    for name, value in after.items():
        np.testing.assert_array_equal(value, again[name])


def test_restore_state_of_other_network_raises(learner):
    state = {name: np.zeros((3, 3, 3, 3)) for name in learner.state()}
    with pytest.raises(ValueError, match="state_0"):
        learner.restore(state)


def test_use_averages_gives_those_weights(data, learner):
    learner.learn(batches_of(data).epoch(), [1e-2] * 3)
    averages = learner.averages()
    learner.use(averages)
    for weight, average in zip(learner.network.trainable_variables, averages, strict=True):
        np.testing.assert_array_equal(weight.numpy(), average)


@pytest.mark.parametrize("n_steps", [1, 2, 19, 20, 400])
def test_learning_rate_is_never_negative_nor_above_peak(n_steps):
    rates = [learning_rate(step, n_steps, 1e-3) for step in range(n_steps)]
    assert all(0 < rate <= 1e-3 for rate in rates)
    assert max(rates) == pytest.approx(1e-3)


def test_learning_rate_warms_up_then_falls_to_nearly_zero():
    rates = np.array([learning_rate(step, 400, 1e-3) for step in range(400)])
    assert rates[0] < 1e-4
    peak = int(rates.argmax())
    assert 0 < peak < 40
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak + 1 :]) < 0).all()
    assert rates[-1] < 1e-6


def test_learning_rate_past_the_plan_stays_small():
    """A resumed training never asks, but a longer one than planned must not climb again or turn negative."""
    assert 0 <= learning_rate(400, 400, 1e-3) < 1e-9

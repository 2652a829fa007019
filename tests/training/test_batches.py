"""What batches hold: every frame once in order, silence between recordings, another order in each random epoch."""

from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.audio.between import interpolate
from speech_autoencoder.training import batches as batches_module
from tests.helpers.batches import LOSS, STEP, batches_of
from tests.helpers.common import TINY, make_dataset

COARSE = replace(TINY, hop_length=TINY.n_fft // 2)


def sound_of(batch):
    """Return the frames of a batch that the mask marks, each as bytes."""
    clips, mask, _ = batch
    return [frame.tobytes() for clip, row in zip(clips, mask, strict=True) for frame in clip[:, row[0, :, 0] == 1, 0].T]


@pytest.mark.parametrize("n_clips", [1, 7, 33, 257])
def test_epoch_in_order_has_each_frame_once(n_clips):
    data = make_dataset([f"{i}.wav" for i in range(n_clips)], 1 + np.arange(n_clips) % 70)
    batches = batches_of(data)
    epoch = list(batches.epoch())
    assert len(epoch) == batches.n_steps
    sound = [frame for batch in epoch for frame in sound_of(batch)]
    assert sound == [frame.tobytes() for i in range(n_clips) for frame in data.frames(i).T]


def test_epoch_mask_marks_silence_between_recordings(nine):
    for clips, mask, level in batches_of(nine).epoch():
        assert set(np.unique(mask)) <= {0, 1}
        assert 0 < mask.mean() < 1
        assert not clips[np.broadcast_to(mask == 0, clips.shape)].any()
        assert clips.shape[2] % STEP == 0
        assert mask.shape == level.shape == (len(clips), 1, clips.shape[2], 1)


def test_epoch_level_is_that_of_the_recording(nine):
    recording, levels = 8, set()
    for _, mask, level in batches_of(nine, [recording]).epoch():
        levels |= set(level[mask == 1].tolist())
    assert levels == {np.float32(LOSS.level(nine.frames(recording)))}


@pytest.mark.parametrize("n_clips", [1, 9, 100])
def test_epoch_shuffled_has_as_many_full_batches(n_clips):
    batches = batches_of(make_dataset([f"{i}.wav" for i in range(n_clips)], 10 + np.arange(n_clips) % 50))
    for seed in range(5):
        epoch = list(batches.epoch(np.random.default_rng(seed)))
        assert len(epoch) == batches.n_steps
        assert all(mask.mean() > 0.5 for _, mask, _ in epoch)


def test_epoch_of_a_large_corpus_is_a_part_that_differs(nine, monkeypatch):
    monkeypatch.setattr(batches_module, "MOST_STEPS", 1)
    batches = batches_of(nine)
    first, second = (list(batches.epoch(np.random.default_rng(seed))) for seed in (0, 1))
    assert len(first) == len(second) == batches.n_steps == 1
    assert set(sound_of(first[0])) != set(sound_of(second[0]))


def test_epoch_shuffled_depends_on_the_generator_alone(nine):
    batches = batches_of(nine)

    def epoch(seed):
        return b"".join(clips.tobytes() for clips, *_ in batches.epoch(np.random.default_rng(seed)))

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)


def test_epoch_shuffled_shifts_sound_against_the_latents_grid(nine):
    batches, starts = batches_of(nine), set()
    for seed in range(8):
        for _, mask, _ in batches.epoch(np.random.default_rng(seed)):
            starts |= {int(start) % STEP for start in np.flatnonzero(np.diff(mask[:, 0, :, 0].ravel()) > 0)}
    assert starts == set(range(STEP))


def test_epoch_long_silences_count_and_come_in_training_alone():
    data = make_dataset([f"{i}.wav" for i in range(400)], [20] * 400)
    batches = batches_of(data, silences=True)

    def counted_silence(epoch):
        clips, mask, level = (np.concatenate(arrays) for arrays in zip(*epoch, strict=True))
        silent = (mask[:, 0, :, 0] == 1) & ~clips.any(axis=(1, 3))
        assert (level[:, 0, :, 0][silent] == np.float32(LOSS.config.quietest)).all()
        return silent.sum(), mask.sum()

    assert counted_silence(batches.epoch())[0] == 0
    n_silent, n_counted = counted_silence(batches.epoch(np.random.default_rng(0)))
    assert 0.02 < n_silent / n_counted < 0.3


def test_describe_last_names_each_recording_of_the_batch(nine):
    """In order, the first batch holds 4 x 64 frames: all but what comes after 200 frames, silences included."""
    batches, seen = batches_of(nine, batch_size=1), []
    for clips, mask, _ in batches.epoch():
        named = batches.describe_last()
        frames = {clips[0, :, i, 0].tobytes() for i in np.flatnonzero(mask[0, 0, :, 0])}
        there = [i for i in range(9) if frames & {frame.tobytes() for frame in nine.frames(i).T}]
        assert all(f"{i}.wav" in named or " more" in named for i in there)
        seen += there
    assert set(seen) == set(range(9))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_describe_last_names_the_recording_that_is_not_finite(nine, value):
    damaged = replace(nine, clips=nine.clips.copy())
    batches = batches_of(damaged, batch_size=100)
    damaged.clips[damaged.first_row[5], 3, 30] = value
    next(batches.epoch())
    message = "on 5.wav, whose values in the array are not finite: run train_data_generator.py again"
    assert batches.describe_last() == message


def test_batches_read_recordings_when_they_are_used_and_each_level_once():
    """A corpus may have millions: what is done for each before the first step delays it."""
    data, read = make_dataset(["long.wav", "short.wav"], [1_000, 40]), []

    class Watched(np.ndarray):
        def __getitem__(self, rows):
            read.append((rows.start, rows.stop))
            return np.asarray(self)[rows]

    watched = replace(data, clips=data.clips.view(Watched))
    batches, expected = batches_of(watched, batch_size=1), batches_of(data, batch_size=1)
    assert batches.n_steps == expected.n_steps
    assert not read
    for one, other in zip(batches.epoch(), expected.epoch(), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    first, last = (int(row) for row in data.first_row[:2])
    assert read.count((first, last)) == 1


@pytest.mark.parametrize("seed", [None, 0])
def test_epoch_batches_made_ahead_by_threads_are_the_same(nine, seed):
    """One thread makes them while a step computes, several where a GPU does: in the same order, of the same bytes."""

    def epoch(workers):
        rng = None if seed is None else np.random.default_rng(seed)
        return [part.tobytes() for batch in batches_of(nine).epoch(rng, workers=workers) for part in batch]

    assert epoch(3) == epoch(1) == epoch(0)


# Frames between


@pytest.fixture
def coarse():
    """Return a Dataset whose features lack the frames between, and made-up ones of its first two recordings."""
    data = make_dataset([f"{i}.wav" for i in range(3)], [40, 33, 20], features=COARSE)
    rng = np.random.default_rng(0)
    return data, {i: rng.uniform(0.2, 0.8, data.frames(i).shape).astype(np.float16) for i in range(2)}


def rows_of(batch):
    """Return the frames that the mask marks: those of clips, those between, and what the encoder is given of these."""
    clips, mask, _ = batch
    frames = np.concatenate([clip[:, row[0, :, 0] == 1, 0] for clip, row in zip(clips, mask, strict=True)], axis=1)
    return np.split(frames, 3)


def test_epoch_has_the_frames_between_and_how_they_differ_from_interpolation(coarse):
    data, between = coarse
    (batch,) = batches_of(data, between=between).epoch()
    own, others, given = rows_of(batch)
    n_known = int(data.n_frames[:2].sum())
    np.testing.assert_array_equal(own, np.concatenate([data.frames(i) for i in range(3)], axis=1))
    np.testing.assert_array_equal(others[:, :n_known], np.concatenate([between[0], between[1]], axis=1))
    first = data.frames(0)
    expected = between[0] - interpolate(first.T, COARSE)[0].T
    inside = slice(2, -3)  # beyond it, interpolation sees the silence around
    np.testing.assert_allclose(given[:, : first.shape[1]][:, inside], expected[:, inside], atol=1e-6)


def test_epoch_interpolates_frames_between_that_are_not_known(coarse):
    data, between = coarse
    (batch,) = batches_of(data, between=between).epoch()
    _, others, given = rows_of(batch)
    first = int(data.n_frames[:2].sum())
    np.testing.assert_allclose(others[:, first:], interpolate(data.frames(2).T, COARSE)[0].T, atol=1e-6)
    assert not given[:, first:].any()


def test_epoch_shuffled_does_not_give_the_encoder_all_frames_between(coarse):
    data, between = coarse
    batches = batches_of(data, between=between)
    seen = set()
    for seed in range(20):
        for batch in batches.epoch(np.random.default_rng(seed)):
            seen |= set(rows_of(batch)[2].any(axis=0).tolist())
    assert seen == {True, False}

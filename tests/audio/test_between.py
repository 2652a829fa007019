"""Frames between those of a hop of half a window: computed of the sound, or interpolated."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_autoencoder.audio.between import (
    frames_between,
    in_time_order,
    interpolate,
    log_mel_stream,
    with_between,
)
from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.config import CLASSIC
from tests.helpers.common import TINY, make_speech

COARSE = replace(TINY, hop_length=TINY.n_fft // 2)


@pytest.mark.parametrize("n_samples", [1, 127, 128, 129, 256, 5_000])
def test_frames_between_are_every_second_frame_of_the_finer_features(n_samples):
    speech = make_speech(n_samples, COARSE.sr)
    both = np.concatenate([log_mel(speech, COARSE), frames_between(speech, COARSE)])
    assert both.shape == (2 * COARSE.n_mels, COARSE.count_frames(n_samples))
    finer = log_mel(speech, COARSE.finer)
    np.testing.assert_allclose(in_time_order(both, COARSE)[:, : finer.shape[1]], finer, atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=9))
def test_log_mel_stream_does_not_depend_on_the_blocks(sizes):
    speech = make_speech(sum(sizes), COARSE.sr)
    blocks = np.split(speech, np.cumsum(sizes)[:-1])
    streamed = np.concatenate(list(log_mel_stream(blocks, COARSE, between=True)), axis=1)
    expected = np.concatenate([log_mel(speech, COARSE), frames_between(speech, COARSE)])
    np.testing.assert_allclose(streamed, expected, atol=1e-6)


def test_log_mel_stream_yields_frames_while_sound_arrives():
    n_taken = 0

    def blocks():
        nonlocal n_taken
        for _ in range(100):
            n_taken += 1
            yield np.zeros(1_000, np.float32)

    next(log_mel_stream(blocks(), COARSE, between=True))
    assert n_taken < 5


def test_interpolate_silence_is_silence_and_a_steady_sound_stays():
    frames = np.zeros((9, CLASSIC.n_mels), np.float32)
    assert not interpolate(frames, CLASSIC)[0].any()
    np.testing.assert_allclose(interpolate(frames + 0.7, CLASSIC)[0], frames + 0.7, atol=1e-6)


def test_interpolate_speech_is_nearer_than_the_mean_of_neighbours():
    speech = make_speech(2 * CLASSIC.sr, CLASSIC.sr)
    frames, truth = log_mel(speech, CLASSIC).T[:-1], frames_between(speech, CLASSIC).T[:-1]
    mean = (frames[:-1] + frames[1:]) / 2
    errors = [np.square(made[:-1] - truth[:-1]).mean() for made in (interpolate(frames, CLASSIC)[0], [*mean, mean[-1]])]
    assert errors[0] < errors[1]


@pytest.mark.parametrize("n_frames", [1, 2, 3, 9])
def test_interpolate_vjp_is_that_of_the_frames(n_frames):
    rng = np.random.default_rng(0)
    frames, move, gradient = (rng.uniform(0.3, 0.8, (n_frames, CLASSIC.n_mels)) for _ in range(3))
    _, vjp = interpolate(frames, CLASSIC)
    above, below = (interpolate(frames + step * move, CLASSIC)[0].astype(float) for step in (1e-3, -1e-3))
    assert np.vdot(vjp(gradient), move) == pytest.approx(np.vdot(above - below, gradient) / 2e-3, rel=5e-3)


def test_with_between_keeps_frames_between_that_are_there():
    frames = np.random.default_rng(0).random((2 * COARSE.n_mels, 5), np.float32)
    assert with_between(frames, COARSE) is frames
    assert with_between(frames[: COARSE.n_mels], COARSE).shape == frames.shape

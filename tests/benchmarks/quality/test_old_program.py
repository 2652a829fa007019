"""The old program makes the mistakes that docs/quality.md describes."""

import numpy as np
import pytest

from benchmarks.quality import old_program
from speech_autoencoder.config import CLASSIC
from tests.helpers.common import make_speech

SR = CLASSIC.sr


def make_clips(n=4, seed=0):
    """Return clips (n, 128, 48, 1) in [0.2, 0.7]."""
    return 0.2 + 0.5 * np.random.default_rng(seed).random((n, 128, 48, 1), np.float32)


def copy(clips, training):
    """Return the input: a perfect network."""
    return clips


@pytest.mark.parametrize("n_samples", [SR // 4, old_program.N_SAMPLES, 2 * SR])
def test_analyse_any_recording_is_one_clip(n_samples):
    assert old_program.analyse(make_speech(n_samples, SR)).shape == (128, 48)


def test_analyse_loses_what_is_40_db_below_the_loudest():
    t = np.arange(SR) / SR
    loud, quiet = np.sin(2 * np.pi * 400 * t), np.sin(2 * np.pi * 4_000 * t)
    alone = old_program.analyse(loud)
    for level_db, is_kept in ((-36, True), (-44, False)):
        both = old_program.analyse(loud + 10 ** (level_db / 20) * quiet)
        band = both[:, 10].copy()
        band[alone[:, 10] > -80] = -80
        assert (band.max() > -80) == is_kept


def test_synthesise_analysed_tone_has_its_pitch():
    waveform = 0.1 * np.sin(2 * np.pi * 1_000 * np.arange(old_program.N_SAMPLES) / SR)
    sound = old_program.synthesise(old_program.analyse(waveform), seed=0)
    assert len(sound) == old_program.N_SAMPLES
    assert np.abs(np.fft.rfft(sound)).argmax() * SR / len(sound) == pytest.approx(1_000, abs=30)
    np.testing.assert_array_equal(sound, old_program.synthesise(old_program.analyse(waveform), seed=0))


@pytest.mark.parametrize("stretched", [True, False])
def test_apply_network_perfect_one_returns_the_clips(stretched):
    clips = make_clips()
    clips[1] = 0.3  # nothing to stretch
    np.testing.assert_allclose(old_program.apply_network(copy, clips, stretched=stretched), clips, atol=1e-6)


def test_apply_network_stretched_takes_the_extremes_of_the_output_for_those_of_the_clip():
    """A single value that is wrong moves all the others."""

    def outlier(clips, training):
        return np.where(clips == 1, 3, clips)

    clips = make_clips(1)
    output = old_program.apply_network(outlier, clips, stretched=True)
    assert output.max() == pytest.approx(clips.max())
    assert np.abs(output - clips).mean() > 0.1


def test_train_sees_half_of_the_clips_and_ends_in_time():
    clips = make_clips()
    network, n_epochs = old_program.train(clips, minutes=1e-6, seed=0)
    assert n_epochs == 1
    assert network.count_params() == 4_385
    kept = np.random.default_rng(0).permutation(4)[:2]
    clips[[i for i in range(4) if i not in kept]] = 0
    again, _ = old_program.train(clips, minutes=1e-6, seed=0)
    for weight, expected in zip(network.weights, again.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)

"""Resampled waveforms sound the same and have exactly the expected length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.audio.resampling import (
    fit_length,
    resample,
    resample_recording,
    resample_stream,
    resample_together,
    resampled_length,
)
from tests.helpers.common import make_speech

SPEECH = make_speech(8_000, 8_000)


def test_resample_stream_there_and_back_is_the_same_sound():
    there = np.concatenate(list(resample_stream(np.array_split(SPEECH, 5), 8_000, 22_050, 22_050)))
    back = np.concatenate(list(resample_stream(np.array_split(there, 3), 22_050, 8_000, 8_000)))
    # What is lost is just below 4 kHz, where there is only noise.
    assert np.corrcoef(back, SPEECH)[0, 1] > 0.999
    assert np.std(back) == pytest.approx(np.std(SPEECH), rel=1e-3)


def test_resample_stream_same_rate_is_the_identity():
    assert np.array_equal(np.concatenate(list(resample_stream([SPEECH], 8_000, 8_000, 8_000))), SPEECH)


@given(
    sr_in=st.sampled_from([4_000, 8_000, 11_025, 22_050, 48_000]),
    sr_out=st.sampled_from([8_000, 16_000, 22_050, 44_100]),
    sizes=st.lists(st.integers(0, 3_000), max_size=5),
    n_samples=st.integers(0, 20_000),
)
def test_resample_stream_any_blocks_give_exactly_n_samples(sr_in, sr_out, sizes, n_samples):
    blocks = list(resample_stream([np.ones(size, np.float32) for size in sizes], sr_in, sr_out, n_samples))
    assert sum(map(len, blocks)) == n_samples


@given(
    recordings=st.lists(st.tuples(st.sampled_from([8_000, 16_000, 22_000, 22_050, 48_000]), st.integers(1, 6_000))),
    sr=st.sampled_from([8_000, 22_050]),
)
def test_resample_together_equals_each_alone_to_the_last_bit(recordings, sr):
    waveforms = [np.resize(SPEECH, n_samples) for _, n_samples in recordings]
    rates = [own_sr for own_sr, _ in recordings]
    together = resample_together(waveforms, rates, sr)
    assert len(together) == len(recordings)
    for resampled, waveform, own_sr in zip(together, waveforms, rates, strict=True):
        n_samples = -(-len(waveform) * sr // own_sr)
        alone = np.concatenate(list(resample_stream([waveform], own_sr, sr, n_samples)))
        assert np.array_equal(resampled, alone)


@given(
    sr_in=st.sampled_from([8_000, 22_050, 48_000]),
    sr_out=st.sampled_from([8_000, 22_050]),
    sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=5),
)
def test_resample_recording_any_blocks_are_the_whole_resampled(sr_in, sr_out, sizes):
    waveform = np.resize(SPEECH, sum(sizes))
    blocks = list(resample_recording(np.split(waveform, np.cumsum(sizes)[:-1]), sr_in, sr_out))
    n_samples = resampled_length(len(waveform), sr_in, sr_out)
    expected = fit_length(resample(waveform, sr_in, sr_out), n_samples)
    assert np.concatenate(blocks) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("n_samples", "expected"), [(0, 0), (1, 3), (8_000, 22_050), (8_001, 22_053)])
def test_resampled_length_rounds_up(n_samples, expected):
    assert resampled_length(n_samples, 8_000, 22_050) == expected
    assert resampled_length(np.array([n_samples]), np.array([8_000]), 22_050).tolist() == [expected]


def test_fit_length_cuts_or_pads_with_zeros():
    assert fit_length(np.array([1, 2], np.float32), 3).tolist() == [1, 2, 0]
    assert fit_length(np.array([1, 2], np.float32), 1).tolist() == [1]
    assert fit_length(np.array([1, 2], np.float32), 1).dtype == np.float32

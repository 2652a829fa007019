"""Log-mel: each step and its inverse, against librosa, and the same in blocks of any size."""

import subprocess
import sys
from dataclasses import replace

import librosa
import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.audio.log_mel import (
    cut_clips,
    denormalise,
    hann,
    join_clips,
    log_mel,
    log_mels,
    mel_filters,
    mel_spectrogram,
    mel_spectrogram_stream,
    normalise,
)
from speech_autoencoder.config import CLASSIC, preset
from tests.helpers.common import ROOT, TINY, make_speech

PRESETS = [CLASSIC, *(preset("fine", sr) for sr in (8_000, 16_000, 22_050))]
SPEECH = make_speech(22_050, 22_050)


def in_db(magnitude):
    """Return magnitudes in dB, silence far below everything else."""
    return 20 * np.log10(magnitude + 1e-9)


# Round trips


@pytest.mark.parametrize("config", PRESETS)
def test_normalise_denormalise_round_trip(config):
    mel = np.concatenate([[0], np.logspace(-9, 0.45, 10_000)]).astype(np.float32)
    back = denormalise(normalise(mel, config), config)
    assert back.dtype == np.float32
    assert back == pytest.approx(mel, rel=1e-5, abs=1e-10)


@given(st.floats(-200, -21), st.floats(-19, 40))
def test_normalise_denormalise_any_range_round_trip(floor_db, ceiling_db):
    config = replace(CLASSIC, floor_db=floor_db, ceiling_db=ceiling_db)
    mel = np.linspace(0, 10 ** (ceiling_db / 20) - 10 ** (floor_db / 20), 100, dtype=np.float32)
    # float32 is exact to 6e-8 of the range, in dB.
    back = denormalise(normalise(mel, config), config)
    assert np.abs(in_db(back + 10 ** (floor_db / 20)) - in_db(mel + 10 ** (floor_db / 20))).max() < 1e-4


@pytest.mark.parametrize("config", PRESETS)
def test_denormalise_normalise_round_trip(config):
    normalised = np.linspace(0, 1, 10_000, dtype=np.float32)
    assert normalise(denormalise(normalised, config), config) == pytest.approx(normalised, abs=1e-6)


@given(st.sampled_from(PRESETS), st.integers(1, 300))
def test_cut_clips_join_clips_any_length_round_trip(config, n_frames):
    frames = np.random.default_rng(n_frames).random((config.n_mels, n_frames), np.float32)
    clips = cut_clips(frames, config)
    assert clips.shape == (-(-n_frames // config.n_frames), config.n_mels, config.n_frames, 1)
    assert np.array_equal(join_clips(clips, n_frames), frames)
    assert not join_clips(clips, clips.shape[0] * config.n_frames)[:, n_frames:].any()


# Closed form


def test_log_mel_classic_clip_loses_no_sample():
    """24,064 samples are 48 frames, one clip, and an impulse at any sample is seen."""
    for position in (0, 12_345, 24_063):
        waveform = np.zeros(24_064, np.float32)
        waveform[position] = 1
        clips = cut_clips(log_mel(waveform, CLASSIC), CLASSIC)
        assert clips.shape == (1, 128, 48, 1)
        nearest = round(position / 512)
        assert clips[0, :, nearest, 0].min() > 0.2
        assert not clips[0, :, : max(0, nearest - 1), 0].any()
        assert not clips[0, :, nearest + 2 :, 0].any()


@pytest.mark.parametrize("n_samples", [1, 255, 256, 511, 512, 513, 24_063, 24_064, 24_065])
def test_mel_spectrogram_any_length_has_its_count_of_frames_and_covers_the_last_sample(n_samples):
    waveform = np.zeros(n_samples, np.float32)
    waveform[-1] = 1
    mel = mel_spectrogram(waveform, CLASSIC)
    assert mel.shape == (128, CLASSIC.count_frames(n_samples))
    assert mel.max() > 1e-4


def test_mel_spectrogram_without_samples_has_no_frames():
    assert mel_spectrogram(np.empty(0, np.float32), CLASSIC).shape == (128, 0)


@pytest.mark.parametrize("config", PRESETS)
def test_log_mel_silence_is_exactly_zero(config):
    normalised = log_mel(np.zeros(5_000, np.float32), config)
    assert not normalised.any()
    assert not denormalise(normalised, config).any()


@pytest.mark.parametrize("config", PRESETS)
@pytest.mark.parametrize("level_db", [0, -60])
def test_mel_spectrogram_sine_has_its_level_in_its_band(config, level_db):
    bin_hz = config.sr / config.n_fft
    hz = round(1_500 / bin_hz) * bin_hz
    amplitude = 10 ** (level_db / 20)
    sine = (amplitude * np.sin(2 * np.pi * hz * np.arange(config.sr) / config.sr)).astype(np.float32)
    frame = mel_spectrogram(sine, config)[:, 20]
    centres_hz = librosa.mel_frequencies(config.n_mels + 2, fmin=0, fmax=config.sr / 2)[1:-1]
    loudest = frame.argmax()
    assert abs(centres_hz[loudest] - hz) <= np.diff(centres_hz)[loudest]
    # The windowed sine has this amplitude at its bin, half of it at the neighbours; a band weighs them by up to 1.
    assert 0.5 * amplitude < frame[loudest] < 2 * amplitude


@pytest.mark.parametrize("config", PRESETS)
def test_normalise_full_scale_sine_is_below_the_ceiling(config):
    sine = np.sin(2 * np.pi * 1_000 * np.arange(config.sr) / config.sr).astype(np.float32)
    assert 0.85 < log_mel(sine, config).max() < 1


def test_normalise_level_is_closed_form():
    mel = np.array([0, 1e-5, 1.0, 10 ** (10 / 20), 100], np.float32)
    expected = [0, 20 * np.log10(2) / 110, 100 / 110, 1, 1]
    assert normalise(mel, CLASSIC) == pytest.approx(expected, abs=1e-6)
    assert normalise(-mel, CLASSIC) == pytest.approx([0] * 5)


def test_denormalise_values_out_of_range_are_clipped():
    assert np.array_equal(denormalise(np.array([-0.5, 1.5]), CLASSIC), denormalise(np.array([0.0, 1.0]), CLASSIC))


# Independent references


@pytest.mark.parametrize("config", PRESETS)
def test_mel_spectrogram_equals_librosa(config):
    waveform = SPEECH + 0.01 * np.random.default_rng(0).standard_normal(len(SPEECH)).astype(np.float32)
    expected = librosa.feature.melspectrogram(
        y=waveform,
        sr=config.sr,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        power=1,
        norm=None,
        center=True,
        pad_mode="constant",
    )
    expected = expected * 2 / scipy.signal.get_window("hann", config.n_fft).sum()
    mel = mel_spectrogram(waveform, config)
    # One frame more than librosa's if the last sample is after librosa's last centre.
    assert mel.shape[1] - expected.shape[1] in (0, 1)
    assert np.abs(in_db(mel[:, : expected.shape[1]]) - in_db(expected)).max() < 0.001


@pytest.mark.parametrize("config", PRESETS)
def test_mel_filters_equal_librosas_without_a_norm(config):
    options = {"sr": config.sr, "n_fft": config.n_fft, "n_mels": config.n_mels, "fmax": config.sr / 2}
    assert mel_filters(config) == pytest.approx(librosa.filters.mel(**options, norm=None), abs=1e-7)


@given(st.sampled_from(PRESETS), st.lists(st.integers(1, 70_000), max_size=9))
def test_log_mels_equal_log_mel_to_the_last_bit(config, lengths):
    rng = np.random.default_rng(len(lengths))
    waveforms = [0.1 * rng.standard_normal(length, np.float32) for length in lengths]
    found = log_mels(waveforms, config)
    assert len(found) == len(waveforms)
    for frames, waveform in zip(found, waveforms, strict=True):
        np.testing.assert_array_equal(frames, log_mel(waveform, config))


def test_log_mel_does_not_load_slow_libraries():
    code = (
        "import sys, numpy; from speech_autoencoder import config;"
        "from speech_autoencoder.audio.log_mel import log_mel;"
        "log_mel(numpy.zeros(9_000, numpy.float32), config.CLASSIC);"
        "assert not {'librosa', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("n_fft", [256, 704, 1_024])
def test_hann_equals_scipy(n_fft):
    assert hann(n_fft) == pytest.approx(scipy.signal.get_window("hann", n_fft), abs=1e-7)


@pytest.mark.parametrize("config", PRESETS)
def test_mel_filters_no_band_is_empty(config):
    filters = mel_filters(config)
    assert filters.shape == (config.n_mels, config.n_bins)
    assert (filters.sum(axis=1) > 0).all()


# Streaming


@given(
    config=st.sampled_from([TINY, CLASSIC]),
    sizes=st.lists(st.one_of(st.integers(0, 300), st.integers(0, 20_000)), min_size=1, max_size=8),
)
def test_mel_spectrogram_stream_does_not_depend_on_the_blocks(config, sizes):
    waveform = make_speech(sum(sizes), config.sr)
    blocks = np.split(waveform, np.cumsum(sizes)[:-1])
    chunks = list(mel_spectrogram_stream(blocks, config))
    streamed = np.concatenate([np.empty((config.n_mels, 0), np.float32), *chunks], axis=1)
    whole = mel_spectrogram(waveform, config)
    assert streamed.shape == whole.shape
    # Products of matrices of other shapes may round differently.
    assert np.abs(normalise(streamed, config) - normalise(whole, config)).max(initial=0) < 1e-6


def test_mel_spectrogram_stream_yields_frames_while_blocks_arrive():
    """Memory does not grow with the recording: the first frames come before the last block."""
    taken = []

    def blocks():
        for number in range(100):
            taken.append(number)
            yield np.zeros(4_096, np.float32)

    next(mel_spectrogram_stream(blocks(), CLASSIC))
    assert taken == [0, 1]


# Golden numbers: librosa 0.11, as in test_mel_spectrogram_equals_librosa, and the definition in `normalise`


def test_log_mel_classic_golden():
    normalised = log_mel(SPEECH, CLASSIC)
    assert normalised.shape == (128, 45)
    assert normalised.mean() == pytest.approx(0.2258, abs=1e-4)
    assert normalised[::32, 4] == pytest.approx([0.3363, 0.579, 0.3661, 0.3898], abs=1e-4)

"""The waveform of a log-mel has its pitch, level and length, and segments join inaudibly."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_autoencoder.audio import inversion
from speech_autoencoder.audio.between import frames_between
from speech_autoencoder.audio.inversion import (
    fit_to_mel,
    invert,
    invert_stream,
    mel_to_magnitude,
)
from speech_autoencoder.audio.log_mel import log_mel, mel_spectrogram, scaled_filters
from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.stft import stft
from speech_autoencoder.config import CLASSIC, InversionConfig, preset
from speech_autoencoder.evaluation.metrics.intelligibility import stoi
from speech_autoencoder.evaluation.metrics.log_mel_error import log_mel_error_db
from tests.helpers.common import ROOT, TINY, make_speech

FINE = preset("fine", 8_000)
DEFAULT = InversionConfig()
# Segments so short that three seconds have several.
SEGMENTS = replace(DEFAULT, segment_s=0.7, overlap_s=0.2)
QUICK = replace(SEGMENTS, griffin_lim_rounds=1)
RECORDING = ROOT / "speechdata" / "testing" / "en-allison" / "70_allison_digits.flac"


def tones(config, seconds, hz=(220, 440, 660)):
    """Return a steady chord at config.sr: whatever is not smooth in its reconstruction is a click."""
    t = np.arange(round(seconds * config.sr)) / config.sr
    return sum(0.05 * np.sin(2 * np.pi * f * t) for f in hz).astype(np.float32)


# Round trips


@pytest.mark.parametrize(("config", "error_db"), [(CLASSIC, 3.2), (FINE, 2.3)])
def test_invert_log_mel_round_trip(config, error_db):
    features = log_mel(make_speech(2 * config.sr, config.sr), config)
    waveform = invert(features, config, DEFAULT, 2 * config.sr)
    assert waveform.dtype == np.float32
    assert log_mel_error_db(features, log_mel(waveform, config), config) < error_db


@pytest.mark.parametrize("config", [CLASSIC, FINE])
def test_mel_to_magnitude_mel_filters_round_trip(config):
    mel = mel_spectrogram(make_speech(config.sr, config.sr), config).T
    magnitude = mel_to_magnitude(mel, config)
    assert magnitude.shape == (len(mel), config.n_bins)
    assert magnitude.min() >= 0
    assert np.linalg.norm(magnitude @ scaled_filters(config) - mel) < 0.02 * np.linalg.norm(mel)


@pytest.mark.parametrize("config", [CLASSIC, FINE])
def test_fit_to_mel_that_already_fits_changes_nothing(config):
    magnitude = np.abs(stft(make_speech(config.sr, config.sr), config.n_fft, config.hop_length))
    filters = scaled_filters(config)
    covered = filters.any(axis=1)
    assert fit_to_mel(magnitude, magnitude @ filters, config)[:, covered] == pytest.approx(
        magnitude[:, covered], rel=1e-3
    )
    # Bins that no filter covers are silent: mel does not tell about them.
    assert not fit_to_mel(magnitude, magnitude @ filters, config)[:, ~covered].any()


def test_invert_frames_between_of_the_sound_give_a_better_sound():
    speech = read(RECORDING, CLASSIC.sr)
    frames = log_mel(speech, CLASSIC)
    known = np.concatenate([frames, frames_between(speech, CLASSIC)])
    scores = [stoi(speech, invert(given, CLASSIC, DEFAULT, len(speech)), CLASSIC.sr) for given in (frames, known)]
    assert scores[1] > scores[0] + 0.005


# Closed form


@pytest.mark.parametrize("config", [CLASSIC, FINE])
# Where bands are wide, mel tells less about how narrow the sound in them is.
@pytest.mark.parametrize(("hz", "within_db"), [(250, 0.5), (1_000, 0.5), (3_000, 1.5)])
@pytest.mark.parametrize("level", [0.5, 0.005])
def test_invert_sine_has_its_pitch_and_level(config, hz, within_db, level):
    sine = (level * np.sin(2 * np.pi * hz * np.arange(config.sr) / config.sr)).astype(np.float32)
    waveform = invert(log_mel(sine, config), config, DEFAULT, len(sine))
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))  # a second: its bins are Hz
    assert spectrum.argmax() == pytest.approx(hz, rel=0.02)
    inside = waveform[config.n_fft : -config.n_fft]
    assert abs(20 * np.log10(np.sqrt(2) * np.std(inside) / level)) < within_db


@pytest.mark.parametrize("config", [CLASSIC, FINE])
@pytest.mark.parametrize("settings_", [DEFAULT, SEGMENTS])
def test_invert_silence_is_all_zeros(config, settings_):
    waveform = invert(log_mel(np.zeros(2 * config.sr, np.float32), config), config, settings_, 2 * config.sr)
    assert len(waveform) == 2 * config.sr
    assert not waveform.any()


def test_invert_overdriven_speech_fits_full_scale_and_keeps_its_level():
    """If it were clipped only at the end, it would lose level."""
    speech = make_speech(8_000, 8_000)
    speech = np.clip(4 * speech / np.abs(speech).max(), -1, 1)
    made = invert(log_mel(speech, FINE), FINE, DEFAULT, len(speech))
    assert np.abs(made).max() <= 1
    assert 20 * np.log10(np.std(made) / np.std(speech)) == pytest.approx(0, abs=0.5)


def test_invert_pause_is_quiet():
    speech = make_speech(8_000, 8_000)
    speech[3_000:5_000] = 0
    waveform = invert(log_mel(speech, FINE), FINE, DEFAULT, len(speech))
    assert np.std(waveform[3_256:4_744]) < 0.003 * np.std(waveform)


@pytest.mark.parametrize("n_samples", [1, 2, 63, 64, 65, 511, 512, 513, 1_024, 24_063, 24_064, 24_065])
@pytest.mark.parametrize("config", [CLASSIC, FINE])
def test_invert_any_length_is_exact_and_finite(config, n_samples):
    waveform = invert(log_mel(make_speech(n_samples, config.sr), config), config, QUICK, n_samples)
    assert waveform.shape == (n_samples,)
    assert np.isfinite(waveform).all()


@settings(max_examples=20)
@given(st.integers(1, 20_000))
def test_invert_any_length_of_several_segments_is_exact(n_samples):
    features = np.full((TINY.n_mels, TINY.count_frames(n_samples)), 0.5, np.float32)
    waveform = invert(features, TINY, QUICK, n_samples)
    assert waveform.shape == (n_samples,)
    # None is only padding: the sound extends to the last samples.
    assert np.abs(waveform[-min(n_samples, TINY.hop_length) :]).max() > 1e-4


def test_invert_smooth_spectrum_is_noise_without_clicks():
    bands = np.linspace(0, 1, CLASSIC.n_mels)[:, None]
    frames = np.zeros((CLASSIC.n_mels, 22), np.float32)
    frames[:, 4:17] = 0.6 - 1.2 * (bands - 0.75) ** 2
    waveform = invert(frames, CLASSIC, DEFAULT, 22 * CLASSIC.hop_length)[
        4 * CLASSIC.hop_length : -5 * CLASSIC.hop_length
    ]
    # Gaussian noise has a peak of about four times its RMS here; with all bins locked to their peaks, it was eleven.
    assert np.abs(waveform).max() < 8 * np.sqrt(np.mean(waveform**2))


# References


def test_fit_to_mel_many_steps_come_as_near_as_scipys_nnls():
    mel = mel_spectrogram(make_speech(4_000, 8_000), FINE)[:, 5:15].T
    filters = scaled_filters(FINE)
    best = [scipy.optimize.nnls(filters.T.astype(np.float64), frame)[1] for frame in mel]
    magnitude = np.ones((len(mel), FINE.n_bins), np.float32)
    for _ in range(300):
        magnitude = fit_to_mel(magnitude, mel, FINE)
    distances = np.linalg.norm(magnitude @ filters - mel, axis=1)
    assert np.all(distances <= np.array(best) + 0.002 * np.linalg.norm(mel, axis=1))


def test_fit_to_mel_more_steps_come_nearer():
    mel = mel_spectrogram(make_speech(4_000, 22_050), CLASSIC).T
    magnitude, distances = np.maximum(mel @ np.linalg.pinv(scaled_filters(CLASSIC)), 0), []
    for _ in range(31):
        distances.append(np.linalg.norm(magnitude @ scaled_filters(CLASSIC) - mel))
        magnitude = fit_to_mel(magnitude, mel, CLASSIC)
    assert distances[0] > distances[5] > 5 * distances[30]


# Streaming


@pytest.mark.parametrize("config", [CLASSIC, FINE])
def test_invert_stream_segments_join_without_a_click(config):
    chord = tones(config, 3)
    blocks = list(invert_stream([log_mel(chord, config)], config, SEGMENTS))
    assert len(blocks) == 6
    bend = np.abs(np.diff(np.concatenate(blocks), n=2))
    near_join = np.zeros(len(bend), bool)
    for end in np.cumsum([len(block) for block in blocks])[:-1]:
        near_join[end - config.hop_length : end + config.hop_length] = True
    inside = ~near_join
    inside[: 2 * config.n_fft] = inside[-2 * config.n_fft :] = False
    assert bend[near_join].max() < 1.2 * bend[inside].max()


@pytest.mark.parametrize("config", [CLASSIC, FINE])
def test_invert_stream_segments_are_as_good_as_the_whole(config):
    features = log_mel(make_speech(3 * config.sr, config.sr), config)
    whole, segmented = (
        log_mel_error_db(features, log_mel(invert(features, config, how, 3 * config.sr), config), config)
        for how in (DEFAULT, SEGMENTS)
    )
    assert segmented < whole + 0.1


def test_invert_stream_chunks_of_one_segment_equal_invert():
    features = log_mel(make_speech(8_000, 8_000), FINE)
    chunks = np.split(features, [1, 2, 50, 50, 99], axis=1)
    streamed = np.concatenate(list(invert_stream(chunks, FINE, DEFAULT)))
    assert np.array_equal(streamed[:8_000], invert(features, FINE, DEFAULT, 8_000))


@settings(max_examples=20)
@given(st.lists(st.integers(0, 120), min_size=1, max_size=6))
def test_invert_stream_does_not_depend_on_the_chunks(sizes):
    frames = np.random.default_rng(0).random((TINY.n_mels, sum(sizes)), np.float32)
    chunks = np.split(frames, np.cumsum(sizes)[:-1], axis=1)
    whole, streamed = (
        np.concatenate([np.empty(0, np.float32), *invert_stream(parts, TINY, QUICK)]) for parts in ([frames], chunks)
    )
    assert len(whole) == max(0, sum(sizes) - 1) * TINY.hop_length
    assert np.array_equal(streamed, whole)


def test_invert_stream_yields_sound_while_frames_arrive():
    taken = []

    def chunks():
        for number in range(100):
            taken.append(number)
            yield np.zeros((TINY.n_mels, 64), np.float32)

    next(invert_stream(chunks(), TINY, QUICK))
    assert len(taken) == 2  # a segment of 88 frames and its overlap


def test_invert_stream_segments_overlap(monkeypatch):
    """Every frame is inverted with others on either side of it, except at the ends of the recording."""
    lengths = []
    original = inversion._invert_segment

    def watched(normalised, config, settings_, known):
        lengths.append(normalised.shape[1])
        return original(normalised, config, settings_, known)

    monkeypatch.setattr(inversion, "_invert_segment", watched)
    frames = np.zeros((TINY.n_mels, 300), np.float32)
    waveform = np.concatenate(list(invert_stream([frames], TINY, QUICK)))
    assert len(waveform) == 299 * TINY.hop_length
    segment, overlap = 88, 25
    assert lengths[:-1] == [segment] * (len(lengths) - 1)
    assert sum(lengths) - overlap * (len(lengths) - 1) == 300
    assert lengths[-1] >= 2 * overlap


# Golden numbers: pystoi 0.4.1 on a recording of the project


@pytest.mark.parametrize(("config", "at_least"), [(CLASSIC, 0.95), (FINE, 0.99)])
def test_invert_recording_is_intelligible(config, at_least):
    reference = read(RECORDING, config.sr)
    estimate = invert(log_mel(reference, config), config, DEFAULT, len(reference))
    assert stoi(reference, estimate, config.sr) > at_least
    assert stoi(reference, estimate, config.sr, extended=True) > at_least - 0.02

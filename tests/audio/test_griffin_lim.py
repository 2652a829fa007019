"""Phases that fit magnitudes: a sine's in closed form, and nearer with more rounds."""

import numpy as np
import pytest

from speech_autoencoder.audio.griffin_lim import griffin_lim, single_pass_phase
from speech_autoencoder.audio.stft import stft
from tests.helpers.common import make_speech


def test_single_pass_phase_sine_advances_by_its_frequency():
    n_fft, hop_length, hz, sr = 1_024, 256, 1_010, 22_050
    sine = np.sin(2 * np.pi * hz * np.arange(sr) / sr).astype(np.float32)
    magnitude = np.abs(stft(sine, n_fft, hop_length))
    phase = single_pass_phase(magnitude, n_fft, hop_length)
    peak = magnitude[0].argmax()
    assert np.diff(phase[:, peak]) == pytest.approx(2 * np.pi * hz / sr * hop_length, rel=0.002)
    # Its neighbours are locked to it, half a turn apart.
    turns = (phase[:, [peak - 1, peak + 1]] - phase[:, [peak]]) / np.pi
    assert turns == pytest.approx(np.ones_like(turns))


def test_single_pass_phase_noise_after_silence_does_not_begin_as_a_click():
    smooth = np.interp(np.arange(513), np.arange(0, 521, 8), np.random.default_rng(0).uniform(0.5, 1, 66))
    magnitude = np.stack([np.zeros(513), smooth]).astype(np.float32)
    phase = single_pass_phase(magnitude, 1_024, 256)[1]
    frame = np.fft.irfft(magnitude[1] * np.exp(1j * phase))
    # From phases of 0 it is nearly an impulse, whose peak is 29 times its RMS.
    assert np.abs(frame).max() < 20 * np.sqrt(np.mean(frame**2))


def test_griffin_lim_more_rounds_are_more_consistent():
    n_fft, hop_length = 256, 64
    magnitude = np.abs(stft(make_speech(8_000, 8_000), n_fft, hop_length))
    distances = []
    for rounds in (0, 5, 60):
        waveform = griffin_lim(magnitude, hop_length, rounds, 0.99)
        assert len(waveform) == n_fft + (len(magnitude) - 1) * hop_length
        distances.append(np.linalg.norm(np.abs(stft(waveform, n_fft, hop_length)) - magnitude))
    assert distances[0] > 1.5 * distances[1] > 2 * distances[2]
    assert distances[2] < 0.06 * np.linalg.norm(magnitude)


def test_griffin_lim_known_samples_are_kept_until_they_fade():
    speech = make_speech(8_000, 8_000)
    magnitude = np.abs(stft(speech, 256, 64))
    waveform = griffin_lim(magnitude, 64, 20, 0.99, known=speech[:1_000])
    assert np.array_equal(waveform[: 1_000 - 64], speech[: 1_000 - 64])
    # What follows continues their phase, which magnitudes alone do not determine.
    assert np.corrcoef(waveform[1_000:1_100], speech[1_000:1_100])[0, 1] > 0.95

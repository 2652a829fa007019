"""The mel-cepstral distortion: 0 for the same, and that of an implementation with librosa."""

import math

import librosa
import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.metrics.cepstral_distortion import mel_cepstral_distortion_db
from tests.helpers.common import make_speech

SR = 16_000
SPEECH = make_speech(2 * SR, SR)
NOISE = np.random.default_rng(0).standard_normal(len(SPEECH)).astype(np.float32)


def noisy(snr_db):
    """Return the speech with white noise."""
    return SPEECH + NOISE * np.float32(np.std(SPEECH) / np.std(NOISE) * 10 ** (-snr_db / 20))


@pytest.mark.parametrize("sr", [8_000, 16_000, 22_050, 48_000])
def test_mel_cepstral_distortion_db_identical_is_zero(sr):
    assert mel_cepstral_distortion_db(SPEECH, SPEECH, sr) == 0


def test_mel_cepstral_distortion_db_level_does_not_count():
    assert mel_cepstral_distortion_db(SPEECH, 2 * SPEECH, SR) < 0.3


def test_mel_cepstral_distortion_db_more_noise_is_worse():
    values = [mel_cepstral_distortion_db(SPEECH, noisy(snr_db), SR) for snr_db in (60, 40, 20, 10, 0)]
    assert values == sorted(values)
    assert 0 < values[0] < 1 < 5 < values[-1] < 40


def test_mel_cepstral_distortion_db_is_that_of_an_independent_implementation(testing_recordings):
    for waveform, sr in testing_recordings:
        estimate = waveform + 0.01 * NOISE[: len(waveform)]
        size, cepstra, powers = 2 * round(0.016 * sr), [], []
        for sound in (waveform, estimate):
            mel = librosa.feature.melspectrogram(
                y=sound.astype(np.float64), sr=sr, n_fft=size, hop_length=round(sr / 100), power=1, n_mels=40,
                fmax=min(8_000, sr / 2), norm=None,
            )  # fmt: skip
            powers.append(mel)
            lowest = powers[0].max() * 1e-4
            cepstra.append(librosa.feature.mfcc(S=np.log(np.maximum(mel, lowest)), n_mfcc=14, norm="ortho")[1:])
        power = (powers[0] ** 2).sum(axis=0)
        difference = (cepstra[0] - cepstra[1])[:, power >= power.max() * 1e-4] * math.sqrt(2 / 40)
        expected = np.mean(10 / math.log(10) * np.sqrt(2 * (difference**2).sum(axis=0)))
        assert mel_cepstral_distortion_db(waveform, estimate, sr) == pytest.approx(expected, rel=1e-3)


def test_mel_cepstral_distortion_db_silence_has_none():
    assert math.isnan(mel_cepstral_distortion_db(0 * SPEECH, SPEECH, SR))
    assert mel_cepstral_distortion_db(SPEECH, 0 * SPEECH, SR) > 5
    with pytest.raises(InputError, match="cut them"):
        mel_cepstral_distortion_db(SPEECH, SPEECH[1:], SR)

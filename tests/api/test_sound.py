"""`read`, `log_mel` and `invert`: what arrays and models have, and back."""

import numpy as np
import pytest
import soundfile as sf

import speech_autoencoder as sa
from speech_autoencoder.audio import log_mel as features
from speech_autoencoder.audio import reading
from speech_autoencoder.config import CLASSIC, preset
from tests.helpers.common import TINY, make_speech, refused


def test_invert_and_log_mel_are_inverse_but_for_phases():
    waveform = make_speech(22_050, 22_050, 1)
    frames = sa.log_mel(waveform, 22_050)
    again = sa.invert(frames, n_samples=len(waveform))
    assert again.shape == waveform.shape
    assert np.abs(sa.log_mel(again, 22_050) - frames).mean() < 0.02


def test_invert_default_length_reaches_the_last_frame():
    frames = np.zeros((CLASSIC.n_mels, 5), np.float32)
    assert len(sa.invert(frames)) == 4 * CLASSIC.hop_length
    assert len(sa.invert(frames, sr=11_025)) == 2 * CLASSIC.hop_length
    assert not sa.invert(frames).any()


def test_log_mel_is_what_arrays_have(tmp_path):
    (tmp_path / "in").mkdir()
    sf.write(tmp_path / "in" / "a.wav", make_speech(40_000, 16_000), 16_000)
    sa.build_dataset(tmp_path / "in", tmp_path / "a.npy", preset="fine")
    frames = sa.log_mel(*sa.read(tmp_path / "in" / "a.wav"), "fine")
    assert frames.shape[0] == 80
    assert np.array_equal(features.join_clips(np.load(tmp_path / "a.npy"), frames.shape[1]), frames)


def test_log_mel_takes_a_preset_or_features():
    waveform = make_speech(8_000, 8_000)
    for name in ("classic", "fine"):
        assert np.array_equal(sa.log_mel(waveform, 8_000, name), sa.log_mel(waveform, 8_000, preset(name, 8_000)))
    assert sa.log_mel(waveform, 8_000, TINY).shape[0] == TINY.n_mels
    refused("no preset 'nope'", "classic, fine", do=lambda: sa.log_mel(waveform, 8_000, "nope"))
    refused("features is 5", do=lambda: sa.log_mel(waveform, 8_000, 5))


def test_read_is_mono_at_its_own_rate_or_another(tmp_path):
    stereo = np.stack([make_speech(8_000, 8_000, seed) for seed in (0, 1)], axis=1)
    sf.write(tmp_path / "a.flac", stereo, 8_000)
    waveform, sr = sa.read(str(tmp_path / "a.flac"))
    assert (waveform.shape, waveform.dtype, sr) == ((8_000,), np.float32, 8_000)
    assert np.allclose(waveform, stereo.mean(axis=1), atol=1e-4)
    waveform, sr = sa.read(tmp_path / "a.flac", sr=16_000)
    assert (len(waveform), sr) == (16_000, 16_000)
    assert np.array_equal(waveform, reading.read(tmp_path / "a.flac", 16_000))


def test_read_what_is_no_recording_is_refused(tmp_path):
    (tmp_path / "a.wav").write_text("no sound")
    refused("a.wav", do=lambda: sa.read(tmp_path / "a.wav"))
    refused("sr is 5", do=lambda: sa.read(tmp_path / "a.wav", sr=5))


@pytest.mark.parametrize(
    ("frames", "options", "words"),
    [
        (np.zeros((64, 9)), {}, ("shape (64, 9)", "expected (128, n_frames)")),
        (np.zeros((128, 0)), {}, ("shape (128, 0)",)),
        (np.zeros((2, 128, 48, 1)), {}, ("shape (2, 128, 48, 1)",)),
        (np.full((128, 9), -80.0), {}, ("from -80 to -80", "normalised one, in [0, 1]")),
        (np.full((128, 9), np.nan), {}, ("not finite",)),
        (np.zeros((128, 9), int), {}, ("int64", "expected floats.")),
        (np.zeros((128, 9)), {"n_samples": -1}, ("n_samples is -1",)),
        (np.zeros((128, 9)), {"sr": 1}, ("sr is 1",)),
        (np.zeros((80, 9)), {"features": "fine"}, ("depends on the recording's sample rate", "give sr")),
    ],
    ids=lambda value: "",
)
def test_invert_what_is_no_log_mel_is_refused(frames, options, words):
    refused(*words, do=lambda: sa.invert(frames, **options))

"""Recordings of every kind are read as mono at any rate, in blocks or whole."""

import librosa
import numpy as np
import pytest
import scipy.io.wavfile
import soundfile as sf

from speech_autoencoder.audio import decoding
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import describe, read, read_stream
from tests.helpers.common import make_speech

SPEECH = make_speech(8_000, 8_000)


@pytest.mark.parametrize("sr", [4_000, 8_000, 11_025, 16_000, 44_100, 192_000])
def test_read_sine_keeps_pitch_level_and_length_at_any_rate(tmp_path, sr):
    n_samples = sr // 2 + 1
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(n_samples) / sr)
    sf.write(tmp_path / "a.wav", tone, sr, "FLOAT")
    waveform = read(tmp_path / "a.wav", 22_050)
    assert waveform.dtype == np.float32
    assert len(waveform) == -(-n_samples * 22_050 // sr)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(waveform)) / 22_050)
    assert np.abs(waveform - expected)[2_000:-2_000].max() < 0.002


def test_read_six_channels_are_averaged(tmp_path):
    channels = np.stack([make_speech(8_000, 8_000, seed) for seed in range(6)], axis=1)
    sf.write(tmp_path / "a.wav", channels, 8_000, "FLOAT")
    assert read(tmp_path / "a.wav") == pytest.approx(channels.mean(axis=1), abs=1e-6)
    assert describe(tmp_path / "a.wav").n_channels == 6


def test_read_antiphase_stereo_does_not_cancel(tmp_path):
    sf.write(tmp_path / "a.wav", np.stack([0.9 * SPEECH, -SPEECH], axis=1), 8_000, "FLOAT")
    assert read(tmp_path / "a.wav") == pytest.approx(-SPEECH, abs=1e-6)  # the louder one


def test_read_antiphase_stereo_takes_one_channel_throughout(tmp_path, monkeypatch):
    """Switching channels, or to their mean, in the middle would be audible: the first sound decides."""
    monkeypatch.setattr(decoding, "BLOCK_SAMPLES", 2_000)
    left, right = SPEECH.copy(), -SPEECH
    left[4_000:] = 0
    sf.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 8_000, "FLOAT")
    waveform = read(tmp_path / "a.wav")
    assert np.array_equal(waveform, left) or np.array_equal(waveform, right)


def test_read_one_silent_channel_halves_the_other(tmp_path):
    sf.write(tmp_path / "a.wav", np.stack([SPEECH, 0 * SPEECH], axis=1), 8_000, "FLOAT")
    assert read(tmp_path / "a.wav") == pytest.approx(SPEECH / 2, abs=1e-6)


@pytest.mark.parametrize("offset", [0.5, -0.3, 0.05])
@pytest.mark.parametrize("sr", [8_000, 22_050])
def test_read_offset_is_subtracted(tmp_path, offset, sr, monkeypatch):
    """It would become a hum with a click at either end."""
    monkeypatch.setattr(decoding, "BLOCK_SAMPLES", 4_000)
    sf.write(tmp_path / "a.wav", SPEECH, 8_000, "FLOAT")
    sf.write(tmp_path / "b.wav", SPEECH + np.float32(offset), 8_000, "FLOAT")
    peaks = []
    waveform = np.concatenate(list(read_stream(tmp_path / "b.wav", sr, lambda block: peaks.append(block.max()))))
    assert waveform == pytest.approx(read(tmp_path / "a.wav", sr), abs=0.1 * float(np.std(SPEECH)))
    assert max(peaks) == pytest.approx(SPEECH.max() + offset)  # watch sees the samples as they were, to detect clipping


def test_read_constant_is_silence(tmp_path):
    sf.write(tmp_path / "a.wav", np.full(8_000, 0.5), 8_000, "FLOAT")
    assert np.array_equal(read(tmp_path / "a.wav"), np.zeros(8_000))


def test_read_short_or_small_mean_is_kept_to_the_bit(tmp_path):
    quiet = SPEECH + np.float32(0.1 * np.std(SPEECH))
    for name, samples in (("short", np.full(700, 0.5, np.float32)), ("small", quiet)):
        sf.write(tmp_path / f"{name}.wav", samples, 8_000, "FLOAT")
        assert np.array_equal(read(tmp_path / f"{name}.wav"), samples)


def test_read_silence_is_silence(tmp_path):
    sf.write(tmp_path / "a.wav", np.zeros((4_000, 2)), 8_000)
    assert np.array_equal(read(tmp_path / "a.wav", 16_000), np.zeros(8_000, np.float32))


def test_read_slightly_over_full_scale_is_kept(tmp_path):
    sf.write(tmp_path / "a.wav", np.array([1.5, -1.5, 0.1]), 8_000, "FLOAT")
    assert read(tmp_path / "a.wav") == pytest.approx([1.5, -1.5, 0.1])


@pytest.mark.filterwarnings("ignore::scipy.io.wavfile.WavFileWarning")
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
def test_read_any_depth_equals_scipy(tmp_path, subtype, container):
    sf.write(tmp_path / "a.wav", SPEECH, 8_000, subtype, format=container)
    _, samples = scipy.io.wavfile.read(tmp_path / "a.wav")
    scale = {"u1": 2**7, "i2": 2**15, "i4": 2**31}.get(samples.dtype.str[1:], 1)
    expected = (samples.astype(np.float64) - (128 if samples.dtype == np.uint8 else 0)) / scale
    assert read(tmp_path / "a.wav") == pytest.approx(expected, abs=1e-7)
    assert np.abs(expected - SPEECH).max() < 0.01


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("sr", [8_000, 16_000, 22_050])
def test_read_resampled_equals_librosa(tmp_path, sr):
    sf.write(tmp_path / "a.flac", make_speech(44_100, 44_100), 44_100)
    expected, _ = librosa.load(tmp_path / "a.flac", sr=sr)
    assert read(tmp_path / "a.flac", sr) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "a.aiff", "a.au", "a.caf", "a.w64", "a.opus", "a.WAV"])
def test_read_other_formats_sound_the_same(tmp_path, name):
    sf.write(tmp_path / name, SPEECH, 8_000, **({"format": "OGG", "subtype": "OPUS"} if name == "a.opus" else {}))
    assert find_recordings(tmp_path) == [name]
    waveform = read(tmp_path / name)
    assert len(waveform) == len(SPEECH)
    assert np.corrcoef(waveform, SPEECH)[0, 1] > 0.95


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".ogg"])
def test_read_other_format_called_wav_is_read_as_what_it_is(tmp_path, suffix):
    sf.write(tmp_path / f"a{suffix}", SPEECH, 8_000)
    (tmp_path / f"a{suffix}").rename(tmp_path / "a.wav")
    assert np.corrcoef(read(tmp_path / "a.wav"), SPEECH)[0, 1] > 0.95


def without_length(path, tag=b""):
    """Replace the table of contents of an MP3 by a tag, as in the MP3 of streams and recorders."""
    data = path.read_bytes()
    at = max(data.find(b"Xing"), data.find(b"Info"))
    assert at > 0
    path.write_bytes(tag + data[data.index(data[:2], at) :])


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("tag", [b"", b"ID3\4\0\0\0\4\0\0" + bytes(1 << 16)], ids=["bare", "with a cover"])
def test_read_mp3_without_its_length_is_counted(tmp_path, mode, tag):
    """From the size of the file, a picture in it included, libsndfile estimates up to six times too much."""
    sound = np.concatenate([np.zeros(30_000), make_speech(20_000, 22_050)])
    sf.write(tmp_path / "a.mp3", sound, 22_050, bitrate_mode=mode, compression_level=0.5)
    without_length(tmp_path / "a.mp3", tag)
    assert sf.info(tmp_path / "a.mp3").frames != len(sf.read(tmp_path / "a.mp3")[0])
    waveform = read(tmp_path / "a.mp3")
    assert describe(tmp_path / "a.mp3").n_samples == len(waveform)
    assert 0 <= len(waveform) - len(sound) < 3_000
    assert 0.95 < np.std(waveform) / np.std(sound) * np.sqrt(len(waveform) / len(sound)) < 1.05


@pytest.mark.parametrize("sr", [None, 22_050])
@pytest.mark.parametrize("most", [1, 999, 1_001, 10**6])
def test_read_most_returns_the_beginning(tmp_path, monkeypatch, sr, most):
    sf.write(tmp_path / "a.wav", SPEECH, 8_000)
    monkeypatch.setattr(decoding, "BLOCK_SAMPLES", 1_000)
    whole = read(tmp_path / "a.wav", sr)
    np.testing.assert_array_equal(read(tmp_path / "a.wav", sr, most=most), whole[:most])


@pytest.mark.parametrize("sr", [None, 22_050])
def test_read_stream_small_blocks_equal_one(tmp_path, monkeypatch, sr):
    stereo = np.stack([SPEECH, make_speech(8_000, 8_000, 1)], axis=1)
    sf.write(tmp_path / "a.wav", stereo, 8_000, "FLOAT")
    whole = read(tmp_path / "a.wav", sr)
    monkeypatch.setattr(decoding, "BLOCK_SAMPLES", 1_000)
    blocks = list(read_stream(tmp_path / "a.wav", sr))
    assert len(blocks) > 8
    assert np.concatenate(blocks) == pytest.approx(whole, abs=1e-6)

"""Recordings of every kind are read as they sound, and what is none is named and refused."""

import os
import resource
import signal
import struct
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.io.wavfile
import soundfile as sf
from conftest import make_speech, names_in, one_line_of
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder import audio
from speech_autoencoder.audio import (
    Recording,
    describe,
    find_recordings,
    read,
    read_stream,
    resample_stream,
    resample_together,
    write_stream,
)
from speech_autoencoder.errors import InputError

SPEECH = make_speech(8_000, 8_000)


@pytest.fixture
def wav(tmp_path):
    """A second of speech as a 16-bit WAV at 8 kHz."""
    sf.write(tmp_path / "a.wav", SPEECH, 8_000)
    return tmp_path / "a.wav"


def with_data_length(path, length):
    """Nothing; the header of the WAV claims this many bytes of sound."""
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(data[:at] + struct.pack("<I", length) + data[at + 4 :])


def make_or_skip(path, make):
    """Nothing; make(path) is done, or the test skipped where the file system has no such names."""
    try:
        make(path)
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")


# Round trips


def test_write_stream_read_round_trip(tmp_path):
    assert write_stream(tmp_path / "a.wav", np.array_split(SPEECH, 7), 8_000) == 8_000
    assert np.abs(read(tmp_path / "a.wav") - SPEECH).max() <= 2**-15
    assert describe(tmp_path / "a.wav") == Recording(tmp_path / "a.wav", 8_000, 8_000, 1)
    assert describe(tmp_path / "a.wav").duration_s == 1.0
    assert sf.info(tmp_path / "a.wav").subtype == "PCM_16"


def test_write_stream_beyond_full_scale_is_clipped_not_wrapped(tmp_path):
    write_stream(tmp_path / "a.wav", [np.array([2.0, -2.0, 0.5, 1.0], np.float32)], 8_000)
    assert read(tmp_path / "a.wav") == pytest.approx([1, -1, 0.5, 1], abs=2**-15)


def test_resample_stream_there_and_back_is_the_same_sound():
    there = np.concatenate(list(resample_stream(np.array_split(SPEECH, 5), 8_000, 22_050, 22_050)))
    back = np.concatenate(list(resample_stream(np.array_split(there, 3), 22_050, 8_000, 8_000)))
    # What is lost lies next to half of 8 kHz, where only the noise is.
    assert np.corrcoef(back, SPEECH)[0, 1] > 0.999
    assert np.std(back) == pytest.approx(np.std(SPEECH), rel=1e-3)


def test_resample_stream_same_rate_is_the_identity():
    assert np.array_equal(np.concatenate(list(resample_stream([SPEECH], 8_000, 8_000, 8_000))), SPEECH)


# Closed form


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
def test_resample_together_is_what_each_is_alone_to_the_last_bit(recordings, sr):
    waveforms = [np.resize(SPEECH, n_samples) for _, n_samples in recordings]
    rates = [own_sr for own_sr, _ in recordings]
    together = resample_together(waveforms, rates, sr)
    assert len(together) == len(recordings)
    for resampled, waveform, own_sr in zip(together, waveforms, rates, strict=True):
        n_samples = -(-len(waveform) * sr // own_sr)
        alone = np.concatenate(list(resample_stream([waveform], own_sr, sr, n_samples)))
        assert np.array_equal(resampled, alone)


def test_read_six_channels_are_averaged(tmp_path):
    channels = np.stack([make_speech(8_000, 8_000, seed) for seed in range(6)], axis=1)
    sf.write(tmp_path / "a.wav", channels, 8_000, "FLOAT")
    assert read(tmp_path / "a.wav") == pytest.approx(channels.mean(axis=1), abs=1e-6)
    assert describe(tmp_path / "a.wav").n_channels == 6


def test_read_antiphase_stereo_does_not_cancel(tmp_path):
    sf.write(tmp_path / "a.wav", np.stack([0.9 * SPEECH, -SPEECH], axis=1), 8_000, "FLOAT")
    assert read(tmp_path / "a.wav") == pytest.approx(-SPEECH, abs=1e-6)  # the louder one


def test_read_antiphase_stereo_takes_one_channel_throughout(tmp_path, monkeypatch):
    """Switching channels, or to their mean, in the middle would be heard: the first sound decides."""
    monkeypatch.setattr(audio, "_BLOCK_SAMPLES", 2_000)
    left, right = SPEECH.copy(), -SPEECH
    left[4_000:] = 0
    sf.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 8_000, "FLOAT")
    waveform = read(tmp_path / "a.wav")
    assert np.array_equal(waveform, left) or np.array_equal(waveform, right)


def test_read_one_silent_channel_is_half_of_the_other(tmp_path):
    sf.write(tmp_path / "a.wav", np.stack([SPEECH, 0 * SPEECH], axis=1), 8_000, "FLOAT")
    assert read(tmp_path / "a.wav") == pytest.approx(SPEECH / 2, abs=1e-6)


@pytest.mark.parametrize("offset", [0.5, -0.3, 0.05])
@pytest.mark.parametrize("sr", [8_000, 22_050])
def test_read_offset_is_taken_off(tmp_path, offset, sr, monkeypatch):
    """It would become a hum at both ends of which there is a click."""
    monkeypatch.setattr(audio, "_BLOCK_SAMPLES", 4_000)
    sf.write(tmp_path / "a.wav", SPEECH, 8_000, "FLOAT")
    sf.write(tmp_path / "b.wav", SPEECH + np.float32(offset), 8_000, "FLOAT")
    peaks = []
    waveform = np.concatenate(list(read_stream(tmp_path / "b.wav", sr, lambda block: peaks.append(block.max()))))
    assert waveform == pytest.approx(read(tmp_path / "a.wav", sr), abs=0.1 * float(np.std(SPEECH)))
    assert max(peaks) == pytest.approx(SPEECH.max() + offset)  # whoever looks for clipping sees it as it was


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


def test_read_a_little_over_full_scale_is_kept(tmp_path):
    sf.write(tmp_path / "a.wav", np.array([1.5, -1.5, 0.1]), 8_000, "FLOAT")
    assert read(tmp_path / "a.wav") == pytest.approx([1.5, -1.5, 0.1])


# Independent references


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
    """Nothing; the MP3 begins with the tag in place of its table of contents, as streams and recorders write it."""
    data = path.read_bytes()
    at = max(data.find(b"Xing"), data.find(b"Info"))
    assert at > 0
    path.write_bytes(tag + data[data.index(data[:2], at) :])


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("tag", [b"", b"ID3\4\0\0\0\4\0\0" + bytes(1 << 16)], ids=["bare", "with a cover"])
def test_read_mp3_without_its_length_is_counted(tmp_path, mode, tag):
    """libsndfile guesses from the size of the file, a picture in it included: up to six times too much."""
    sound = np.concatenate([np.zeros(30_000), make_speech(20_000, 22_050)])
    sf.write(tmp_path / "a.mp3", sound, 22_050, bitrate_mode=mode, compression_level=0.5)
    without_length(tmp_path / "a.mp3", tag)
    assert sf.info(tmp_path / "a.mp3").frames != len(sf.read(tmp_path / "a.mp3")[0])
    waveform = read(tmp_path / "a.mp3")
    assert describe(tmp_path / "a.mp3").n_samples == len(waveform)
    assert 0 <= len(waveform) - len(sound) < 3_000
    assert 0.95 < np.std(waveform) / np.std(sound) * np.sqrt(len(waveform) / len(sound)) < 1.05


@pytest.mark.parametrize("sr", [None, 22_050])
def test_read_stream_small_blocks_equal_one(tmp_path, monkeypatch, sr):
    stereo = np.stack([SPEECH, make_speech(8_000, 8_000, 1)], axis=1)
    sf.write(tmp_path / "a.wav", stereo, 8_000, "FLOAT")
    whole = read(tmp_path / "a.wav", sr)
    monkeypatch.setattr(audio, "_BLOCK_SAMPLES", 1_000)
    blocks = list(read_stream(tmp_path / "a.wav", sr))
    assert len(blocks) > 8
    assert np.concatenate(blocks) == pytest.approx(whole, abs=1e-6)


# Finding


def test_find_recordings_are_sorted_with_subfolders(tmp_path):
    for name in ("b.wav", "a.FLAC", "c/a.ogg", "B.mp3", "c/d/e.aiff"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_recordings(tmp_path) == ["B.mp3", "a.FLAC", "b.wav", "c/a.ogg", "c/d/e.aiff"]


def test_find_recordings_hidden_and_other_files_are_passed_over(tmp_path):
    for name in ("a.wav", ".b.wav", ".git/c.wav", "d/.e/f.wav", "README.txt", "wav", "._a.wav", "a.wav.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.wav").mkdir()
    assert find_recordings(tmp_path) == ["a.wav"]


@pytest.mark.parametrize("name", ["memo.m4a", "a.WMA", "b.aac", "c.amr", "d.webm"])
def test_find_recordings_what_only_others_read_is_found_and_then_refused(tmp_path, name):
    """What a phone records must not be missing without a word."""
    (tmp_path / name).write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    assert find_recordings(tmp_path) == [name]
    with pytest.raises(InputError, match=f"{name} is no sound file that libsndfile reads .*: convert it to WAV"):
        describe(tmp_path / name)


def test_find_recordings_folder_link_to_its_parent_ends(wav):
    (wav.parent / "sub").mkdir()
    (wav.parent / "sub" / "loop").symlink_to(wav.parent)
    (wav.parent / "again").symlink_to(wav.parent, target_is_directory=True)
    assert find_recordings(wav.parent) == ["a.wav"]


def test_find_recordings_links_are_followed_once(tmp_path, wav):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "real").mkdir()
    wav.rename(tmp_path / "real" / "a.wav")
    for name in "hgfedcij":
        (tmp_path / "corpus" / name).symlink_to(tmp_path / "real")
    (tmp_path / "corpus" / "b.wav").symlink_to(tmp_path / "real" / "a.wav")
    # By the first name, whatever the order in which the file system lists them.
    assert find_recordings(tmp_path / "corpus") == ["b.wav", "c/a.wav"]


def test_find_recordings_file_link_to_itself_is_found_and_then_refused(tmp_path):
    (tmp_path / "a.wav").symlink_to(tmp_path / "a.wav")
    (tmp_path / "b.wav").symlink_to(tmp_path / "nowhere.wav")
    assert find_recordings(tmp_path) == ["a.wav", "b.wav"]
    with pytest.raises(InputError, match=r"a\.wav could not be read: .*symbolic links"):
        describe(tmp_path / "a.wav")
    with pytest.raises(InputError, match=r"b\.wav could not be read: there is no such file"):
        describe(tmp_path / "b.wav")


@pytest.mark.parametrize(
    "name",
    [
        "with spaces.wav",
        "new\nline.wav",
        "안녕하세요.wav",
        "привет/שלום.wav",
        "こんにちは 🎙.wav",
        "-rf.wav",
        "%s{0}'\".wav",
        os.fsdecode(b"latin-\xe9\xff.wav"),
    ],
)
def test_read_any_name_is_found_read_and_written(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    make_or_skip(path, Path.touch)
    write_stream(path, [SPEECH], 8_000)
    assert find_recordings(tmp_path) == [name]
    assert len(read(path)) == describe(path).n_samples == 8_000


def test_describe_bad_file_of_unprintable_name_is_one_line(tmp_path):
    path = tmp_path / os.fsdecode(b"new\nline\xff.wav")
    make_or_skip(path, Path.touch)
    with pytest.raises(InputError, match=r"new\\nline\\udcff\.wav is empty") as error:
        describe(path)
    one_line_of(error)


# Bad input


def test_find_recordings_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no recording"):
        find_recordings(tmp_path)


def test_find_recordings_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"There is no folder .*nowhere: make it"):
        find_recordings(tmp_path / "nowhere")


def test_find_recordings_name_too_long_is_refused(tmp_path):
    with pytest.raises(InputError, match="could not be read: File name too long"):
        find_recordings(tmp_path / ("a" * 300))


def test_find_recordings_file_is_refused(wav):
    with pytest.raises(InputError, match=r"a\.wav is not a folder"):
        find_recordings(wav)


@pytest.mark.parametrize("inner", ["no", "no/in"])
def test_find_recordings_folder_without_permission_is_refused(as_user, inner):
    (as_user / "no" / "in").mkdir(parents=True)
    (as_user / "no").chmod(0)
    try:
        with pytest.raises(InputError, match="could not be read: permission denied") as error:
            find_recordings(as_user / inner)
    finally:
        (as_user / "no").chmod(0o700)
    one_line_of(error)


def test_find_recordings_subfolder_without_permission_is_named_when_read(as_user):
    (as_user / "a.wav").touch()
    (as_user / "no").mkdir()
    (as_user / "no").chmod(0)
    try:
        assert find_recordings(as_user) == ["a.wav", "no"]
        with pytest.raises(InputError, match="no could not be read: permission denied"):
            describe(as_user / "no")
    finally:
        (as_user / "no").chmod(0o700)


def test_describe_file_without_permission_is_refused(as_user):
    write_stream(as_user / "a.wav", [SPEECH], 8_000)
    (as_user / "a.wav").chmod(0)
    with pytest.raises(InputError, match=r"a\.wav could not be read: permission denied"):
        describe(as_user / "a.wav")


def test_find_recordings_pipe_is_passed_over(wav):
    os.mkfifo(wav.parent / "pipe.wav")
    assert find_recordings(wav.parent) == ["a.wav"]


def test_describe_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("waits for someone to write into the pipe"))
    signal.alarm(5)
    try:
        with pytest.raises(InputError, match=r"pipe\.wav is not a regular file"):
            describe(tmp_path / "pipe.wav")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_describe_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.wav could not be read: there is no such file"):
        describe(tmp_path / "a.wav")
    with pytest.raises(InputError, match="is a folder: name a recording"):
        describe(tmp_path)


def test_describe_zero_length_file_is_refused(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(InputError, match=r"a\.wav is empty \(0 bytes\)"):
        describe(tmp_path / "a.wav")


@pytest.mark.parametrize(
    "content",
    [
        b"Not sound at all.\n" * 50,
        b"<!DOCTYPE html>",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"RIFF",
        b"\0",
        b"\0\0\0\1Bud1" + bytes(99),
    ],
)
def test_describe_text_called_wav_is_refused(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.wav is no sound file .*: convert it to WAV") as error:
        describe(tmp_path / "a.wav")
    one_line_of(error)


def test_describe_header_only_wav_is_refused(wav):
    data = wav.read_bytes()
    wav.write_bytes(data[: data.index(b"data") + 8])
    with pytest.raises(InputError, match="holds no samples"):
        describe(wav)
    with_data_length(wav, 0)
    with pytest.raises(InputError, match="holds no samples"):
        describe(wav)


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.99])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.au", "a.mp3"])
def test_read_truncated_file_is_refused(tmp_path, name, kept):
    path = tmp_path / name
    sf.write(path, SPEECH, 8_000)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(InputError, match=rf"{name} (is cut short|is damaged|is no sound)") as error:
        read(path)
    one_line_of(error)


@pytest.mark.parametrize("length", [0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xEFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF])
def test_read_wav_that_claims_gigabytes_is_used_whole(wav, length):
    """What sox, arecord, ffmpeg and others write to a pipe, where they cannot know the length."""
    whole = read(wav)
    with_data_length(wav, length)
    assert np.array_equal(read(wav), whole)
    assert describe(wav).n_samples == 8_000


@pytest.mark.parametrize("length", [16_002, 2**20, 0x7FFFEFFE])
def test_describe_wav_that_claims_more_than_it_holds_is_refused(wav, length):
    with_data_length(wav, length)
    with pytest.raises(InputError, match=f"cut short: its header promises {length:,} bytes of sound, it holds 16,000"):
        describe(wav)


def test_describe_flac_of_unknown_length_is_refused(tmp_path):
    path = tmp_path / "a.flac"
    sf.write(path, SPEECH, 8_000)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the 36 bits of STREAMINFO that count the samples
    data[22:26] = bytes(4)
    path.write_bytes(data)
    with pytest.raises(InputError, match="does not say how long it is"):
        describe(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("position", [0, 5_000, 7_999])
def test_read_sample_that_is_no_number_is_refused(tmp_path, bad, position):
    samples = SPEECH.copy()
    samples[position] = bad
    sf.write(tmp_path / "a.wav", samples, 8_000, "FLOAT")
    with pytest.raises(InputError, match=r"a\.wav holds samples that are not numbers"):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("peak", [1e6, -1e6, 17.0])
def test_read_absurdly_large_samples_are_refused(tmp_path, peak):
    sf.write(tmp_path / "a.wav", np.append(SPEECH, peak), 8_000, "DOUBLE")
    with pytest.raises(InputError, match=r"a\.wav holds samples of up to (1e\+06|17), where full scale is 1"):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("sr", [1, 3_999, 192_001, 2**31 - 1])
def test_describe_absurd_rate_is_refused(wav, sr):
    data = wav.read_bytes()
    wav.write_bytes(data[:24] + struct.pack("<I", sr) + data[28:])
    with pytest.raises(InputError, match=f"claims a sample rate of {sr} Hz: expected 4,000 to 192,000"):
        describe(wav)


def test_write_stream_exception_in_the_middle_leaves_the_old_file(wav):
    before = wav.read_bytes()

    def blocks():
        yield SPEECH
        raise InputError("the recording is damaged")

    with pytest.raises(InputError, match="the recording is damaged"):
        write_stream(wav, blocks(), 8_000)
    assert wav.read_bytes() == before
    assert names_in(wav.parent) == ["a.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no limits on file sizes")
@pytest.mark.parametrize("limit", [0, 50_000])
@pytest.mark.parametrize("n_blocks", [1, 500])
def test_write_stream_full_disk_leaves_the_old_file(wav, n_blocks, limit):
    before, limits = wav.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(
            InputError, match=r"a\.wav could not be written \(System error\.\): is the disk full\?"
        ) as error:
            write_stream(wav, np.array_split(np.tile(SPEECH, 4), n_blocks), 8_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    one_line_of(error)
    assert wav.read_bytes() == before
    assert names_in(wav.parent) == ["a.wav"]

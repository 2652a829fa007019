"""Unreadable and damaged recordings are refused in one line that names the file and the reason."""

import os
import signal
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio import ffmpeg
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import describe, read
from speech_autoencoder.audio.writing import write_stream
from speech_autoencoder.errors import InputError
from tests.helpers.common import make_speech, one_line_of

SPEECH = make_speech(8_000, 8_000)


def with_data_length(path, length):
    """Make the header of a WAV file claim this many bytes of sound."""
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(data[:at] + struct.pack("<I", length) + data[at + 4 :])


def make_or_skip(path, make):
    """Call make(path), or skip the test if the file system does not allow such names."""
    try:
        make(path)
    except (OSError, UnicodeError):
        pytest.skip("this file system does not allow such names")


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
def test_read_any_name_is_written_found_and_read(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    make_or_skip(path, Path.touch)
    write_stream(path, [SPEECH], 8_000)
    assert find_recordings(tmp_path) == [name]
    assert len(read(path)) == describe(path).n_samples == 8_000


def test_describe_bad_file_of_unprintable_name_is_reported_in_one_line(tmp_path):
    path = tmp_path / os.fsdecode(b"new\nline\xff.wav")
    make_or_skip(path, Path.touch)
    with pytest.raises(InputError, match=r"new\\nline\\udcff\.wav is empty") as error:
        describe(path)
    one_line_of(error)


def test_describe_file_without_permission_is_refused(as_user):
    write_stream(as_user / "a.wav", [SPEECH], 8_000)
    (as_user / "a.wav").chmod(0)
    with pytest.raises(InputError, match=r"a\.wav could not be read: permission denied"):
        describe(as_user / "a.wav")


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
    ("content", "match"),
    [
        (b"Not sound at all.\n" * 50, "not a sound file, but text: put the recording"),
        (b"\xd0\x9d\xd0\xb5\xd1\x82\n".ljust(2_000, b"a"), "not a sound file, but text"),
        (b"\n<!DOCTYPE html><p>404", "a web page: download the recording again"),
        (b'{"error": "not found"}', "text: put the recording"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer, .*: run git lfs pull"),
        (b"\x1f\x8b\x08" + bytes(99), r"an archive \(gzip\): unpack it"),
        (b"PK\3\4" + bytes(99), r"an archive \(ZIP\): unpack it"),
        (bytes(1 << 17), "nothing but zeros"),
        (b"RIFF", "but 4 bytes of something: record"),
        (b"\0", "but 1 byte of something: record"),
        (
            b"\0\0\0\1Bud1" + bytes(99),
            "not a sound file that libsndfile reads, .*: convert it to WAV, or copy it again",
        ),
        (b"\xff\xf1\x50\x80" + bytes(range(256)), "is an AAC file, which needs PyAV: pip install"),
        (
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x45" + bytes(15) + b"data\4\0\0\0abcd",
            r"format WAV \(G.726\), which needs PyAV: .*, or convert it: ffmpeg",
        ),
    ],
)
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.au", "a.snd", "a.flac"])
def test_describe_text_called_wav_is_refused(tmp_path, monkeypatch, name, content, match):
    """Libsndfile takes anything called .au or .snd for sound without a header."""
    monkeypatch.setattr(ffmpeg, "find_spec", lambda name: None)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=match) as error:
        describe(tmp_path / name)
    one_line_of(error)
    assert not any(word in str(error.value) for word in ("recognised", "chunk", "internal", "pipe"))


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
    with pytest.raises(InputError, match=rf"{name} (is cut short|is damaged or cut short after)") as error:
        read(path)
    one_line_of(error)


@pytest.mark.parametrize("length", [0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xEFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF])
def test_read_wav_of_unknown_length_is_used_whole(wav, length):
    """Such lengths are what sox, arecord, ffmpeg and others write to a pipe, as they do not know the length yet."""
    whole = read(wav)
    with_data_length(wav, length)
    assert np.array_equal(read(wav), whole)
    assert describe(wav).n_samples == 8_000


@pytest.mark.parametrize("length", [16_002, 2**20, 0x7FFFEFFE])
def test_describe_wav_that_claims_more_than_it_holds_is_refused(wav, length):
    with_data_length(wav, length)
    with pytest.raises(InputError, match=f"cut short: its header promises {length:,} bytes of sound, it holds 16,000"):
        describe(wav)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("position", [0, 5_000, 7_999])
def test_read_sample_that_is_not_a_number_is_refused(tmp_path, bad, position):
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

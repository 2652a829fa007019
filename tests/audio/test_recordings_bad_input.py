"""What is a recording is found, and what is none, or is damaged, is named and refused."""

import os
import signal
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio.recordings import describe, find_recordings, read, write_stream
from speech_autoencoder.errors import InputError
from tests.helpers.common import file_size_limit, make_speech, names_in, one_line_of

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


def test_find_recordings_of_other_suffixes_finds_those_alone(tmp_path):
    for name in ("a.wav", "b.sae", "c/d.SAE", "e.sae.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_recordings(tmp_path, {".sae"}, ".sae file") == ["b.sae", "c/d.SAE"]


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


@pytest.mark.parametrize("limit", [0, 50_000])
@pytest.mark.parametrize("n_blocks", [1, 500])
def test_write_stream_full_disk_leaves_the_old_file(wav, n_blocks, limit):
    before, said = wav.read_bytes(), r"a\.wav could not be written \(System error\.\): is the disk full\?"
    with file_size_limit(limit), pytest.raises(InputError, match=said) as error:
        write_stream(wav, np.array_split(np.tile(SPEECH, 4), n_blocks), 8_000)
    one_line_of(error)
    assert wav.read_bytes() == before
    assert names_in(wav.parent) == ["a.wav"]

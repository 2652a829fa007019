"""Where ffmpeg is installed, it reads what libsndfile does not; a stand-in for it shows how it is used."""

import os
import stat
import sys

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio import ffmpeg
from speech_autoencoder.audio.reading import describe, opened, read
from speech_autoencoder.errors import InputError
from tests.helpers.common import make_speech

SPEECH = make_speech(8_000, 8_000)
M4A = b"\0\0\0\x20ftypM4A " + bytes(100)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-in is a script")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return install(samples, said, status), which puts a program called ffmpeg first on the PATH."""

    def install(samples=SPEECH, *, said="  Duration: 00:00:01.00, start: 0.0", status=0, sr=8_000):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "sound").write_bytes(
            b".snd"
            + b"".join(value.to_bytes(4, "big") for value in (24, 0xFFFFFFFF, 6, sr, 1))
            + samples.astype(">f4").tobytes()
        )
        (folder / "ffmpeg").write_text(
            f"#!{sys.executable}\nimport sys\nsys.stderr.write({said + chr(10)!r})\n"
            f"sys.stdout.buffer.write(open({str(folder / 'sound')!r}, 'rb').read())\nsys.exit({status})\n"
        )
        (folder / "ffmpeg").chmod(0o700 | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    return install


@pytest.fixture
def damaged(tmp_path):
    """Return a FLAC file of which a frame in the middle is damaged."""
    sound = make_speech(40_000, 16_000)
    sf.write(tmp_path / "a.flac", sound, 16_000)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    at = len(data) // 2
    data[at : at + 400] = bytes(400)
    (tmp_path / "a.flac").write_bytes(data)
    return tmp_path / "a.flac", sf.read(tmp_path / "a.flac", frames=1, dtype="float32")[0], sound


def test_read_m4a_is_read_by_ffmpeg(tmp_path, install):
    install()
    (tmp_path / "a.m4a").write_bytes(M4A)
    assert np.array_equal(read(tmp_path / "a.m4a"), SPEECH)
    recording = describe(tmp_path / "a.m4a")
    assert (recording.sr, recording.n_samples, recording.n_channels, recording.note) == (8_000, 8_000, 1, "")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("  Duration: 00:00:02.00, start: 0.0", 0),
        ("[mov @ 0x1] Packet corrupt (stream = 0)\n  Duration: 00:00:01.00", 0),
        ("[mov @ 0x1] File ended prematurely\n  Duration: N/A", 0),
        ("  Duration: 00:00:01.00, start: 0.0", 1),
    ],
)
def test_read_file_that_ffmpeg_finds_cut_short_is_refused_or_salvaged(tmp_path, install, said, status):
    install(said=said, status=status)
    (tmp_path / "a.m4a").write_bytes(M4A)
    for use in (describe, read):
        with pytest.raises(InputError, match=r"a\.m4a is cut short or damaged: .*--salvage"):
            use(tmp_path / "a.m4a")
    assert describe(tmp_path / "a.m4a", salvage=True).note == "1.00 s used: the rest is missing"
    assert np.array_equal(read(tmp_path / "a.m4a", salvage=True), SPEECH)


def test_read_damaged_flac_goes_on_with_ffmpeg(damaged, install):
    path, _, sound = damaged
    install(sound, sr=16_000)
    recording = describe(path)
    assert recording.n_samples == len(read(path)) == len(sound)
    assert recording.note.startswith("read by ffmpeg from ")
    with opened(path) as (same, blocks):
        assert same == recording
        waveform = np.concatenate(list(blocks(None, None)))
    assert waveform[20_000:] == pytest.approx(sound[20_000:], abs=1e-4)


def test_read_damaged_flac_that_ffmpeg_reads_in_part_is_refused(damaged, install):
    path, _, sound = damaged
    install(sound[:-1], sr=16_000)
    with pytest.raises(InputError, match=r"a\.flac is damaged or cut short after \d\.\d\d s of 2\.50 s: "):
        describe(path)
    assert describe(path, salvage=True).n_samples == len(sound) - 1


def test_read_damaged_flac_without_ffmpeg_is_used_as_far_as_it_is_sound(damaged, monkeypatch):
    path, _, sound = damaged
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=r"after \d\.\d\d s of 2\.50 s: copy it again, install ffmpeg, .*--salvage"):
        read(path)
    recording = describe(path, salvage=True)
    assert 4_000 < recording.n_samples < 36_000
    assert recording.note == f"{recording.n_samples / 16_000:.2f} s of 2.50 s used: the rest is missing"
    waveform = read(path, salvage=True)
    assert len(waveform) == recording.n_samples
    assert waveform == pytest.approx(sound[: len(waveform)], abs=1e-4)


def test_read_ffmpeg_that_reads_nothing_is_not_asked_for(tmp_path, install):
    install(said="Invalid data found", status=1)
    (tmp_path / "bin" / "sound").write_bytes(b"")
    (tmp_path / "a.m4a").write_bytes(M4A)
    with pytest.raises(InputError, match="ffmpeg does not read it either"):
        describe(tmp_path / "a.m4a")


def test_read_text_is_never_given_to_ffmpeg(tmp_path, install):
    install()
    (tmp_path / "a.m4a").write_text("#EXTM3U\nhttps://example.org/a.m3u8\n")
    with pytest.raises(InputError, match="not a sound file, but text"):
        describe(tmp_path / "a.m4a")

"""Where PyAV is installed, FFmpeg reads what libsndfile does not: as the program ffmpeg does, whole, or with a word."""

import os
import shutil
import struct
import subprocess

import numpy as np
import pytest
import soundfile as sf

from robustness.pyav_files import write_media
from speech_autoencoder.audio import decoding, ffmpeg
from speech_autoencoder.audio.ffmpeg import Ffmpeg, FfmpegError
from speech_autoencoder.audio.reading import describe, opened, read
from speech_autoencoder.errors import InputError
from tests.helpers.common import make_speech, one_line_of

pytest.importorskip("av")
SR = 16_000
SPEECH = make_speech(40_000, SR)
STEREO = np.stack([SPEECH, 0.5 * SPEECH])
# Name, container and codec; what phones, browsers, messengers and cameras write.
MEDIA = [
    ("voice.m4a", "ipod", "aac", {}),
    ("alac.m4a", "ipod", "alac", {}),
    ("pieces.mp4", "mp4", "aac", {"options": {"movflags": "frag_keyframe+empty_moov"}}),
    ("opus.mp4", "mp4", "libopus", {}),
    ("song.mp4", "mp4", "libmp3lame", {}),
    ("film.mp4", "mp4", "aac", {"video": "mpeg4"}),
    ("two.mp4", "mp4", "aac", {"n_tracks": 2}),
    ("camera.mov", "mov", "pcm_s16le", {"video": "mpeg4"}),
    ("studio.mov", "mov", "pcm_s24be", {}),
    ("phone.3gp", "3gp", "aac", {}),
    ("browser.webm", "webm", "libopus", {}),
    ("call.webm", "webm", "libopus", {"video": "libvpx"}),
    ("vorbis.mka", "matroska", "vorbis", {}),
    ("flac.mkv", "matroska", "flac", {}),
    ("double.mka", "matroska", "pcm_f64le", {}),
    ("old.wma", "asf", "wmav1", {}),
    ("new.wma", "asf", "wmav2", {}),
    ("film.wmv", "asf", "wmav2", {"video": "mpeg4"}),
    ("raw.aac", "adts", "aac", {}),
    ("raw.loas", "latm", "aac", {}),
    ("film.avi", "avi", "libmp3lame", {"video": "mpeg4"}),
    ("film.mts", "mpegts", "mp2", {"video": "mpeg2video"}),
    ("lossless.wv", "wv", "wavpack", {}),
    ("lossless.tta", "tta", "tta", {}),
]


def media(folder, name, container, codec, waveform=SPEECH, sr=SR, **options):
    """Write a file with PyAV and return its path."""
    path = folder / name
    path.write_bytes(write_media(np.atleast_2d(waveform), sr, container, codec, **options))
    return path


@pytest.fixture
def without_pyav(monkeypatch):
    monkeypatch.setattr(ffmpeg, "find_spec", lambda name: None)


@pytest.fixture
def damaged_flac(tmp_path):
    """Return a FLAC file of which a frame in the middle is damaged, and its sound before."""
    sound = make_speech(40_000, SR)
    sf.write(tmp_path / "a.flac", sound, SR)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    at = len(data) // 2
    data[at : at + 400] = bytes(400)
    (tmp_path / "a.flac").write_bytes(data)
    return tmp_path / "a.flac", sound


@pytest.mark.parametrize(("name", "container", "codec", "options"), MEDIA, ids=[row[0] for row in MEDIA])
def test_read_media_is_as_described_and_as_the_program_ffmpeg_decodes_it(tmp_path, name, container, codec, options):
    """To the sample: what encoders put before and after the sound is cut off as the file says."""
    path = media(tmp_path, name, container, codec, STEREO if codec in ("alac", "vorbis") else SPEECH, **options)
    recording, waveform = describe(path), read(path)
    assert recording.n_samples == len(waveform)
    assert recording.note == ("track 1 of 2 used" if name == "two.mp4" else "")
    assert abs(recording.duration_s - len(SPEECH) / SR) < 0.15
    assert np.array_equal(read(path), waveform)
    if shutil.which("ffmpeg"):
        command = ["ffmpeg", "-v", "quiet", "-nostdin", "-i", path, "-f", "f32le", "-"]
        theirs = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.float32)
        theirs = theirs.reshape(-1, recording.n_channels).mean(axis=1)
        assert len(waveform) == len(theirs)
        assert waveform == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [(row[0], row[1], row[2]) for row in MEDIA if row[2] in ("alac", "flac", "wavpack", "tta") or "pcm" in row[2]],
)
def test_read_lossless_media_gives_every_sample_back(tmp_path, name, container, codec):
    path = media(tmp_path, name, container, codec, STEREO)
    assert read(path) == pytest.approx(STEREO.mean(axis=0), abs=1e-4)


def test_read_m4a_is_read_by_ffmpeg(tmp_path):
    path = media(tmp_path, "a.m4a", "ipod", "aac", STEREO)
    recording = describe(path)
    assert (recording.sr, recording.n_channels, recording.note) == (SR, 2, "")
    waveform = read(path)[: len(SPEECH)]
    assert np.corrcoef(waveform, SPEECH)[0, 1] > 0.98  # not late: what the encoder put before the sound is cut off


@pytest.mark.parametrize("video", ["", "libvpx"])
def test_read_webm_begins_with_the_sound_whoever_wrote_it(tmp_path, video):
    """Chrome does not write the length of Opus' pre-skip a second time, as CodecDelay."""
    path = media(tmp_path, "a.webm", "webm", "libopus", make_speech(96_000, 48_000), 48_000, video=video)
    waveform, data = read(path), path.read_bytes()
    assert len(waveform) == 96_000
    at = data.index(b"\x56\xaa\x83")  # CodecDelay; EC is the element that means nothing
    path.write_bytes(data[:at] + b"\xec\x84" + bytes(4) + data[at + 6 :])
    assert np.array_equal(read(path), waveform)


def test_read_amr_is_read_by_ffmpeg(tmp_path):
    for name, container in (("a.amr", "amr"), ("a.3gp", "3gp")):
        path = media(tmp_path, name, container, "libopencore_amrnb", make_speech(8_000, 8_000), 8_000)
        recording = describe(path)
        assert recording.sr == 8_000
        assert recording.n_samples == len(read(path)) == pytest.approx(8_000, abs=320)


@pytest.mark.parametrize(("layout", "n_channels"), [("5.1", 6), ("7.1", 8), ("16 channels", 16)])
def test_read_media_of_many_channels_is_their_mean(tmp_path, layout, n_channels):
    waveform = np.stack([SPEECH * (i + 1) / n_channels for i in range(n_channels)])
    path = media(tmp_path, "a.mka", "matroska", "pcm_s16le", waveform, layout=layout)
    assert describe(path).n_channels == n_channels
    assert read(path) == pytest.approx(waveform.mean(axis=0), abs=1e-4)


def test_read_media_whose_channels_have_an_order_of_their_own_is_read(tmp_path):
    """PyAV 18 frees the list of such channels twice, which ended the process."""
    data = bytearray(media(tmp_path, "a.mov", "mov", "pcm_s16le", STEREO).read_bytes())
    at = data.index(b"chan")
    size = struct.unpack(">I", data[at - 4 : at])[0]
    described = struct.pack(">III", 0, 0, 2) + b"".join(struct.pack(">II", which, 0) + bytes(12) for which in (2, 1))
    added = len(described) + 12 - size
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"sowt", b"chan"):
        place = data.index(parent) - 4
        data[place : place + 4] = struct.pack(">I", struct.unpack(">I", data[place : place + 4])[0] + added)
    data[at + 8 : at - 4 + size] = described
    (tmp_path / "a.mov").write_bytes(data)
    assert read(tmp_path / "a.mov") == pytest.approx(STEREO.mean(axis=0), abs=1e-4)


def test_read_media_whose_rate_or_channels_change_keeps_the_rate_of_the_beginning(tmp_path):
    half = make_speech(20_000, 8_000)
    parts = [(SPEECH, SR), (half, 8_000), (STEREO, SR)]
    pieces = [media(tmp_path, "a.aac", "adts", "aac", waveform, sr).read_bytes() for waveform, sr in parts]
    (tmp_path / "a.aac").write_bytes(b"".join(pieces))
    recording = describe(tmp_path / "a.aac")
    assert recording.sr == SR
    assert recording.n_samples == len(read(tmp_path / "a.aac")) == pytest.approx(120_000, abs=8_000)


def test_ffmpeg_blocks_are_no_larger_than_asked_for(tmp_path):
    path = media(tmp_path, "a.m4a", "ipod", "aac", STEREO)
    with Ffmpeg(path, 20_000) as sound:
        blocks = list(sound.blocks())
    assert len(blocks) > 3
    assert max(block.size for block in blocks) < 20_000 + 2 * 4_096


@pytest.mark.parametrize(
    ("name", "container", "codec", "options"),
    [MEDIA[2], *(row for row in MEDIA if row[1] in ("webm", "matroska", "asf", "tta") and "video" not in row[3])],
)
def test_read_media_cut_short_is_refused_or_salvaged(tmp_path, name, container, codec, options):
    path = media(tmp_path, name, container, codec, STEREO if codec == "vorbis" else SPEECH, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for use in (describe, read):
        with pytest.raises(InputError, match=r"is cut short or damaged.*: copy it again, or use .* --salvage") as error:
            use(path)
        one_line_of(error)
    recording = describe(path, salvage=True)
    assert recording.n_samples == len(read(path, salvage=True))
    assert recording.duration_s < len(SPEECH) / SR
    assert recording.note.endswith("used: the rest is missing")


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [("a.webm", "webm", "libopus"), ("a.mka", "matroska", "flac"), ("a.m4a", "ipod", "aac")],
)
def test_read_media_damaged_in_the_middle_is_refused_or_salvaged(tmp_path, name, container, codec):
    path = media(tmp_path, name, container, codec)
    data = path.read_bytes()
    middle = (data.index(b"mdat") + len(data)) // 2 if b"mdat" in data else len(data) // 2
    path.write_bytes(data[:middle] + 200 * b"\xff" + data[middle + 200 :])
    with pytest.raises(InputError, match="is cut short or damaged"):
        read(path)
    assert len(read(path, salvage=True)) == describe(path, salvage=True).n_samples


def test_read_file_that_ffmpeg_finds_cut_short_is_refused_or_salvaged(tmp_path):
    path = media(tmp_path, "a.wma", "asf", "wmav2")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(
        InputError, match=r"a\.wma is cut short or damaged \(\d\.\d\d s of \d\.\d\d s can be decoded\): "
    ):
        describe(path)
    note = describe(path, salvage=True).note
    assert note.split(" s of ")[0] == f"{len(read(path, salvage=True)) / SR:.2f}"


def test_read_media_whose_index_is_missing_says_what_to_do(tmp_path):
    path = media(tmp_path, "a.m4a", "ipod", "aac")
    path.write_bytes(path.read_bytes()[:2_000])
    with pytest.raises(
        InputError, match=r"so that FFmpeg cannot open it \(it is an MP4 file\): copy it again, or conv"
    ):
        describe(path, salvage=True)


def test_read_video_without_sound_is_refused(tmp_path):
    media(tmp_path, "a.mp4", "mp4", "aac", video="mpeg4", n_tracks=0)
    with pytest.raises(
        InputError, match=r"a\.mp4 holds no sound \(it is an MP4 file\): put the recording in its place"
    ):
        describe(tmp_path / "a.mp4")


def test_read_tags_that_are_no_utf_8_do_not_matter(tmp_path):
    path = media(tmp_path, "a.mka", "matroska", "flac")
    path.write_bytes(path.read_bytes().replace(b"Lavf", b"\xe9\xff\xfe\xe8"))
    assert describe(path).n_samples == len(SPEECH)


def test_read_media_without_pyav_names_the_command_that_installs_it_and_the_one_that_converts(tmp_path, without_pyav):
    path = media(tmp_path, "my memo's.m4a", "ipod", "aac")
    with pytest.raises(InputError, match=r"is an MP4 file, which needs PyAV: pip install '\.\[formats\]', or") as error:
        describe(path)
    command = one_line_of(error).partition("or convert it: ")[2]
    if not shutil.which("ffmpeg"):
        pytest.skip("the program ffmpeg is not installed: the command cannot be tried")
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert len(read(path.with_suffix(".wav"))) == pytest.approx(len(SPEECH), abs=2_048)


@pytest.mark.parametrize("name", ["-i.m4a", "http:a.m4a"])
def test_read_media_without_pyav_of_a_name_that_ffmpeg_would_misread(tmp_path, monkeypatch, without_pyav, name):
    monkeypatch.chdir(tmp_path)
    media(tmp_path, name, "ipod", "aac")
    with pytest.raises(InputError, match=rf"ffmpeg -i \./{name} \./{name[:-4]}\.wav$"):
        describe(ffmpeg.Path(name))


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{path}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD><Period><AdaptationSet><BaseURL>{path}</BaseURL></AdaptationSet></Period></MPD>',
    ],
)
def test_read_text_is_never_given_to_ffmpeg(tmp_path, monkeypatch, content):
    sf.write(tmp_path / "other.wav", SPEECH, SR)
    path = tmp_path / "x.m4a"
    path.write_text(content.format(path=tmp_path / "other.wav"))
    with pytest.raises(FfmpegError, match="FFmpeg cannot open it"):
        Ffmpeg(path, 1_000)  # even if it were
    monkeypatch.setattr(decoding, "Ffmpeg", lambda *args: pytest.fail("given to FFmpeg"))
    with pytest.raises(InputError, match=r"not a sound file, but (text|a web page)"):
        describe(path)


def test_read_quicktime_that_names_another_file_does_not_open_it(tmp_path):
    """The sound of a QuickTime file may be in another one, which its data reference names."""
    outside = tmp_path / "outside.raw"
    outside.write_bytes((np.full(100_000, 0.25) * 32_768).astype("<i2").tobytes())
    data = bytearray(media(tmp_path, "a.mov", "mov", "pcm_s16le").read_bytes())
    at = data.index(b"dref") + 12
    old = struct.unpack(">I", data[at : at + 4])[0]
    name = os.fsencode(outside)
    alias = b"alis" + bytes(14) + b"\1" + bytes(39) + b"\1" + bytes(63)  # codespell:ignore alis
    alias += bytes(16) + struct.pack(">HH", 1, 1) + bytes(16) + struct.pack(">hH", 2, len(name)) + name
    alias += bytes(len(name) % 2) + struct.pack(">hH", -1, 0)
    alias = struct.pack(">I", len(alias) + 4) + alias
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = data.rindex(parent, 0, at) - 4
        data[place : place + 4] = struct.pack(">I", struct.unpack(">I", data[place : place + 4])[0] + len(alias) - old)
    data[at : at + old] = alias
    (tmp_path / "a.mov").write_bytes(data)
    with pytest.raises(InputError, match=r"holds no sound that FFmpeg decodes|cut short or damaged"):
        read(tmp_path / "a.mov", salvage=True)


def test_read_damaged_media_prints_nothing(tmp_path, capfd):
    path = media(tmp_path, "a.m4a", "ipod", "aac")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 400] + bytes(400) + data[data.index(b"mdat") + 800 :])
    describe(path, salvage=True)
    assert capfd.readouterr() == ("", "")


def abort(path, n_samples):
    """Stand for FFmpeg, with a crash after a block."""
    yield ffmpeg.Head(SR, 1, 2.0)
    yield ffmpeg.Block(1, bytearray(np.ones(SR, np.float32)))
    os.abort()


def test_read_media_that_crashes_ffmpeg_is_refused_or_salvaged(tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg, "_decode", abort)
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    with pytest.raises(InputError, match=r"cannot be decoded to its end, as FFmpeg crashed: aborted: .*--salvage"):
        describe(tmp_path / "a.m4a")
    assert describe(tmp_path / "a.m4a", salvage=True).note == "1.00 s of 2.00 s used: the rest is missing"


class GoesOn:
    """Stand for FFmpeg where it reads more of a FLAC file than libsndfile."""

    head, failure = ffmpeg.Head(SR, 1), ""
    sound: np.ndarray
    is_whole = True

    def __init__(self, path, n_samples):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass

    def blocks(self):
        yield from np.array_split(self.sound[:, None], 3)


def test_read_damaged_flac_goes_on_with_ffmpeg(damaged_flac, monkeypatch):
    path, sound = damaged_flac
    monkeypatch.setattr(decoding, "Ffmpeg", GoesOn)
    monkeypatch.setattr(GoesOn, "sound", sound, raising=False)
    recording = describe(path)
    assert recording.n_samples == len(read(path)) == len(sound)
    assert recording.note.startswith("read by FFmpeg from ")
    with opened(path) as (same, blocks):
        assert same == recording
        waveform = np.concatenate(list(blocks(None, None)))
    assert waveform[20_000:] == pytest.approx(sound[20_000:], abs=1e-4)


def test_read_damaged_flac_that_ffmpeg_reads_in_part_is_refused(damaged_flac):
    path, sound = damaged_flac
    with pytest.raises(InputError, match=r"a\.flac is damaged or cut short after \d\.\d\d s of 2\.50 s: "):
        describe(path)
    assert 0.4 * len(sound) < describe(path, salvage=True).n_samples == len(read(path, salvage=True)) < len(sound)


def test_read_damaged_flac_without_ffmpeg_is_used_as_far_as_it_is_sound(damaged_flac, without_pyav):
    path, sound = damaged_flac
    with pytest.raises(InputError, match=r"after \d\.\d\d s of 2\.50 s: copy it again, install PyAV, .*--salvage"):
        read(path)
    recording = describe(path, salvage=True)
    assert 4_000 < recording.n_samples < 36_000
    assert recording.note == f"{recording.n_samples / SR:.2f} s of 2.50 s used: the rest is missing"
    waveform = read(path, salvage=True)
    assert len(waveform) == recording.n_samples
    assert waveform == pytest.approx(sound[: len(waveform)], abs=1e-4)

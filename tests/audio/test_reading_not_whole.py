"""Recordings that are cut short are left out, or used on demand with a line; those of unknown length are whole."""

import struct

import numpy as np
import pytest
import soundfile as sf

from robustness.damage.ogg_checksums import correct_checksums
from speech_autoencoder.audio import ffmpeg
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.formats.kinds import FORMATS
from speech_autoencoder.audio.reading import describe, opened, read
from speech_autoencoder.errors import InputError
from tests.helpers.common import make_speech, one_line_of

SR = 16_000
SPEECH = make_speech(24_000, SR)
# Formats and codings of libsndfile whose header says how long the sound is, with a suffix each.
WITH_LENGTH = [
    *(
        ("wav", "WAV", subtype)
        for subtype in ("PCM_16", "PCM_24", "FLOAT", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610")
    ),
    *(("wav", "WAV", subtype) for subtype in ("G721_32", "NMS_ADPCM_16")),
    ("wav", "WAVEX", "PCM_16"),
    ("rf64", "RF64", "PCM_16"),
    *(("w64", "W64", subtype) for subtype in ("PCM_16", "IMA_ADPCM")),
    *(("aiff", "AIFF", subtype) for subtype in ("PCM_16", "FLOAT", "ULAW", "IMA_ADPCM", "GSM610")),
    *(("au", "AU", subtype) for subtype in ("PCM_16", "ULAW", "G721_32")),
    *(("caf", "CAF", subtype) for subtype in ("PCM_16", "FLOAT", "ULAW")),
    *(("flac", "FLAC", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
    ("ogg", "OGG", "VORBIS"),
    ("opus", "OGG", "OPUS"),
    ("mp3", "MP3", "MPEG_LAYER_III"),
    *(("voc", "VOC", subtype) for subtype in ("PCM_U8", "PCM_16", "ULAW")),
    *(("sph", "NIST", subtype) for subtype in ("PCM_16", "ULAW")),
    *(("mat", kind, "PCM_16") for kind in ("MAT4", "MAT5")),
    *((suffix, suffix.upper(), "PCM_16") for suffix in ("svx", "avr", "htk", "sds", "mpc2k")),
    ("wve", "WVE", "ALAW"),
]
# Formats whose header does not say it.
WITHOUT_LENGTH = [
    ("paf", "PAF", "PCM_16"),
    ("sf", "IRCAM", "PCM_16"),
    ("pvf", "PVF", "PCM_16"),
    ("xi", "XI", "DPCM_16"),
]


@pytest.fixture(autouse=True)
def no_ffmpeg(monkeypatch):
    monkeypatch.setattr(ffmpeg, "find_spec", lambda name: None)


def write(folder, suffix="wav", kind="WAV", subtype="PCM_16", *, name="a", sound=SPEECH, sr=SR, **options):
    """Write a recording and return its path; a format that has another rate only gets that one."""
    path = folder / f"{name}.{suffix}"
    sf.write(path, sound, 8_000 if kind == "WVE" else sr, subtype, format=kind, **options)
    return path


def with_number(path, magic, offset, number, order="<I", name=None):
    """Put a number at an offset behind a magic, in a copy if `name` is given."""
    data = path.read_bytes()
    at = data.index(magic) + offset
    content = struct.pack(order, number)
    path = path.with_name(name) if name else path
    path.write_bytes(data[:at] + content + data[at + len(content) :])
    return path


def lengths(path, **options):
    """Return the samples as `describe`, `opened` and `read` count them; they must be one number."""
    with opened(path, **options) as (recording, blocks):
        n_samples = sum(map(len, blocks(None, None)))
    assert describe(path, **options) == recording
    return {recording.n_samples, n_samples, len(read(path, **options))}


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
@pytest.mark.parametrize(("suffix", "kind", "subtype"), WITH_LENGTH)
def test_read_cut_short_is_left_out_or_salvaged(tmp_path, suffix, kind, subtype, kept):
    path = write(tmp_path, suffix, kind, subtype)
    whole = read(path)
    assert lengths(path) == {len(whole)}
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    for use in (describe, read):
        with pytest.raises(
            InputError, match=rf"a\.{suffix} (is cut short|is damaged or cut short|holds no samples)"
        ) as error:
            use(path)
        one_line_of(error)
    try:
        recording = describe(path, salvage=True)
    except InputError as error:
        # Not even the first block of a coded recording is there; or its header, which says more, is not.
        assert "decoded" in str(error) or "samples" in str(error)
        assert kept < 0.5 or kind == "OGG"
        return
    [n_samples] = lengths(path, salvage=True)
    assert 0.5 * (kept - 0.15) * len(whole) <= n_samples < len(whole) + 1
    assert recording.note.startswith(f"{n_samples / recording.sr:.2f} s ")
    assert recording.note.endswith("used: the rest is missing")
    beginning = read(path, salvage=True)[: int(0.8 * n_samples)]
    assert np.corrcoef(beginning, whole[: len(beginning)])[0, 1] > 0.99


@pytest.mark.parametrize(("suffix", "kind", "subtype"), WITHOUT_LENGTH)
def test_read_without_a_length_in_the_header_is_read_to_the_end(tmp_path, suffix, kind, subtype):
    path = write(tmp_path, suffix, kind, subtype)
    assert lengths(path) == {len(SPEECH)}


@pytest.mark.parametrize(
    ("suffix", "kind", "magic", "offset", "order", "numbers"),
    [
        ("wav", "WAV", b"data", 4, "<I", (0, 0xFFFFFFFF, 0x7FFFF000)),
        ("wav", "WAVEX", b"data", 4, "<I", (0, 0xFFFFFFFF)),
        ("rf64", "RF64", b"ds64", 16, "<q", (0, -1)),
        ("w64", "W64", b"data", 16, "<q", (0, 24, -1, 2**63 - 1)),
        ("aiff", "AIFF", b"SSND", 4, ">I", (0, 8, 0xFFFFFFFF, 0x7F000008)),
        ("au", "AU", b".snd", 8, ">I", (0, 0xFFFFFFFF)),
        ("caf", "CAF", b"data", 4, ">q", (0, -1)),
        ("flac", "FLAC", b"fLaC", 22, ">I", (0,)),
    ],
)
def test_read_of_unknown_length_is_whole(tmp_path, suffix, kind, magic, offset, order, numbers):
    """A recorder that lost power, a pipe, a stream: the header says 0 or -1 bytes."""
    whole = read(write(tmp_path, suffix, kind))
    for number in numbers:
        path = with_number(write(tmp_path, suffix, kind), magic, offset, number, order)
        assert lengths(path) == {len(whole)}
        assert np.array_equal(read(path), whole)
        assert describe(path).note == ""


def test_read_wav_of_no_bytes_before_other_chunks_holds_no_samples(tmp_path):
    path = write(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"data") + 4] + bytes(4) + b"LIST\4\0\0\0INFO")
    with pytest.raises(InputError, match="holds no samples"):
        describe(path)


@pytest.mark.parametrize(("depth", "subtype"), [(12, "PCM_16"), (20, "PCM_24")])
def test_read_flac_of_a_depth_that_libsndfile_refuses_by_the_header(tmp_path, depth, subtype):
    """The frames say their depth too; libsndfile makes only frames of 8, 16 and 24 bits."""
    path = write(tmp_path, "flac", "FLAC", subtype)
    whole, data = read(path), bytearray(path.read_bytes())
    data[20] = data[20] & 0xFE | (depth - 1) >> 4
    data[21] = data[21] & 0x0F | (depth - 1 & 15) << 4
    path.write_bytes(data)
    with pytest.raises(sf.SoundFileError):
        sf.SoundFile(path)
    assert lengths(path) == {len(whole)}
    assert np.array_equal(read(path), whole)


@pytest.mark.parametrize(
    ("suffix", "kind", "magic", "offset", "order", "factor"),
    [
        ("wav", "WAV", b"data", 4, "<I", 1),
        ("aiff", "AIFF", b"SSND", 4, ">I", 1),
        ("au", "AU", b".snd", 8, ">I", 1),
        ("caf", "CAF", b"data", 4, ">q", 1),
        ("w64", "W64", b"data", 16, "<q", 1),
        ("rf64", "RF64", b"ds64", 16, "<q", 1),
        ("flac", "FLAC", b"fLaC", 22, ">I", 0.5),
    ],
)
def test_read_header_that_says_more_or_less_than_there_is(tmp_path, suffix, kind, magic, offset, order, factor):
    n_bytes = int(2 * len(SPEECH) * factor)
    more = with_number(write(tmp_path, suffix, kind), magic, offset, 2 * n_bytes, order, f"more.{suffix}")
    with pytest.raises(InputError, match="cut short"):
        describe(more)
    assert describe(more, salvage=True).note == "1.50 s of 3.00 s used: the rest is missing"
    assert lengths(more, salvage=True) == {len(SPEECH)}
    less = with_number(write(tmp_path, suffix, kind), magic, offset, n_bytes // 2, order, f"less.{suffix}")
    if kind == "FLAC":  # its frames show that they belong to it
        assert lengths(less) == {len(SPEECH)}
        return
    with pytest.raises(InputError, match=r"is damaged: 2\d,\d{3} bytes follow the sound"):
        describe(less)
    assert lengths(less, salvage=True) == {len(SPEECH)}


@pytest.mark.parametrize(("factor", "is_whole"), [(2, False), (0.5, True)])
def test_read_mp3_whose_table_is_wrong(tmp_path, factor, is_whole):
    path = write(tmp_path, "mp3", "MP3", "MPEG_LAYER_III")
    whole, data = read(path), path.read_bytes()
    at = max(data.find(b"Xing"), data.find(b"Info"))
    n_frames = int.from_bytes(data[at + 8 : at + 12], "big")
    path.write_bytes(data[: at + 8] + int(factor * n_frames).to_bytes(4, "big") + data[at + 12 :])
    if is_whole:
        assert abs(len(read(path)) - len(whole)) < 3_000
    else:
        with pytest.raises(
            InputError, match=f"cut short: its header promises {2 * n_frames} frames of sound, it holds"
        ):
            describe(path)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_read_mp3_of_constant_bitrate_cut_to_half_is_refused(tmp_path, mode):
    path = write(tmp_path, "mp3", "MP3", "MPEG_LAYER_III", bitrate_mode=mode, compression_level=0.5)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="cut short: its header promises"):
        describe(path)
    assert describe(path, salvage=True).note.endswith(" s of 1.50 s used: the rest is missing")


def mp3_in_wav(path):
    """Put an MP3 file into a WAV file, whose header declares another length than is decoded."""
    mp3 = write(path.parent, "mp3", "MP3", "MPEG_LAYER_III", name="inner").read_bytes()
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 1, SR, 4_000, 1, 0, 12, 1, 2, 144, 1, 1_393)
    fact = struct.pack("<I", 99_999)
    chunks = b"".join(
        name + struct.pack("<I", len(c)) + c for name, c in ((b"fmt ", form), (b"fact", fact), (b"data", mp3))
    )
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    return path, read(path.parent / "inner.mp3")


def test_read_mp3_in_wav_is_as_long_as_it_decodes(tmp_path):
    path, whole = mp3_in_wav(tmp_path / "a.wav")
    assert lengths(path) == {len(whole)}
    assert np.array_equal(read(path), whole)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="is cut short"):
        describe(path)


def of_another_stream(data, serial):
    """Return OGG pages with another serial number."""
    out, at = bytearray(data), 0
    while (at := out.find(b"OggS", at)) >= 0:
        out[at + 14 : at + 18] = struct.pack("<I", serial)
        at += 4
    return correct_checksums(bytes(out))


@pytest.mark.parametrize(
    ("suffix", "kind", "subtype"),
    [
        ("wav", "WAV", "PCM_16"),
        ("w64", "W64", "PCM_16"),
        ("aiff", "AIFF", "PCM_16"),
        ("au", "AU", "PCM_16"),
        ("caf", "CAF", "PCM_16"),
        ("flac", "FLAC", "PCM_16"),
        ("mp3", "MP3", "MPEG_LAYER_III"),
        ("ogg", "OGG", "VORBIS"),
        ("opus", "OGG", "OPUS"),
    ],
)
def test_read_several_recordings_in_one_file_are_read_all(tmp_path, suffix, kind, subtype):
    parts = [
        write(tmp_path, suffix, kind, subtype, name=name, sound=SPEECH[: 12_000 * i]) for i, name in enumerate("xy", 1)
    ]
    expected = np.concatenate([read(part) for part in parts])
    contents = [of_another_stream(p.read_bytes(), i) if kind == "OGG" else p.read_bytes() for i, p in enumerate(parts)]
    path = tmp_path / f"chain.{suffix}"
    path.write_bytes(b"".join(contents))
    assert lengths(path) == {len(expected)}
    assert np.array_equal(read(path), expected)


def test_read_recordings_of_different_rates_in_one_file_are_refused_or_the_first_is_used(tmp_path):
    path = write(tmp_path)
    path.write_bytes(path.read_bytes() + write(tmp_path, name="b", sr=8_000).read_bytes())
    with pytest.raises(InputError, match="holds 2 recordings, of different rates or formats: split it"):
        describe(path)
    assert lengths(path, salvage=True) == {len(SPEECH)}
    assert describe(path, salvage=True).note == "1.50 s used: the rest is missing"


def test_read_wav_with_its_sound_in_several_chunks_is_read_all(tmp_path):
    path = write(tmp_path)
    data = path.read_bytes()
    at = data.index(b"data")
    sound = data[at + 8 :]
    chunks = (
        b"data\x10\x27\0\0" + sound[:10_000] + b"LIST\4\0\0\0abcd" + b"data" + struct.pack("<I", len(sound) - 10_000)
    )
    path.write_bytes(data[:at] + chunks + sound[10_000:])
    assert lengths(path) == {len(SPEECH)}


def test_read_rf64_with_other_chunks_behind_its_sound_and_bw64_are_whole(tmp_path):
    path = write(tmp_path, "rf64", "RF64", "PCM_16")
    whole, data = read(path), path.read_bytes()
    path.write_bytes(data + b"LIST" + struct.pack("<I", 5_000) + b"x" * 5_000)
    assert lengths(path) == {len(whole)}
    path.write_bytes(b"BW64" + data[4:])
    assert np.array_equal(read(path), whole)


def test_read_many_recordings_in_one_file_leave_no_files_open(tmp_path):
    one = write(tmp_path, sound=SPEECH[:100]).read_bytes()
    path = tmp_path / "many.wav"
    path.write_bytes(900 * one)
    assert lengths(path) == {90_000}


def test_read_voc_of_several_blocks_holds_no_headers_as_sound(tmp_path):
    path = write(tmp_path, "voc", "VOC", "PCM_16")
    whole, data = read(path), path.read_bytes()
    first, sound = data[:26], data[42:-1]
    head = data[30:42]

    def block(kind, content):
        return bytes([kind]) + len(content).to_bytes(3, "little") + content

    path.write_bytes(first + block(9, head + sound[:20_000]) + block(5, b"text\0") + block(2, sound[20_000:]) + b"\0")
    assert lengths(path) == {len(whole)}
    assert np.array_equal(read(path), whole)


ID3 = b"ID3\4\0\0\0\0\x10\0" + bytes(2_048)
ID3V1 = b"TAG" + bytes(125)
APE = b"APETAGEX" + struct.pack("<4I", 2_000, 64, 1, 0xA0000000) + bytes(8) + b"x" * 64


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "mp3"])
@pytest.mark.parametrize(
    ("before", "after"), [(ID3, b""), (ID3 + ID3, ID3V1), (b"", APE + ID3V1), (b"", ID3), (b"", bytes(5_000))]
)
def test_read_tags_and_padding_around_the_sound_are_no_sound(tmp_path, suffix, before, after):
    path = write(tmp_path, suffix, suffix.upper(), "MPEG_LAYER_III" if suffix == "mp3" else "PCM_16")
    whole = read(path)
    path.write_bytes(before + path.read_bytes() + after)
    assert lengths(path) == {len(whole)}
    assert np.array_equal(read(path), whole)


def test_read_ogg_without_its_last_page_is_whole_as_far_as_it_goes(tmp_path):
    """The last page of a stream whose recorder was ended is like any other."""
    path = write(tmp_path, "opus", "OGG", "OPUS")
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"OggS")])
    [n_samples] = lengths(path)
    assert 0.5 * len(SPEECH) < n_samples < len(SPEECH)


def test_read_ogg_that_lacks_a_page_is_refused(tmp_path):
    path = write(tmp_path, "opus", "OGG", "OPUS", sound=np.tile(SPEECH, 4))
    pages = path.read_bytes().split(b"OggS")
    path.write_bytes(b"OggS".join([*pages[:5], *pages[6:]]))
    with pytest.raises(InputError, match=r"pages are missing|damaged or cut short"):
        describe(path)


def test_finder_and_reader_agree_on_the_formats(tmp_path):
    """Each format is found by its suffixes and read; libsndfile writes all of them but MPEG layers I and II."""
    formats = {
        **dict.fromkeys(FORMATS["WAV"].split(), ("WAV", "PCM_16")),
        **{
            suffix: (name.split()[0], "PCM_16") for name in FORMATS for suffix in FORMATS[name].split() if name != "WAV"
        },
        **dict.fromkeys((".ogg", ".oga"), ("OGG", "VORBIS")),
        ".opus": ("OGG", "OPUS"),
        **dict.fromkeys(FORMATS["MP3"].split(), ("MP3", "MPEG_LAYER_III")),
        ".mat": ("MAT5", "PCM_16"),
        ".rf64": ("RF64", "PCM_16"),
        ".wavex": ("WAVEX", "PCM_16"),
        ".xi": ("XI", "DPCM_16"),
        ".wve": ("WVE", "ALAW"),
    }
    assert set(" ".join(FORMATS.values()).split()) == set(formats)
    for suffix, (kind, subtype) in formats.items():
        write(tmp_path, suffix[1:], kind, subtype)
    found = find_recordings(tmp_path)
    assert found == sorted(f"a{suffix}" for suffix in formats)
    for name in found:
        assert lengths(tmp_path / name) == {len(read(tmp_path / name))}


@pytest.mark.parametrize(
    ("suffix", "kind", "subtype"),
    [("mp3", "MP3", "MPEG_LAYER_III"), ("flac", "FLAC", "PCM_16"), ("ogg", "OGG", "VORBIS")],
)
@pytest.mark.parametrize("salvage", [False, True])
def test_describe_cut_within_its_first_headers_is_refused(suffix, kind, subtype, salvage, tmp_path):
    path = write(tmp_path, suffix, kind, subtype, sound=SPEECH[:2_000])
    content = path.read_bytes()
    for n_bytes in range(1, 200):
        path.write_bytes(content[:n_bytes])
        with pytest.raises(InputError, match=r"cut short|not a sound file"):
            describe(path, salvage=salvage)

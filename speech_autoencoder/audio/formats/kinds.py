"""The formats of recordings by their suffixes, and what a file that is none of them is."""

from dataclasses import dataclass
from pathlib import PurePath

from speech_autoencoder.system.extras import install_command
from speech_autoencoder.system.files import is_lfs_pointer
from speech_autoencoder.system.wording import counted

# What libsndfile reads, and the suffixes of such files; a test writes and reads each.
FORMATS = {
    "WAV": ".wav .wave .wavex .bwf .rf64 .rifx",
    "W64": ".w64",
    "FLAC": ".flac",
    "OGG (Vorbis, Opus)": ".ogg .oga .opus",
    "MP3": ".mp3 .mp2 .mp1 .mpga",
    "AIFF": ".aiff .aif .aifc",
    "AU": ".au .snd",
    "CAF": ".caf",
    "VOC": ".voc",
    "NIST": ".sph .nist",
    "IRCAM": ".ircam .sf",
    "MAT": ".mat",
    "MPC2K": ".mpc2k",
    "PAF": ".paf",
    "PVF": ".pvf",
    "SD2": ".sd2",
    "SDS": ".sds",
    "SVX": ".svx .8svx .16sv .iff",
    "XI": ".xi",
    "AVR": ".avr",
    "HTK": ".htk",
    "WVE": ".wve",
}
# What phones, browsers, messengers and cameras record, and libsndfile does not read: PyAV does, where it is installed.
# Without it such files are reported, not passed over.
OTHER_SUFFIXES = frozenset(
    ".m4a .m4b .m4r .mp4 .m4v .f4v .mov .qta .3gp .3gpp .3g2 .aac .adts .loas .amr .awb .webm .weba .mka .mkv .wma "
    ".wmv .asf .avi .flv .mpg .mpeg .mts .m2ts .vob .ogv .ogx .spx .ac3 .eac3 .dts .ape .wv .tta .mpc .mp+ .ra .rm "
    ".dsf .dff .shn .tak .gsm .vox .raw .pcm".split()
)
# The same for messages, as far as people know them by name.
OTHER_FORMATS = ("M4A", "MP4", "MOV", "3GP", "AMR", "AAC", "WebM", "WMA", "videos")
# Samples without a header.
RAW_SUFFIXES = (".raw", ".pcm", ".gsm", ".vox")
READ_SUFFIXES = frozenset(" ".join(FORMATS.values()).split())
SUFFIXES = READ_SUFFIXES | OTHER_SUFFIXES


@dataclass(frozen=True)
class Content:
    """What a file is: in words, and whether it is sound or a film, which other decoders may read."""

    words: str
    is_media: bool = False


# Where a magic stands, the magic, and what it tells.
_MAGICS: tuple[tuple[int, bytes, Content], ...] = (
    (4, b"ftyphei", Content("a picture: put the recording in its place")),
    (4, b"ftypavif", Content("a picture: put the recording in its place")),
    (4, b"ftypmif1", Content("a picture: put the recording in its place")),
    (4, b"ftyp", Content("an MP4 file", is_media=True)),
    (4, b"moov", Content("a QuickTime file", is_media=True)),
    (4, b"mdat", Content("a QuickTime file", is_media=True)),
    (4, b"wide", Content("a QuickTime file", is_media=True)),
    (4, b"free", Content("a QuickTime file", is_media=True)),
    (4, b"skip", Content("a QuickTime file", is_media=True)),
    (0, b"\x1a\x45\xdf\xa3", Content("a Matroska or WebM file", is_media=True)),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Content("a WMA file", is_media=True)),
    (0, b"#!AMR", Content("an AMR file", is_media=True)),
    (0, b"MAC ", Content("a Monkey's Audio file", is_media=True)),
    (0, b"wvpk", Content("a WavPack file", is_media=True)),
    (0, b"TTA1", Content("a TTA file", is_media=True)),
    (0, b"TTA2", Content("a TTA file", is_media=True)),
    (0, b"MPCK", Content("a Musepack file", is_media=True)),
    (0, b"MP+", Content("a Musepack file", is_media=True)),
    (0, b".RMF", Content("a RealAudio file", is_media=True)),
    (0, b".ra\xfd", Content("a RealAudio file", is_media=True)),
    (0, b"DSD ", Content("a DSD file", is_media=True)),
    (0, b"FRM8", Content("a DSD file", is_media=True)),
    (0, b"ajkg", Content("a Shorten file", is_media=True)),
    (0, b"tBaK", Content("a TAK file", is_media=True)),
    (0, b"FLV\x01", Content("a Flash video", is_media=True)),
    (0, b"\0\0\1\xba", Content("a video (MPEG)", is_media=True)),
    (0, b"ADIF", Content("an AAC file", is_media=True)),
    (0, b"\x0b\x77", Content("an AC-3 file", is_media=True)),
    (0, b"\x7f\xfe\x80\x01", Content("a DTS file", is_media=True)),
    (8, b"AVI ", Content("a video (AVI)", is_media=True)),
    (0, b"MThd", Content("a MIDI file, which holds notes and no sound")),
    (0, b"\x1f\x8b", Content("an archive (gzip): unpack it")),
    (0, b"PK\3\4", Content("an archive (ZIP): unpack it")),
    (0, b"BZh", Content("an archive (bzip2): unpack it")),
    (0, b"\xfd7zXZ\0", Content("an archive (xz): unpack it")),
    (0, b"7z\xbc\xaf", Content("an archive (7z): unpack it")),
    (0, b"Rar!", Content("an archive (RAR): unpack it")),
    (0, b"\x28\xb5\x2f\xfd", Content("an archive (Zstandard): unpack it")),
    (257, b"ustar", Content("an archive (tar): unpack it")),
    (0, b"%PDF", Content("a PDF document: put the recording in its place")),
    (0, b"\x89PNG", Content("a picture: put the recording in its place")),
    (0, b"\xff\xd8\xff", Content("a picture: put the recording in its place")),
    (0, b"GIF8", Content("a picture: put the recording in its place")),
    (0, b"\x93NUMPY", Content("an array of NumPy: put the recording in its place")),
    (0, b"\x89HDF", Content("an HDF5 file: put the recording in its place")),
    (0, b"SAE", Content("a file of the codec: decode it first")),
)
# Bytes of a packet of MPEG-TS, each of which begins with a G, in files of cameras after four bytes.
_TS_PACKET, _TS_PACKET_OF_CAMERAS = 188, 192
# A file of fewer bytes holds no header.
_LEAST_BYTES = 12
_TEXT_BYTES = bytes(range(0x20, 0x7F)) + b"\t\n\r\f"
# The share of printable bytes in a text, which may have letters of other scripts.
_LEAST_TEXT = 0.85


def content_of(head: bytes) -> Content:
    """Return what a file is that no reader of sound takes, by its first bytes (some hundreds)."""
    if is_lfs_pointer(head):
        return Content("a Git LFS pointer, not the recording itself: run git lfs pull")
    for at, magic, content in _MAGICS:
        if head[at : at + len(magic)] == magic:
            return content
    # The sync words of ADTS and LOAS, which do not end with a byte.
    if int.from_bytes(head[:2]) & 0xFFF6 == 0xFFF0 or int.from_bytes(head[:2]) & 0xFFE0 == 0x56E0:
        return Content("an AAC file", is_media=True)
    if b"GG" in (head[: _TS_PACKET + 1 : _TS_PACKET], head[4 : 5 + _TS_PACKET_OF_CAMERAS : _TS_PACKET_OF_CAMERAS]):
        return Content("a video (MPEG-TS)", is_media=True)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<script")) or b"<html" in start:
        return Content("a web page: download the recording again")
    if len(head) < _LEAST_BYTES:
        return Content(f"{counted(len(head), 'byte')} of something: record or copy it again")
    if not head.strip(b"\0"):
        return Content("nothing but zeros: record or copy it again")
    if len(head.translate(None, _TEXT_BYTES)) <= (1 - _LEAST_TEXT) * len(head):
        return Content("text: put the recording in its place")
    return Content("")


# What stands in the reason why a recording is left out that only PyAV reads, before the command that converts it.
_NEEDS_PYAV = "which needs PyAV"
_CONVERT = "or convert it: "


def needs_pyav(what: str, conversion: str) -> str:
    """Return what is said of a file that only PyAV reads, where PyAV is not installed.

    Parameters
    ----------
    what
        What the file is, such as "an AMR file".
    conversion
        The command that converts it to what libsndfile reads.
    """
    return f"{what}, {_NEEDS_PYAV}: {install_command('av')}, {_CONVERT}{conversion}"


def of_those_that_need_pyav(left_out: list[tuple[str, str]]) -> tuple[list[str], str]:
    """Return the names of recordings, of (name, reason), whose reason is `needs_pyav`, and one sentence about them."""
    found = [(name, reason) for name, reason in left_out if _NEEDS_PYAV in reason]
    if not found:
        return [], ""
    suffixes = ", ".join(sorted({PurePath(name).suffix.lower().removeprefix(".") for name, _ in found}))
    be, in_formats = ("is", "a format that needs") if len(found) == 1 else ("are", "formats that need")
    return [name for name, _ in found], (
        f"{counted(len(found), 'recording')} {be} in {in_formats} PyAV ({suffixes}): {install_command('av')}, "
        f"or convert each, the first by: {found[0][1].rpartition(_CONVERT)[2]}"
    )

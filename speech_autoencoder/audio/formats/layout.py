"""Which streams of sound a file holds, and whether they are whole."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from speech_autoencoder.audio.formats import fixed
from speech_autoencoder.audio.formats.bytes_at import BytesAt
from speech_autoencoder.audio.formats.chunked import dialect_of, read_chunked
from speech_autoencoder.audio.formats.flac import read_flac
from speech_autoencoder.audio.formats.mpeg import are_frames, read_mpeg, tag_bytes
from speech_autoencoder.audio.formats.ogg import read_ogg
from speech_autoencoder.audio.formats.stream import Stream, is_padding

# More streams in a file are not looked for.
_MOST_STREAMS = 1_000

Reader = Callable[[BytesAt, int], Stream]


def _to_the_end(kind: str) -> Reader:
    """Return the reader of a format whose header does not say how long the sound is."""
    return lambda data, start: Stream(kind, start, data.size)


# How a file begins, and what reads it.
_READERS: tuple[tuple[bytes, Reader], ...] = (
    (b"fLaC", read_flac),
    (b"OggS", read_ogg),
    (b".snd", fixed.read_au),
    (b"dns.", fixed.read_au),
    (b"NIST_1A", fixed.read_nist),
    (b"Creative Voice File\x1a", fixed.read_voc),
    (b"2BIT", fixed.read_avr),
    (b"\x01\x04", fixed.read_mpc2k),
    (b"ALawSoundFile**\0", fixed.read_wve),
    (b"\xf0\x7e", fixed.read_sds),
    (b"MATLAB 5.0 MAT-file", fixed.read_mat5),
    (b"\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0", fixed.read_mat4),
    (b"\0\0\x03\xe8\0\0\0\1\0\0\0\1\0\0\0\0", fixed.read_mat4),
    (b" paf", _to_the_end("PAF")),
    (b"fap ", _to_the_end("PAF")),
    (b"PVF1", _to_the_end("PVF")),
    (b"Extended Instrument: ", _to_the_end("XI")),
    (b"\x64\xa3", _to_the_end("IRCAM")),
    (b"\0\x01\xa3\x64", _to_the_end("IRCAM")),
    (b"\0\x02\xa3\x64", _to_the_end("IRCAM")),
    (b"\0\x03\xa3\x64", _to_the_end("IRCAM")),
)
_HEAD_BYTES = 24
# What a file in no known format is recognised by.
_CONTENT_BYTES = 512
# A magic of fewer bytes may be met by chance where something else follows the sound.
_STRONG = 4
# Tags before a stream.
_MOST_TAGS = 100


@dataclass(frozen=True)
class Layout:
    """The streams of sound in a file, and why it is not whole.

    Attributes
    ----------
    streams : tuple of Stream
        None if the file is in no format that is known here.
    head : bytes
        How the file begins after its tags.
    defect, share
        As of a Stream, for the whole file.
    """

    streams: tuple[Stream, ...]
    head: bytes = b""
    defect: str = ""
    share: float | None = None


def layout(file: BinaryIO) -> Layout:
    """Return the streams of sound in an open file."""
    data = BytesAt(file)
    streams: list[Stream] = []
    at = 0
    while at < data.size and len(streams) < _MOST_STREAMS:
        reader = _reader(data, at, is_first=not streams)
        if reader is None:
            break
        streams.append(reader(data, at))
        if streams[-1].end <= at:
            break
        at = streams[-1].end
    if not streams:
        start = after_tags(data, 0) if data.get(0, 3) == b"ID3" else 0
        return Layout((), data.get(start if start < data.size else 0, _CONTENT_BYTES))
    last = streams[-1]
    broken = next((stream for stream in streams if stream.defect), None)
    if broken:
        return Layout(tuple(streams), defect=broken.defect, share=broken.share if len(streams) == 1 else None)
    n_bytes, n_more = at - last.start, data.size - at
    if is_padding(data, at, data.size, n_bytes):
        return Layout(tuple(streams))
    if last.longer:
        streams[-1] = replace(last, pieces=last.longer, end=data.size)
    defect = f"is damaged: {n_more:,} bytes follow the sound that its header tells of"
    return Layout(tuple(streams), defect=defect)


def after_tags(data: BytesAt, at: int) -> int:
    """Return where what follows the tags at a position begins."""
    for _ in range(_MOST_TAGS):
        n_bytes = tag_bytes(data, at)
        if not n_bytes or at >= data.size:
            break
        at += n_bytes
    return at


def _reader(data: BytesAt, at: int, *, is_first: bool) -> Reader | None:
    """Return what reads the stream that begins at a position, if one does."""
    begin = after_tags(data, at)
    for place in dict.fromkeys((at, begin)):
        head = data.get(place, _HEAD_BYTES)
        if dialect_of(head):
            return partial(_at, read_chunked, place)
        for magic, reader in _READERS:
            if head.startswith(magic) and (is_first or len(magic) >= _STRONG):
                return partial(_at, reader, place)
    if are_frames(data, begin, data.size):
        return lambda data, start: read_mpeg(data, start, data.size)
    if is_first and fixed.is_htk(data):
        return fixed.read_htk
    return None


def _at(reader: Reader, place: int, data: BytesAt, start: int) -> Stream:
    """Return the stream that begins at a place, after the tags at `start`."""
    return reader(data, place)

"""Containers of chunks, each with a name and a length: WAV and its 64-bit forms, AIFF, SVX, CAF."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from speech_autoencoder.audio.formats.bytes_at import BytesAt, replaced
from speech_autoencoder.audio.formats.mpeg import read_mpeg
from speech_autoencoder.audio.formats.stream import Stream, cut_short, is_unknown

# The codings that WAV files declare, where libsndfile may not read them.
_WAV_CODINGS = {
    0x0010: "OKI ADPCM",
    0x0022: "TrueSpeech",
    0x0042: "G.723.1",
    0x0045: "G.726",
    0x0050: "MPEG layer II",
    0x0064: "G.726",
    0x0083: "G.729",
    0x00FF: "AAC",
    0x0160: "WMA",
    0x0161: "WMA",
    0x0162: "WMA",
    0x1610: "AAC",
    0x2000: "AC-3",
    0xA106: "AAC",
    0xF1AC: "FLAC",
}
_MP3_CODING = 0x0055
# More chunks are not looked at.
_MOST_CHUNKS = 100_000
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")


class Dialect(NamedTuple):
    """How a container writes its chunks."""

    kind: str
    first: int  # where its first chunk begins
    n_name: int
    n_size: int
    order: str
    is_whole_size: bool  # whether a chunk's length includes its name and length
    alignment: int
    sound: bytes  # the name of the chunk with the sound
    skipped: int = 0  # what comes before the sound in it


_W64_SOUND = b"data" + _W64_TAIL
DIALECTS = {
    b"RIFF": Dialect("WAV", 12, 4, 4, "little", False, 2, b"data"),
    b"RF64": Dialect("RF64", 12, 4, 4, "little", False, 2, b"data"),
    b"BW64": Dialect("RF64", 12, 4, 4, "little", False, 2, b"data"),
    b"RIFX": Dialect("WAV", 12, 4, 4, "big", False, 2, b"data"),
    b"riff": Dialect("W64", 40, 16, 8, "little", True, 8, _W64_SOUND),
    b"AIFF": Dialect("AIFF", 12, 4, 4, "big", False, 2, b"SSND", 8),
    b"AIFC": Dialect("AIFF", 12, 4, 4, "big", False, 2, b"SSND", 8),
    b"8SVX": Dialect("SVX", 12, 4, 4, "big", False, 2, b"BODY"),
    b"16SV": Dialect("SVX", 12, 4, 4, "big", False, 2, b"BODY"),
    b"caff": Dialect("CAF", 8, 4, 8, "big", False, 1, b"data", 4),
}
# Where another file begins instead of a chunk.
_OTHER_FILES = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"riff", b"FORM", b"caff", b"fLaC", b"OggS", b".snd")


def dialect_of(head: bytes) -> Dialect | None:
    """Return how a file that begins like this writes its chunks, None if it is no such container."""
    name = head[8:12] if head[:4] == b"FORM" else head[:4]
    is_wave = head[8:12] == b"WAVE" or head[:4] in (b"riff", b"caff", b"FORM")
    return DIALECTS.get(name) if is_wave else None


@dataclass(frozen=True)
class _Chunk:
    """A chunk: its name, where its length and its content are, and its length."""

    name: bytes
    size_at: int
    at: int
    size: int


def _chunks(data: BytesAt, start: int, dialect: Dialect) -> Iterator[_Chunk]:
    """Yield the chunks from a position on, as far as they are chunks; a length may exceed the file."""
    head, size_64 = dialect.n_name + dialect.n_size, 0
    for _ in range(_MOST_CHUNKS):
        if start + head > data.size:
            return
        name = data.get(start, dialect.n_name)
        if not _is_name(name) or name[:4] in _OTHER_FILES:
            return
        size = data.number(start + dialect.n_name, dialect.n_size, dialect.order)
        if name == b"ds64":
            size_64 = data.number(start + head + 8, 8, "little")
        elif name == dialect.sound and size == 0xFFFFFFFF and size_64:
            size = size_64
        if dialect.is_whole_size and not is_unknown(size, dialect.n_size, dialect.kind):
            size = max(0, size - head)
        yield _Chunk(name, start + dialect.n_name, start + head, size)
        start = _after(data, start + head + size, dialect)


def _is_name(name: bytes) -> bool:
    """Return whether bytes may be the name of a chunk."""
    return all(0x20 <= byte < 0x7F for byte in name[:4]) and len(set(name)) > 1


def _after(data: BytesAt, end: int, dialect: Dialect) -> int:
    """Return where the chunk after one that ends here begins; some programs forget to pad an odd length."""
    aligned = end + -end % dialect.alignment
    if aligned != end and dialect.alignment == 2 and _is_name(data.get(end, 4)):
        return end if not _is_name(data.get(aligned, 4)) else aligned
    return aligned


def read_chunked(data: BytesAt, start: int) -> Stream:
    """Return the stream of sound in a container that begins at a position."""
    dialect = dialect_of(data.get(start, 12))
    if dialect is None:
        raise ValueError("expected a container of chunks")
    sounds: list[_Chunk] = []
    coding, sizes_at, frame_bytes, end = None, None, 1, start + dialect.first
    for chunk in _chunks(data, end, dialect):
        if chunk.name == b"ds64":
            sizes_at = chunk.at
        elif chunk.name[:4] == b"fmt ":
            coding = data.number(chunk.at, 2, dialect.order)
            frame_bytes = data.number(chunk.at + 12, 2, dialect.order) or 1
        elif chunk.name == dialect.sound:
            sounds.append(chunk)
            if chunk.size <= dialect.skipped and not _reach_the_end(data, chunk.at, dialect):
                sounds[-1] = _Chunk(chunk.name, chunk.size_at, chunk.at, 1 << 63)
                break
        end = min(data.size, chunk.at + chunk.size)
        if chunk.at + chunk.size > data.size:
            break
    if not sounds:
        return Stream(dialect.kind, start, data.size, defect="is cut short: its header ends before the sound begins")
    first = sounds[0]
    if coding == _MP3_CODING:
        return _mp3(data, first, start, end)
    held = data.size - first.at
    if len(sounds) > 1:
        return _joined(data, sounds, dialect, start, end)
    kind = f"{dialect.kind} ({_WAV_CODINGS[coding]})" if coding in _WAV_CODINGS else dialect.kind
    # Of a block that is there in part, libsndfile would make noise.
    n_bytes = held - held % frame_bytes
    pieces = _with_size(first, n_bytes, dialect, sizes_at, start, first.at + n_bytes)
    if first.size <= held:
        if data.get(start, 4) == b"BW64":  # which libsndfile knows as RF64
            return Stream(kind, start, end, replaced(start, end, (start, b"RF64")))
        return Stream(kind, start, end, longer=pieces if end <= first.at + first.size + 1 else ())
    if is_unknown(first.size, 8 if first.size >> 32 else 4, dialect.kind):
        return Stream(kind, start, data.size, pieces)
    # Some programs count the header in.
    if first.size - held in (first.at - start, first.at - start - 8):
        return Stream(kind, start, data.size, pieces)
    defect, share = cut_short(first.size, held, "bytes of sound")
    return Stream(kind, start, data.size, pieces, defect=defect, share=share)


def _reach_the_end(data: BytesAt, start: int, dialect: Dialect) -> bool:
    """Return whether only chunks follow, to the end of the file: then there is no sound before them."""
    end = start
    for chunk in _chunks(data, start, dialect):
        end = chunk.at + chunk.size
    return end <= data.size < end + 1 + dialect.alignment


def _with_size(chunk: _Chunk, size: int, dialect: Dialect, sizes_at: int | None, start: int, end: int) -> tuple:
    """Return the pieces of a container whose chunk of sound says another length."""
    if sizes_at is not None:
        return replaced(start, end, (sizes_at + 8, size.to_bytes(8, "little")))
    whole = size + (dialect.n_name + dialect.n_size if dialect.is_whole_size else 0)
    order = "big" if dialect.order == "big" else "little"
    return replaced(start, end, (chunk.size_at, min(whole, 256**dialect.n_size - 1).to_bytes(dialect.n_size, order)))


def _mp3(data: BytesAt, chunk: _Chunk, start: int, end: int) -> Stream:
    """Return the stream of an MP3 file in a WAV file: libsndfile takes its length from the wrong header."""
    inner = read_mpeg(data, chunk.at, min(data.size, chunk.at + chunk.size))
    pieces = inner.pieces or (range(inner.start, inner.end),)
    defect, share = inner.defect, inner.share
    held = data.size - chunk.at
    if chunk.size > held and not is_unknown(chunk.size, 4, "WAV"):
        defect, share = cut_short(chunk.size, held, "bytes of sound")
    n_samples = inner.n_samples
    return Stream("MP3", start, end, pieces, is_estimated=True, n_samples=n_samples, defect=defect, share=share)


def _joined(data: BytesAt, sounds: list[_Chunk], dialect: Dialect, start: int, end: int) -> Stream:
    """Return the stream of a container with several chunks of sound, of which libsndfile would read one."""
    first, skipped = sounds[0], dialect.skipped
    ranges = [range(c.at + (skipped if c is not first else 0), min(data.size, c.at + c.size)) for c in sounds]
    size = sum(map(len, ranges))
    head = _with_size(first, size, dialect, None, start, first.at)
    promised = sum(chunk.size for chunk in sounds) - skipped * (len(sounds) - 1)
    defect, share = cut_short(promised, size, "bytes of sound") if size < promised else ("", None)
    return Stream(dialect.kind, start, end, (*head, *ranges), defect=defect, share=share)

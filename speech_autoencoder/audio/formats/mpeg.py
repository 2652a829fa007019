"""MPEG audio (MP3, MP2, MP1): frames, one after another, and the table of contents in the first of them."""

from functools import cache
from typing import NamedTuple

from speech_autoencoder.audio.formats.bytes_at import BytesAt, Piece, replaced
from speech_autoencoder.audio.formats.stream import Stream, cut_short

# kbit/s by the index in the header, for MPEG 1 (layers I, II, III), and for MPEG 2 (layer I; layers II and III).
_BITRATES = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = (44_100, 48_000, 32_000)  # of MPEG 1; MPEG 2 has half of them, MPEG 2.5 a quarter
# Bytes of a frame that are looked at: its table of contents begins before.
_LOOK = 56
# A stretch without frames of more bytes than this ends the stream, as do stretches of so many bytes in all.
_MOST_JUNK = 1 << 16
_MOST_JUNK_IN_ALL = 1 << 20
# Frames that a decoder may leave out: those of its delay, those that rest on others before, the padding at the end.
_DELAY_FRAMES = 5
# Frames after each other that show that these are frames.
_CONVINCING = 4


class _Frame(NamedTuple):
    """What the header of a frame says."""

    constant: tuple[int, int, int]  # version, layer and rate (Hz): the same in all frames of a stream
    n_bytes: int
    n_samples: int
    bitrate: int
    table_at: int  # where a table of contents would be

    @property
    def layer(self) -> int:
        return self.constant[1]

    @property
    def sr(self) -> int:
        return self.constant[2]


@cache
def _frame(header: bytes) -> _Frame | None:
    """Return what the four bytes of a header say, None if they are none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = {3: 1, 2: 2, 0: 4}.get(header[1] >> 3 & 3, 0), 4 - (header[1] >> 1 & 3)
    index, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if not version or layer == 4 or index in (0, 15) or rate == 3:  # index 0, a bitrate of its own, is never used
        return None
    sr = _RATES_HZ[rate] // version
    bitrate = 1_000 * _BITRATES[min(version, 2), layer][index]
    n_samples = (384, 1_152, 1_152 if version == 1 else 576)[layer - 1]
    n_bytes = 4 * (12 * bitrate // sr + padding) if layer == 1 else n_samples // 8 * bitrate // sr + padding
    is_mono = header[3] >> 6 == 3
    side_bytes = (17 if is_mono else 32) if version == 1 else (9 if is_mono else 17)
    return _Frame((version, layer, sr), n_bytes, n_samples, bitrate, 4 + side_bytes)


def find_frames(data: BytesAt, start: int, end: int) -> int | None:
    """Return where the first frames from a position on begin, None if there are none close by."""
    end_of_search = min(start + _MOST_JUNK, end)
    while (at := data.find(b"\xff", start, end_of_search)) >= 0:
        if are_frames(data, at, end):
            return at
        start = at + 1
    return None


def are_frames(data: BytesAt, at: int, end: int) -> bool:
    """Return whether some frames follow each other from a position on."""
    first = _frame(data.get(at, 4))
    if first is None:
        return False
    for _ in range(_CONVINCING):
        frame = _frame(data.get(at, 4))
        if frame is None or frame.constant != first.constant:
            return False
        at += frame.n_bytes
        if at >= end:
            break
    return True


def tag_bytes(data: BytesAt, at: int) -> int:
    """Return the length of a tag (ID3, APE, Lyrics3) at a position, or of zeros; 0 if there is none."""
    head = data.get(at, 32)
    if head[:3] == b"ID3" and len(head) > 10:  # its length is in four bytes of seven bits
        footer = 10 if head[5] & 0x10 else 0
        return 10 + footer + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        return 32 + (int.from_bytes(head[12:16], "little") if head[23] & 0x20 else 0)
    if head[:11] == b"LYRICSBEGIN":
        end = data.find(b"LYRICS200", at, at + _MOST_JUNK)
        return end + 9 - at if end > 0 else 0
    block = data.get(at, 4_096)
    return len(block) - len(block.lstrip(b"\0"))


class _Table(NamedTuple):
    """A table of contents: the frames that it promises, None if it does not say, and where it says so."""

    n_frames: int | None
    at: int


def _table(frame: _Frame, content: bytes, at: int) -> _Table | None:
    """Return the table of contents in the first bytes of a frame at a position, if it has one."""
    where = frame.table_at
    if content[where : where + 4] in (b"Xing", b"Info") and len(content) >= where + 12:
        has_frames = content[where + 7] & 1
        return _Table(int.from_bytes(content[where + 8 : where + 12], "big") if has_frames else None, at + where + 8)
    if content[36:40] == b"VBRI" and len(content) >= 54:
        return _Table(int.from_bytes(content[50:54], "big"), at + 50)
    return None


def read_mpeg(data: BytesAt, start: int, end: int) -> Stream:
    """Return the stream of MPEG frames that begins at a position, up to the next table of contents or to `end`."""
    at, first, first_at, last_end, table, lacks_end = start, None, start, start, None, False
    n_frames = n_junk = 0
    bitrates = set()
    while at + 4 <= end:
        content = data.get(at, _LOOK)
        frame = _frame(content[:4])
        if frame is None or (first and frame.constant != first.constant):
            found = at + tag_bytes(data, at)
            if found == at and n_junk < _MOST_JUNK_IN_ALL:
                found = find_frames(data, at + 1, end) or at
                n_junk += found - at
            if found == at or (first and _is_another(data, found, first)):
                break
            at = min(found, end)
            continue
        contents = _table(frame, content, at)
        if contents and first:
            end = at
            break
        if first is None:
            first, first_at, table = frame, at + (frame.n_bytes if contents else 0), contents
        if at + frame.n_bytes > end:
            lacks_end = True
            break
        if not contents:
            n_frames += 1
            bitrates.add(frame.bitrate)
        at += frame.n_bytes
        last_end = at
    if first is None:
        return Stream("MP3", start, end, defect="holds no frames of MPEG audio")
    # What libsndfile would estimate the length from: the first frame, and the size of the file.
    is_uneven = len(bitrates) > 1
    promised = table.n_frames if table else None
    pieces: tuple[Piece, ...] = ()
    if table and promised is not None and promised < n_frames:
        pieces = replaced(start, at, (table.at, n_frames.to_bytes(4, "big")))
    elif promised is None and is_uneven:
        pieces = (_table_frame(data.get(first_at, 4), n_frames), range(first_at, at))
    elif promised is None and not lacks_end and data.get(last_end, 1) == b"\0":
        pieces = (range(start, last_end),)  # libsndfile takes padding for damage
    defect, share = "", None
    if promised and n_frames < promised - (0 if lacks_end else 1):
        defect, share = cut_short(promised, n_frames, "frames of sound")
    elif promised is None and lacks_end:
        defect = f"is cut short: it ends within a frame of sound, after {n_frames * first.n_samples / first.sr:.2f} s"
    return Stream(
        f"MP{first.layer}",
        start,
        end if lacks_end else at,
        pieces,
        is_estimated=True,
        n_samples=max(0, n_frames - _DELAY_FRAMES) * first.n_samples,
        defect=defect,
        share=share,
    )


def _is_another(data: BytesAt, at: int, first: _Frame) -> bool:
    """Return whether the frame at a position, if there is one, is of another stream."""
    frame = _frame(data.get(at, 4))
    return frame is not None and frame.constant != first.constant


def _table_frame(header: bytes, n_frames: int) -> bytes:
    """Return a frame with a table of contents, for frames with such a header."""
    for bitrate in range(1, 15):
        own = bytes([header[0], header[1] | 1, bitrate << 4 | header[2] & 0x0C, header[3]])  # without a checksum
        frame = _frame(own)
        if frame and frame.n_bytes >= frame.table_at + 12:
            break
    else:
        return b""
    content = own.ljust(frame.table_at, b"\0") + b"Xing" + (1).to_bytes(4, "big") + n_frames.to_bytes(4, "big")
    return content.ljust(frame.n_bytes, b"\0")

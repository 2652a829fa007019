"""FLAC: a header of metadata, then frames, which say where in the recording they belong."""

from typing import NamedTuple

from speech_autoencoder.audio.formats.bytes_at import BytesAt, Piece, replaced
from speech_autoencoder.audio.formats.stream import Stream

MAGIC = b"fLaC"
_STREAMINFO_BYTES = 34
_LONGEST = 0xFFFFFFFFF  # samples
_STEREO = {1, 8, 9, 10}  # codings of two channels
# The most and the fewest bytes of the header of a frame.
_HEAD_BYTES = 16
_LEAST_HEAD = 6
# How a file begins after its magic: with a STREAMINFO, which may be its only metadata.
_BEGINNINGS = (b"\0\0\0\x22", b"\x80\0\0\x22")
# The last frame is looked for in so many bytes, unless the header knows the largest frame.
_LAST_BYTES = 1 << 18
# Depths that libsndfile refuses by the header, and those as which it reads them: the headers of frames tell the truth.
_READ_AS = {12: 16, 20: 24}


class _Frame(NamedTuple):
    """What the header of a frame says: its number, or that of its first sample, and its length."""

    number: int
    n_samples: int


def read_flac(data: BytesAt, start: int) -> Stream:
    """Return the FLAC stream that begins at a position, up to a second one or to the end."""
    end = _next_file(data, start + 4)
    at, info_at, is_last = start + 4, None, False
    while not is_last and at + 4 <= end:
        head = data.get(at, 4)
        is_last, block, n_bytes = bool(head[0] & 0x80), head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if block == 0 and n_bytes >= _STREAMINFO_BYTES and info_at is None:
            info_at = at + 4
        at += 4 + n_bytes
    if info_at is None or at >= end:
        return Stream("FLAC", start, end, defect="is cut short: its header ends before the sound begins")
    info = data.get(info_at, _STREAMINFO_BYTES)
    promised = int.from_bytes(info[13:18], "big") & _LONGEST
    total = max(promised, _length(data, at, end, info, promised) or 0)
    depth = ((info[12] & 1) << 4 | info[13] >> 4) + 1
    in_frames = data.number(at + 3, 1) >> 1 & 7
    read_as = _READ_AS.get(depth, depth) if in_frames else depth
    pieces: tuple[Piece, ...] = ()
    if (depth, promised) != (read_as, total):
        mended = info[12] >> 1 << 41 | (read_as - 1) << 36 | min(total, _LONGEST)
        pieces = replaced(start, end, (info_at + 12, mended.to_bytes(6, "big")))
    return Stream("FLAC", start, end, pieces, is_estimated=not total)


def _next_file(data: BytesAt, start: int) -> int:
    """Return where a second file begins, or the end of this one."""
    while (start := data.find(MAGIC, start, data.size)) >= 0:
        if data.get(start + 4, 4) in _BEGINNINGS:
            return start
        start += 1
    return data.size


def _length(data: BytesAt, start: int, end: int, info: bytes, promised: int) -> int | None:
    """Return the count of samples by the headers of the last frames; `start` is where the first one begins."""
    first = data.get(start, _HEAD_BYTES)
    if first[:1] != b"\xff" or len(first) < _LEAST_HEAD or first[1] & 0xFE != 0xF8:
        return None
    beginning = _frame(first, first)
    if beginning is None:
        return None
    # Old encoders of blocks of various lengths count samples without saying so.
    counts_samples = bool(first[1] & 1) or info[:2] != info[2:4]
    n_bytes = min(end - start, 2 * int.from_bytes(info[7:10], "big") or _LAST_BYTES)
    tail, at, last = data.get(end - n_bytes, n_bytes), n_bytes, None
    while (at := tail.rfind(first[:2], 0, at)) >= 0:
        # What looks like the header of a frame may be within one, once in a million files.
        frame = _frame(tail[at : at + _HEAD_BYTES], first)
        if frame:
            ends = [factor * frame.number + frame.n_samples for factor in (1, beginning.n_samples)]
            if promised in ends:
                return promised
            last = last or ends[0 if counts_samples else 1]
    return last


def _frame(head: bytes, first: bytes) -> _Frame | None:
    """Return what the header of a frame says, None if it is none of the stream whose first header begins so."""
    # The rate and the depth are the same in all frames; the coding of two channels may change.
    if len(head) < _LEAST_HEAD or head[2] & 0x0F != first[2] & 0x0F or (head[3] ^ first[3]) & 0x0F:
        return None
    if head[3] >> 4 != first[3] >> 4 and not {head[3] >> 4, first[3] >> 4} <= _STEREO:
        return None
    n_more = 0 if head[4] < 0x80 else 8 - (~head[4] & 0xFF).bit_length() - 1  # of the number, as in UTF-8
    if not (head[4] < 0x80 or 1 <= n_more <= 6) or any(byte >> 6 != 2 for byte in head[5 : 5 + n_more]):
        return None
    number = head[4] if not n_more else head[4] & (0x3F >> n_more)
    for byte in head[5 : 5 + n_more]:
        number = number << 6 | byte & 0x3F
    at = 5 + n_more
    code = head[2] >> 4
    if code in (6, 7):
        n_samples = int.from_bytes(head[at : at + code - 5], "big") + 1
        at += code - 5
    elif code:
        n_samples = 192 if code == 1 else 576 << code - 2 if code < 6 else 256 << code - 8
    else:
        return None
    at += {12: 1, 13: 2, 14: 2}.get(head[2] & 0x0F, 0)
    if at >= len(head) or _crc8(head[:at]) != head[at]:
        return None
    return _Frame(number, n_samples)


def _crc8(content: bytes) -> int:
    """Return the CRC-8 of a header (polynomial x^8 + x^2 + x + 1)."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc

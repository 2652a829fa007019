"""Checksums of Ogg pages (RFC 3533), so that damaged streams are decoded and not skipped."""

_POLYNOMIAL = 0x04C11DB7  # highest bit first, from 0, not inverted
_PAGE_START = b"OggS"
_CHECKSUM_AT = 22  # bytes from the start of a page
_HEADER_BYTES = 27  # before the table of segments


def correct_checksums(content: bytes) -> bytes:
    """Return an Ogg stream in which every page has the checksum that belongs to its bytes."""
    out, at = bytearray(content), content.find(_PAGE_START)
    while 0 <= at < len(out) - _HEADER_BYTES:
        n_segments = out[at + _HEADER_BYTES - 1]
        data_at = at + _HEADER_BYTES + n_segments
        end = data_at + sum(out[at + _HEADER_BYTES : data_at])
        field = slice(at + _CHECKSUM_AT, at + _CHECKSUM_AT + 4)
        out[field] = bytes(4)  # the field itself counts as zeros
        out[field] = _checksum(out[at:end]).to_bytes(4, "little")
        at = out.find(_PAGE_START, max(end, at + 4))
    return bytes(out)


def _checksum(page: bytearray) -> int:
    """Return the CRC-32 of a page."""
    checksum = 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _TABLE[checksum >> 24 ^ byte]
    return checksum


def _table_entry(byte: int) -> int:
    """Return the remainder of one byte."""
    value = byte << 24
    for _ in range(8):
        value = (value << 1 ^ (_POLYNOMIAL if value >> 31 else 0)) & 0xFFFFFFFF
    return value


_TABLE = [_table_entry(byte) for byte in range(256)]

"""OGG: pages, each with its length, of one or more logical streams; chained files hold several, one after another."""

from speech_autoencoder.audio.formats.bytes_at import BytesAt
from speech_autoencoder.audio.formats.stream import Stream

_MAGIC = b"OggS"
_HEAD_BYTES = 27
_FIRST_PAGE, _LAST_PAGE = 2, 4  # flags of a page
# The first bytes of a logical stream, and what messages call it; libsndfile reads Vorbis and Opus.
_CODECS = {
    b"\x01vorbis": "OGG Vorbis",
    b"OpusHead": "OGG Opus",
    b"\x7fFLAC": "OGG (FLAC)",
    b"Speex   ": "OGG (Speex)",
}
# Pages are numbered. Those of a broadcast that was recorded from the middle on follow its headers with a jump.
_HEADER_PAGES = 3
# The furthest that the next page is looked for.
_MOST_JUNK = 1 << 16


def read_ogg(data: BytesAt, start: int) -> Stream:
    """Return the stream of OGG pages that begins at a position, up to the next in the chain or to the end."""
    at, kind, has_content, defect = start, "OGG", False, ""
    numbers: dict[bytes, int] = {}  # of the last page, by the logical stream
    while at < data.size:
        head = data.get(at, _HEAD_BYTES)
        if head[:4] != _MAGIC:
            found = data.find(_MAGIC, at, min(at + _MOST_JUNK, data.size))
            if found < 0:
                break
            at = found
            continue
        lacing = data.get(at + _HEAD_BYTES, head[26]) if len(head) == _HEAD_BYTES else b""
        content = at + _HEAD_BYTES + len(lacing)
        end = content + sum(lacing)
        if len(head) < _HEAD_BYTES or len(lacing) < head[26] or end > data.size:
            defect = defect or "is cut short: it ends within a page of sound"
            at = data.size
            break
        if head[5] & _FIRST_PAGE:
            if has_content:
                break
            first = data.get(content, 8)
            kind = next((name for magic, name in _CODECS.items() if first.startswith(magic)), kind)
        else:
            has_content = True
        serial, number = head[14:18], int.from_bytes(head[18:22], "little")
        before = numbers.get(serial)
        if before is not None and before >= _HEADER_PAGES and number > before + 1:
            defect = defect or "is damaged: pages are missing in it"
        numbers[serial] = number
        at = end
    if not has_content and not defect:
        defect = "is cut short: it ends before the sound begins"
    return Stream(kind, start, at, is_estimated=True, defect=defect)

"""What an Ogg file holds beside its pages: the packets of a codec, whose bytes are what the sound itself takes."""

from speech_autoencoder.errors import InputError

_HEADER_BYTES = 27
# What the first packet of a stream begins with; the second packet is the tags, in both.
_CODECS = (b"OpusHead", b"Speex   ")


def packets(data: bytes) -> list[bytes]:
    """The packets of an Ogg stream (RFC 3533), which its pages hold in segments of up to 255 bytes.

    A segment of less than 255 bytes ends a packet, which may have begun on an earlier page. Raises InputError where a
    page does not begin as it should, or data ends within one.
    """
    found, pending, position = [], b"", 0
    while position < len(data):
        if data[position : position + 4] != b"OggS":
            raise InputError(f"No Ogg page begins at byte {position} of {len(data)}: encode the sound again.")
        start = position + _HEADER_BYTES
        sizes = data[start : start + data[start - 1]] if start <= len(data) else b""
        position = start + len(sizes)
        if start > len(data) or position + sum(sizes) > len(data):
            raise InputError(f"The Ogg stream is cut short at byte {len(data)}: encode the sound again.")
        for size in sizes:
            pending += data[position : position + size]
            position += size
            if size < 255:
                found.append(pending)
                pending = b""
    return found


def payload_bytes(data: bytes) -> int:
    """The bytes of an Opus or Speex stream's packets of sound: neither pages nor the two packets of headers."""
    first, *rest = packets(data) or [b""]
    if not first.startswith(_CODECS):
        raise InputError(f"The Ogg stream begins with {first[:8]!r}: expected Opus or Speex.")
    return sum(map(len, rest[1:]))

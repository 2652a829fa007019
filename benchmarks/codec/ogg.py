"""The packets of an Ogg file: their bytes are the cost of the sound itself, without pages."""

from speech_autoencoder.errors import InputError

_HEADER_BYTES = 27
_CODECS = (b"OpusHead", b"Speex   ")  # what the first packet begins with; the second packet is the tags, in both


def packets(data: bytes) -> list[bytes]:
    """Return the packets of an Ogg stream (RFC 3533).

    Pages hold packets in pieces of up to 255 bytes. A piece of less than 255 bytes ends a packet, which may have begun
    on an earlier page.

    Raises
    ------
    InputError
        If a page does not begin as it should, or the data end within one.
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
    """Return the bytes of the sound's packets in an Opus or Speex stream, without the two packets of headers.

    Raises
    ------
    InputError
        If it is not an Ogg stream of Opus or Speex.
    """
    first, *rest = packets(data) or [b""]
    if not first.startswith(_CODECS):
        raise InputError(f"The Ogg stream begins with {first[:8]!r}: expected Opus or Speex.")
    return sum(map(len, rest[1:]))

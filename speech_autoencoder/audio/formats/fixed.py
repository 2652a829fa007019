"""Formats whose header says at a fixed place how much sound follows."""

from speech_autoencoder.audio.formats.bytes_at import BytesAt, Piece, replaced
from speech_autoencoder.audio.formats.stream import Stream, cut_short, is_unknown

_NIST_HEADERS = (1_024, 1 << 16)  # bytes: of all files but a few, and the largest that is believed
_MAT5_SURPLUS = 8
# More matrices, or blocks of sound, are not looked at.
_MOST_MATRICES = 1_000
_MOST_BLOCKS = 1_000_000
# Bytes of the header, of a packet, and of the sound in one.
_SDS_HEAD, _SDS_PACKET, _SDS_SOUND = 21, 127, 120


def _sized(
    data: BytesAt, kind: str, start: int, at: int, declared: int, field: tuple[int, int, str, int] | None = None
) -> Stream:
    """Return a stream whose header declares so many bytes of sound, which begin at a position.

    `field` is where that stands: its position, its bytes, their order, and the bytes of sound that a unit stands for.
    """
    held = max(0, data.size - at)
    if not held:
        return Stream(kind, start, data.size, defect="is cut short: its header ends before the sound begins")
    longer: tuple[Piece, ...] = ()
    if field:
        place, n_bytes, order, unit = field
        longer = replaced(start, at + held // unit * unit, (place, (held // unit).to_bytes(n_bytes, order)))  # type: ignore[arg-type]
        if not declared or is_unknown(declared // unit, n_bytes, kind):
            return Stream(kind, start, data.size, longer)
    if declared <= held:
        return Stream(kind, start, at + declared if declared else data.size, longer=longer)
    defect, share = cut_short(declared, held, "bytes of sound")
    return Stream(kind, start, data.size, longer, defect=defect, share=share)


def read_au(data: BytesAt, start: int) -> Stream:
    """Return the stream of an AU file."""
    order = "little" if data.get(start, 4) in (b"dns.", b"ds.\0") else "big"
    at, declared = start + data.number(start + 4, 4, order), data.number(start + 8, 4, order)
    return _sized(data, "AU", start, at, declared, (start + 8, 4, order, 1))


def read_nist(data: BytesAt, start: int) -> Stream:
    """Return the stream of a NIST Sphere file."""
    head = data.get(start, _NIST_HEADERS[0]).split(b"end_head")[0]
    facts = {words[0]: words[2] for line in head.split(b"\n") if len(words := line.split()) == 3}
    n_head = data.get(start + 8, 8).strip()
    at = start + (int(n_head) if n_head.isdigit() and int(n_head) <= _NIST_HEADERS[1] else _NIST_HEADERS[0])
    kind = "NIST"
    if b"shorten" in facts.get(b"sample_coding", b""):
        return Stream("NIST (Shorten)", start, data.size)
    try:
        n_samples, n_bytes = int(facts[b"sample_count"]), int(facts.get(b"sample_n_bytes", 1))
        n_channels = int(facts.get(b"channel_count", 1))
    except (KeyError, ValueError):
        return Stream(kind, start, data.size)
    declared = n_samples * n_bytes * n_channels
    if n_samples * n_bytes <= data.size - at < declared:  # counted over all channels
        declared = n_samples * n_bytes
    return _sized(data, kind, start, at, max(0, declared))


def read_avr(data: BytesAt, start: int) -> Stream:
    """Return the stream of an AVR file."""
    n_frame = (2 if data.number(start + 12, 2) else 1) * (data.number(start + 14, 2) // 8 or 1)
    return _sized(
        data, "AVR", start, start + 128, n_frame * data.number(start + 26, 4), (start + 26, 4, "big", n_frame)
    )


def read_mpc2k(data: BytesAt, start: int) -> Stream:
    """Return the stream of a file of the Akai MPC 2000."""
    n_frame = 4 if data.get(start + 21, 1) == b"\1" else 2
    declared = n_frame * data.number(start + 30, 4, "little")
    return _sized(data, "MPC2K", start, start + 42, declared, (start + 30, 4, "little", n_frame))


def read_wve(data: BytesAt, start: int) -> Stream:
    """Return the stream of a Psion file."""
    return _sized(data, "WVE", start, start + 32, data.number(start + 18, 4), (start + 18, 4, "big", 1))


def is_htk(data: BytesAt) -> bool:
    """Return whether a file may be a waveform of HTK, whose header has no magic: 16-bit samples of a usual period."""
    return data.get(8, 4) == b"\0\2\0\0" and 50 <= data.number(4, 4) <= 2_500


def read_htk(data: BytesAt, start: int) -> Stream:
    """Return the stream of a waveform of HTK."""
    return _sized(data, "HTK", start, start + 12, 2 * data.number(start, 4), (start, 4, "big", 2))


def read_sds(data: BytesAt, start: int) -> Stream:
    """Return the stream of a MIDI sample dump: packets, of which most is sound in bytes of seven bits."""
    head = data.get(start, _SDS_HEAD)
    if len(head) < _SDS_HEAD:
        return Stream("SDS", start, data.size, defect="is cut short: its header ends before the sound begins")
    promised = sum(byte << 7 * i for i, byte in enumerate(head[10:13]))
    per_packet = _SDS_SOUND // max(2, -(-head[6] // 7))
    n_packets = (data.size - start - _SDS_HEAD) // _SDS_PACKET
    held = n_packets * per_packet
    if held >= promised:
        return Stream("SDS", start, start + _SDS_HEAD + -(-promised // per_packet) * _SDS_PACKET)
    length = bytes(held >> 7 * i & 0x7F for i in range(3))
    pieces = replaced(start, start + _SDS_HEAD + n_packets * _SDS_PACKET, (start + 10, length))
    defect, share = cut_short(promised, held, "samples")
    return Stream("SDS", start, data.size, pieces, defect=defect, share=share)


def read_mat4(data: BytesAt, start: int) -> Stream:
    """Return the stream of a MATLAB 4 file: matrices, the last of which is the sound."""
    at = start
    for _ in range(_MOST_MATRICES):
        if at + 20 > data.size:
            break
        order = "little" if data.get(at + 2, 2) == b"\0\0" else "big"
        code, rows, columns, _, n_name = (data.number(at + 4 * i, 4, order) for i in range(5))
        width = {0: 8, 1: 4, 2: 4, 3: 2, 4: 2, 5: 1}.get(code // 10 % 10, 8)
        content, n_bytes = at + 20 + n_name, rows * columns * width
        if rows * columns > 1 or content + n_bytes > data.size:
            return _sized(data, "MAT4", start, content, n_bytes)
        at = content + n_bytes
    return Stream("MAT4", start, data.size)


def read_mat5(data: BytesAt, start: int) -> Stream:
    """Return the stream of a MATLAB 5 file: elements, the last of which is the sound."""
    order = "little" if data.get(start + 126, 2) == b"IM" else "big"
    at = start + 128
    for _ in range(_MOST_MATRICES):
        if at + 8 > data.size:
            break
        n_bytes = data.number(at + 4, 4, order)
        if at + 8 + n_bytes >= data.size:
            lacks = at + 8 + n_bytes - data.size
            # libsndfile declares eight bytes more than it writes.
            return _sized(data, "MAT5", start, at + 8, n_bytes - (lacks if lacks <= _MAT5_SURPLUS else 0))
        at += 8 + n_bytes
    return Stream("MAT5", start, data.size)


def read_voc(data: BytesAt, start: int) -> Stream:
    """Return the stream of a VOC file: blocks, whose sound libsndfile would read with their headers in it."""
    at = start + (data.number(start + 20, 2, "little") or 26)
    pieces: list[Piece] = []
    form: tuple[int, int, int] | None = None  # rate, channels, coding
    extended: tuple[int, int] | None = None
    promised = held = 0
    while at < data.size and (block := data.number(at, 1)) and len(pieces) < _MOST_BLOCKS:
        n_bytes, content = data.number(at + 1, 3, "little"), at + 4
        at = content + n_bytes
        own = form
        if block == 8:
            extended = 256_000_000 // (65_536 - data.number(content, 2, "little")), data.number(content + 3, 1) + 1
            continue
        if block == 1:
            own = 1_000_000 // (256 - data.number(content, 1)), 1, data.number(content + 1, 1)
            if extended:
                own, extended = (extended[0] // extended[1], extended[1], own[2]), None
            content, n_bytes = content + 2, n_bytes - 2
        elif block == 9:
            own = data.number(content, 4, "little"), data.number(content + 5, 1), data.number(content + 6, 2, "little")
            content, n_bytes = content + 12, n_bytes - 12
        elif block != 2:
            continue
        if own is None or (form or own) != own or own[2] not in _WAV_OF_VOC or n_bytes < 0:
            return Stream("VOC", start, data.size)  # libsndfile says what it makes of it
        form = own
        there = range(content, max(content, min(at, data.size)))
        promised, held = promised + n_bytes, held + len(there)
        pieces.append(there)
    if form is None or not held:
        return Stream("VOC", start, data.size, defect="is cut short: its header ends before the sound begins")
    pieces.insert(0, _wav_header(form, held))
    defect, share = cut_short(promised, held, "bytes of sound") if held < promised else ("", None)
    return Stream("VOC", start, min(at + 1, data.size), tuple(pieces), defect=defect, share=share)


# The format tags and the bits of WAV, by the codings of VOC.
_WAV_OF_VOC = {0: (1, 8), 4: (1, 16), 6: (6, 8), 7: (7, 8)}


def _wav_header(form: tuple[int, int, int], n_bytes: int) -> bytes:
    """Return the header of a WAV file with so many bytes of sound, by a rate, channels and a coding of VOC."""
    sr, channels, coding = form
    tag, bits = _WAV_OF_VOC[coding]
    frame = channels * bits // 8
    fields = [(tag, 2), (channels, 2), (sr, 4), (min(sr * frame, 0xFFFFFFFF), 4), (frame, 2), (bits, 2)]
    content = b"".join(value.to_bytes(size, "little") for value, size in fields)
    n_bytes = min(n_bytes, 0x7FFFFFFF)
    return (
        b"RIFF"
        + (n_bytes + 36).to_bytes(4, "little")
        + b"WAVEfmt \x10\0\0\0"
        + content
        + b"data"
        + n_bytes.to_bytes(4, "little")
    )

"""Packets of Ogg streams, of which the sound alone counts."""

import numpy as np
import pytest

from benchmarks.codec import ogg
from speech_autoencoder.errors import InputError
from tests.helpers.common import one_line_of


def make_page(segments, data):
    """Return an Ogg page with segments of these sizes; its numbers and its checksum are zeros, which are not read."""
    return b"OggS" + bytes(22) + bytes([len(segments), *segments]) + data


def make_stream(packets, most_segments):
    """Return pages of packets, each in segments of 255 and a shorter one, with at most most_segments in a page."""
    segments = [part for packet in packets for part in (*[255] * (len(packet) // 255), len(packet) % 255)]
    data, stream, position = b"".join(packets), b"", 0
    for start in range(0, len(segments), most_segments):
        sizes = segments[start : start + most_segments]
        stream += make_page(sizes, data[position : position + sum(sizes)])
        position += sum(sizes)
    return stream


@pytest.mark.parametrize("most_segments", [1, 2, 7, 255])
def test_packets_are_those_that_the_pages_were_made_of(most_segments):
    rng = np.random.default_rng(0)
    packets = [rng.bytes(n) for n in (19, 700, 0, 254, 255, 256, 510, 3)]
    assert ogg.packets(make_stream(packets, most_segments)) == packets


@pytest.mark.parametrize("first", [b"OpusHead" + bytes(11), b"Speex   1.2" + bytes(60)])
def test_payload_bytes_are_those_of_the_sound_alone(first):
    stream = make_stream([first, b"OpusTags" + bytes(900), bytes(300), bytes(20), bytes(255)], 3)
    assert ogg.payload_bytes(stream) == 300 + 20 + 255


def test_packets_of_something_else_are_refused():
    stream = make_stream([b"OpusHead", b"OpusTags", bytes(300)], 255)
    for damaged in (b"RIFF" + stream, stream[:-1], stream[:20], stream + b"Ogg"):
        with pytest.raises(InputError, match="encode the sound again"):
            ogg.packets(damaged)
    with pytest.raises(InputError, match="expected Opus or Speex") as error:
        ogg.payload_bytes(make_stream([b"\x01vorbis", b"tags"], 255))
    one_line_of(error)

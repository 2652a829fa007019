"""Sound through an encoder and a decoder of FFmpeg: what a child process runs, where alone PyAV is loaded."""

from typing import Any, Literal

import numpy as np
from av import AudioFifo, CodecContext
from av.audio.frame import AudioFrame


def through(
    name: str, samples: np.ndarray, sr: int, bits_per_second: int, options: dict[str, str]
) -> tuple[np.ndarray, int, int]:
    """Return (the decoded samples, their rate in Hz, the bytes of the packets).

    Parameters
    ----------
    name
        FFmpeg's name of the codec, the same for both ways.
    samples
        int16 (n_samples,), mono.
    sr
        Their rate in Hz, one that the encoder takes.
    bits_per_second, options
        What is asked of the encoder.
    """
    encoder = _context(name, "w", sr)
    encoder.format = "s16"
    encoder.bit_rate = bits_per_second
    encoder.options = options
    encoder.open()
    frame = AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate = sr
    waiting = AudioFifo()
    waiting.write(frame)
    packets = []
    while waiting.samples:
        packets += encoder.encode(waiting.read(encoder.frame_size, partial=True))
    packets += encoder.encode(None)
    decoder = _context(name, "r", sr)
    if encoder.extradata:  # what the decoder is to leave out at the start
        decoder.extradata = encoder.extradata
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    decoded = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    return decoded, frames[0].sample_rate, sum(packet.size for packet in packets)


def _context(name: str, mode: Literal["r", "w"], sr: int) -> Any:
    """Return the AudioCodecContext of the encoder ("w") or decoder ("r") of this name, for mono sound."""
    context: Any = CodecContext.create(name, mode)
    context.sample_rate = sr
    context.layout = "mono"
    return context

"""Codecs that PyAV brings, the extra `formats`: Opus, and the telephone's AMR-NB and G.723.1.

They run in a child process, as FFmpeg and its libraries are C code.
"""

from typing import Any

import numpy as np

from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.evaluation.codecs.codec import NARROW_HZ, ExternalCodec
from speech_autoencoder.evaluation.codecs.sixteen_bits import from_16_bits, to_16_bits
from speech_autoencoder.system import isolation
from speech_autoencoder.system.integers import ceil_div

_LIMIT_S = 600  # for one segment; it takes milliseconds for a second of sound
# Of libopus 1.6, at these bitrates: frames of 60 ms are better than 20, 40 or 120, and "voip" spends 2 % fewer bits.
_OPUS_OPTIONS = {"frame_duration": "60", "application": "voip"}
_OPUS_BITRATES = ("6", "7", "8", "12")  # kbit/s
_OPUS_WIDE_BITRATES = ("16",)
# Samples of a frame and bits of each mode. Packets have a head, or are filled up to whole bytes: the bits of the frames
# alone are counted, as if packed (3GPP TS 26.101, table 1a; ITU-T G.723.1, table 4).
_AMR_SAMPLES = 160
_AMR_BITS = {"4.75": 95, "5.15": 103, "5.9": 118, "6.7": 134, "7.95": 159, "12.2": 244}
_AMR_DELAY = 39  # samples, where the waveforms correlate most
_G723_1_SAMPLES = 240
_G723_1_BITS = {"6.3": 189}  # of its two modes, FFmpeg encodes this one
_G723_1_DELAY = 60  # samples


def _opus(bitrate: str, waveform: np.ndarray, sr: int) -> tuple[np.ndarray, float]:
    """Return (decoded, bytes) of Opus at its variable bitrate, which is its best; its decoder gives 48 kHz."""
    decoded, decoded_sr, n_bytes = _through("libopus", waveform, sr, bitrate, _OPUS_OPTIONS)
    return resample(decoded, decoded_sr, sr), n_bytes


def _amr(mode: str, waveform: np.ndarray, sr: int) -> tuple[np.ndarray, float]:
    """Return (decoded, bytes) of AMR-NB, without its heads."""
    decoded, _, _ = _through("libopencore_amrnb", waveform, sr, mode)
    return decoded, ceil_div(len(waveform), _AMR_SAMPLES) * _AMR_BITS[mode] / 8


def _g723_1(mode: str, waveform: np.ndarray, sr: int) -> tuple[np.ndarray, float]:
    """Return (decoded, bytes) of G.723.1."""
    decoded, _, _ = _through("g723_1", waveform, sr, mode)
    return decoded, ceil_div(len(waveform), _G723_1_SAMPLES) * _G723_1_BITS[mode] / 8


def _through(
    name: str, waveform: np.ndarray, sr: int, bitrate: str, options: dict[str, str] | None = None
) -> tuple[np.ndarray, int, float]:
    """Return (decoded, its rate, the bytes of the packets) of a codec that FFmpeg calls by this name, in kbit/s."""
    args = (name, to_16_bits(waveform), sr, round(1_000 * float(bitrate)), options or {})
    samples, decoded_sr, n_bytes = isolation.call(_in_child, *args, name="FFmpeg", limit_s=_LIMIT_S)
    return from_16_bits(samples), decoded_sr, float(n_bytes)


def _in_child(*args: Any) -> tuple[np.ndarray, int, int]:
    """Return what `through` of pyav.py returns: only the child process, which calls this, is to load PyAV."""
    from speech_autoencoder.evaluation.codecs.pyav import through

    return through(*args)


OPUS = ExternalCodec(
    key="opus",
    name="Opus",
    package="av",
    settings=_OPUS_BITRATES,
    rates=(8_000, 12_000, 16_000, 24_000, 48_000),
    code=_opus,
    delays=dict.fromkeys(_OPUS_BITRATES + _OPUS_WIDE_BITRATES, 0),  # its decoder removes what it knows
    wide_settings=_OPUS_WIDE_BITRATES,
)
AMR_NB = ExternalCodec(
    key="amr_nb",
    name="AMR-NB",
    package="av",
    settings=tuple(_AMR_BITS),
    rates=(NARROW_HZ,),
    code=_amr,
    delays=dict.fromkeys(_AMR_BITS, _AMR_DELAY),
)
G723_1 = ExternalCodec(
    key="g723_1",
    name="G.723.1",
    package="av",
    settings=tuple(_G723_1_BITS),
    rates=(NARROW_HZ,),
    code=_g723_1,
    delays=dict.fromkeys(_G723_1_BITS, _G723_1_DELAY),
)

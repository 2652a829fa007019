"""Narrowband Speex, by its programs."""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.codec import ogg
from speech_autoencoder.audio.reading import read
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.codecs.codec import NARROW_HZ, ExternalCodec
from speech_autoencoder.evaluation.codecs.programs import run
from speech_autoencoder.evaluation.codecs.sixteen_bits import write_wav

_FRAMES = 10  # in a packet: alone, each frame is filled up to whole bytes
# speexdec takes 10 ms off the start, but not where all of the sound is on one page, the third of the file.
_LEAST_PAGES = 3
_LATE = 80  # samples


def _code(quality: str, waveform: np.ndarray, sr: int) -> tuple[np.ndarray, float]:
    """Return (decoded, bytes of the packets) of Speex."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, coded, decoded = write_wav(folder / "in.wav", waveform, sr), folder / "coded.spx", folder / "out.wav"
        run("speexenc", "--narrowband", "--quality", quality, "--nframes", _FRAMES, source, coded)
        run("speexdec", coded, decoded)
        try:
            data = coded.read_bytes()
            late = _LATE if data.count(b"OggS") <= _LEAST_PAGES else 0
            return read(decoded)[late:], ogg.payload_bytes(data)
        except OSError as error:
            raise InputError("Speex wrote no sound that can be read.") from error


SPEEX = ExternalCodec(
    key="speex",
    name="Speex",
    package="speex",
    programs=("speexenc", "speexdec"),
    settings=("0", "1", "2", "3", "5"),
    rates=(NARROW_HZ,),
    code=_code,
)

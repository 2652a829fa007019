"""Codec 2, by its programs."""

import tempfile
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.resampling import fit_length
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.codecs.codec import NARROW_HZ, ExternalCodec
from speech_autoencoder.evaluation.codecs.programs import run
from speech_autoencoder.evaluation.codecs.sixteen_bits import from_raw, to_raw
from speech_autoencoder.system.integers import ceil_div

# Samples and bits of a frame, by mode. c2enc fills each frame up to whole bytes; the bits are counted as if packed.
_FRAMES = {
    "450": (320, 18),
    "700C": (320, 28),
    "1200": (320, 48),
    "1300": (320, 52),
    "1600": (320, 64),
    "2400": (160, 48),
    "3200": (160, 64),
}


def _code(mode: str, waveform: np.ndarray, sr: int) -> tuple[np.ndarray, float]:
    """Return (decoded, bytes) of Codec 2, which takes whole frames only."""
    n_samples, n_bits = _FRAMES[mode]
    n_frames = ceil_div(len(waveform), n_samples)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.raw").write_bytes(to_raw(fit_length(waveform, n_frames * n_samples)))
        run("c2enc", mode, folder / "in.raw", folder / "coded")
        run("c2dec", mode, folder / "coded", folder / "out.raw")
        try:
            decoded = from_raw((folder / "out.raw").read_bytes())
        except OSError as error:
            raise InputError("Codec 2 wrote no sound that can be read.") from error
    return decoded, n_frames * n_bits / 8


CODEC_2 = ExternalCodec(
    key="codec_2",
    name="Codec 2",
    package="codec2",
    programs=("c2enc", "c2dec"),
    settings=tuple(_FRAMES),
    rates=(NARROW_HZ,),
    code=_code,
)

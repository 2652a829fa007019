"""Opus whose decoder enhances speech by a small network, LACE or NoLACE of libopus 1.5 (Büthe and others, 2024).

They act on wideband SILK alone, to which opusenc must be forced: at these bitrates, it chooses narrowband. The decoder
is ogg-opus-decoder of npm, which has the networks' weights.
"""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.codec import ogg
from speech_autoencoder.audio.resampling import fit_length, resample
from speech_autoencoder.evaluation.codecs.codec import WIDE_HZ, Codec, Coded
from speech_autoencoder.evaluation.codecs.programs import run
from speech_autoencoder.evaluation.codecs.sixteen_bits import write_wav

NAMES = {"lace": "Opus, LACE", "nolace": "Opus, NoLACE"}
_SCRIPT = Path(__file__).with_name("enhanced_opus.mjs")
_BITRATES = ("6", "8", "10")  # kbit/s
_FRAME_MS = 60  # better, with fewer bits, than 20
_WIDEBAND = "4008=1103"  # OPUS_SET_BANDWIDTH, OPUS_BANDWIDTH_WIDEBAND


def is_installed(folder: Path) -> bool:
    """Return whether opusenc, node and, in the folder, the decoder are installed."""
    return all(map(shutil.which, ("opusenc", "node"))) and (folder / "node_modules" / "ogg-opus-decoder").is_dir()


def make(enhancement: str, folder: Path, *, workers: int) -> Codec:
    """Return Opus with an enhancement of NAMES by the decoder in a folder."""
    return Codec(NAMES[enhancement], _BITRATES, partial(_code_all, enhancement, folder, workers))


def _code_all(
    enhancement: str, folder: Path, workers: int, bitrate: str, waveforms: list[np.ndarray], sr: int
) -> Coded:
    """Return waveforms coded at a bitrate; each of so many decoders takes its share of them."""
    options = ("--quiet", "--bitrate", bitrate, "--framesize", _FRAME_MS, "--set-ctl-int", _WIDEBAND)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(workers) as executor:

        def encode(i: int) -> Path:
            source = write_wav(Path(name) / f"{i}.wav", resample(waveforms[i], sr, WIDE_HZ), WIDE_HZ)
            run("opusenc", *options, source, source.with_suffix(".opus"))
            return source.with_suffix(".opus")

        def decode(files: list[Path]) -> None:
            run("node", _SCRIPT, folder, enhancement, WIDE_HZ, *files)

        encoded = list(executor.map(encode, range(len(waveforms))))
        list(executor.map(decode, [share for i in range(workers) if (share := encoded[i::workers])]))
        decoded = [np.fromfile(f"{path}.f32", "<f4") for path in encoded]
        n_bytes = [float(ogg.payload_bytes(path.read_bytes())) for path in encoded]
    outputs = [fit_length(resample(x, WIDE_HZ, sr), len(y)) for x, y in zip(decoded, waveforms, strict=True)]
    return Coded(outputs, n_bytes)

"""Our codec, by its command line and on files: python -m speech_autoencoder encode and decode."""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.running import ROOT, run_script
from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import fit_length
from speech_autoencoder.evaluation.codecs.codec import Codec, Coded
from speech_autoencoder.evaluation.codecs.sixteen_bits import write_wav

NAME = "ours"


def train(training_dir: Path, folder: Path, *, minutes: float, seed: int) -> Path:
    """Train a model for the codec on the recordings below training_dir, with the scripts; return its path in folder."""
    run_script("train_data_generator", folder, "--audio-dir", training_dir, "--preset", "fine")
    run_script("autoencoder_for_many_data", folder, "--codec", "--minutes", minutes, "--seed", seed)
    return folder / "my_model_for_many_data.h5"


def make_codec(model: Path, bitrates: list[float]) -> Codec:
    """Return our codec with this model as one to measure, at these bitrates in kbit/s."""
    return Codec(NAME, [f"{rate:g}" for rate in bitrates], partial(_code_all, model.resolve()))


def _code_all(model: Path, bitrate: str, waveforms: list[np.ndarray], sr: int) -> Coded:
    """Encode and decode the waveforms; all bytes of each file count."""
    with tempfile.TemporaryDirectory() as name:
        folder, names = Path(name), [f"{i:06}" for i in range(len(waveforms))]
        sources = [write_wav(folder / f"{n}.wav", w, sr) for n, w in zip(names, waveforms, strict=True)]
        encoded, decoded = ([folder / kind / f"{n}.{kind}" for n in names] for kind in ("sae", "wav"))
        _run("encode", *sources, "--output-dir", folder / "sae", "--model", model, "--bitrate", bitrate)
        _run("decode", *encoded, "--output-dir", folder / "wav", "--model", model)
        n_bytes = [float(path.stat().st_size) for path in encoded]
        outputs = [fit_length(read(path, sr), len(w)) for path, w in zip(decoded, waveforms, strict=True)]
    return Coded(outputs, n_bytes)


def _run(*arguments: object) -> None:
    """Run our command line from the project's folder; what it prints goes to stderr."""
    command = [sys.executable, "-m", "speech_autoencoder", *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, stdout=sys.stderr, stderr=sys.stderr, check=True)

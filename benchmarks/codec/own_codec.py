"""Our codec as its command line is, on files: python -m speech_autoencoder encode and decode."""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.running import ROOT, run
from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import fit_length
from speech_autoencoder.evaluation.other_codecs import Coded, System, write

NAME = "ours"


def trained(training_dir: Path, folder: Path, *, minutes: float, seed: int) -> Path:
    """A model that the scripts have trained for the codec on the recordings below training_dir, in folder."""
    run("train_data_generator", folder, "--audio-dir", training_dir, "--preset", "fine")
    run("autoencoder_for_many_data", folder, "--codec", "--minutes", minutes, "--seed", seed)
    return folder / "my_model_for_many_data.h5"


def system_of(model: Path, kilobits: list[float]) -> System:
    """Our codec with this model, as a codec to measure."""
    return System(NAME, [f"{rate:g}" for rate in kilobits], partial(_code_all, model.resolve()))


def _code_all(model, kilobits, waveforms, sr):
    """Coded of the waveforms, all bytes of each file counted."""
    with tempfile.TemporaryDirectory() as name:
        folder, names = Path(name), [f"{i:06}" for i in range(len(waveforms))]
        sources = [write(folder / f"{n}.wav", w, sr) for n, w in zip(names, waveforms, strict=True)]
        coded, decoded = ([folder / kind / f"{n}.{kind}" for n in names] for kind in ("sae", "wav"))
        _run("encode", *sources, "--output-dir", folder / "sae", "--model", model, "--bitrate", kilobits)
        _run("decode", *coded, "--output-dir", folder / "wav", "--model", model)
        n_bytes = [float(path.stat().st_size) for path in coded]
        outputs = [fit_length(read(path, sr), len(w)) for path, w in zip(decoded, waveforms, strict=True)]
    return Coded(outputs, n_bytes)


def _run(*arguments):
    """Nothing; our command line has run from the project's folder, saying what it does on stderr."""
    command = [sys.executable, "-m", "speech_autoencoder", *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, stdout=sys.stderr, stderr=sys.stderr, check=True)

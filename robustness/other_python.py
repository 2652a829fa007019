"""Read an array, a model and a codec file of this Python with other Pythons: the results must be the same.

    python -m robustness.other_python --python /path/to/python3.12 /path/to/python3.13

prints the table of docs/reliability.md, "A second machine", and ends with status 1 if anything differs by more than
TOLERANCES allow. The other Pythons need the project's requirements.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.running import ROOT
from robustness.sample_files import SampleFiles, make_sample_files
from speech_autoencoder.audio.reading import read
from speech_autoencoder.cli.options import to_path
from speech_autoencoder.codec import recording_codec
from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.data import building, dataset
from speech_autoencoder.model import model_file

# The largest allowed differences of values in [0, 1] and of samples in [-1, 1]; everything else must be equal.
TOLERANCES = {"network": 1e-5, "sound": 1e-3}


def read_all(originals: SampleFiles, folder: Path) -> dict[str, np.ndarray]:
    """Return what the files give, as arrays of numbers by name; intermediate files are written to folder."""
    data = dataset.load(originals.array, "")
    model = model_file.load(originals.model)
    coder = LatentCoder(model.require_entropy(""))
    building.build(originals.array.parent / "audio", folder / "again.npy", data.features, workers=1)
    recording_codec.decode_recording(originals.encoded, model, folder / "sound.wav", InversionConfig())
    frames = data.frames(0)
    return {
        "array": np.asarray(data.clips),
        "array made again": np.load(folder / "again.npy"),
        "fingerprint": np.frombuffer(model.fingerprint, np.uint8),
        "latents": np.concatenate(list(recording_codec.latents_of(originals.encoded, model, coder))),
        "network": model.network.decode(model.network.encode(frames)),
        "sound": read(folder / "sound.wav"),
    }


def differences(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the largest difference of each array; infinity where the shapes differ."""
    return {
        name: float(np.abs(ours[name].astype(np.float64) - theirs[name]).max())
        if ours[name].shape == theirs[name].shape
        else np.inf
        for name in ours
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", nargs="+", default=[], help="interpreters with the requirements installed")
    parser.add_argument("--read", type=to_path, help=argparse.SUPPRESS)  # how the other Pythons are started
    args = parser.parse_args()
    names = ("array.npy", "model.h5", "recording.sae")
    if args.read:
        with tempfile.TemporaryDirectory() as folder:
            arrays: dict[str, Any] = read_all(SampleFiles(*(args.read / name for name in names)), Path(folder))
        np.savez(args.read / "theirs.npz", **arrays, version=np.array(platform.python_version()))
        return
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as place:
        ours = read_all(make_sample_files(Path(folder)), Path(place))
        print("| made by | read by | " + " | ".join(ours) + " |\n|---|---|" + "---|" * len(ours))
        failed = False
        for python in args.python:
            command = [python, "-m", "robustness.other_python", "--read", folder]
            environment = os.environ | {"PYTHONPATH": str(ROOT)}
            subprocess.run(command, cwd=ROOT, env=environment, check=True, stderr=subprocess.DEVNULL)
            with np.load(Path(folder, "theirs.npz")) as theirs:
                found, version = differences(ours, theirs), str(theirs["version"])
            failed |= any(found[name] > TOLERANCES.get(name, 0) for name in found)
            cells = " | ".join(f"{value:.1e}" if value else "equal" for value in found.values())
            print(f"| {platform.python_version()} | {version} | {cells} |", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()

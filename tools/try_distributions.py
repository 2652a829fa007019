"""Install the wheel with pip and the source distribution with uv, each into an empty environment, and use them there.

From the project's folder, after `uv build`: `python -m tools.try_distributions dist`; `make dist` does both. Only what
uses a model is installed: no TensorFlow.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORDING = ROOT / "speechdata" / "testing" / "en-allison" / "70_allison_digits.flac"
LOADS_NOTHING = "import sys, speech_autoencoder; sys.exit('numpy' in sys.modules)"
RECONSTRUCTS = """
import soundfile, speech_autoencoder
waveform, sr = soundfile.read("recordings/seventy.flac")
model = speech_autoencoder.load()
latent = model.encode(waveform, sr)
estimate = model.decode(latent, sr, len(waveform))
assert latent.ndim == 2 and estimate.shape == waveform.shape
"""
# The status, a part of what is printed, and the command.
COMMANDS = (
    (0, "usage: speech-autoencoder", "--help"),
    (0, "test.npy", "features --audio-dir recordings --output test.npy"),
    (0, "out.wav", "predict recordings/seventy.flac --model pretrained --output out.wav --no-show"),
    (0, "latents.npz", "latents recordings --model pretrained --output latents.npz"),
    (0, "page.html", "page"),
    (2, "pip install 'speech-autoencoder[train]'", "train --data test.npy --model model.h5"),
    (2, "pip install 'speech-autoencoder[evaluate]'", "evaluate --data test.npy --model pretrained --labels none"),
    (2, "pip install 'speech-autoencoder[export]'", "export --model pretrained"),
)


def try_environment(folder: Path) -> None:
    """Use the package of an environment, from another folder than the project's."""
    folder = folder.absolute()
    (folder / "recordings").mkdir()
    shutil.copy(RECORDING, folder / "recordings" / "seventy.flac")
    program, python = folder / "bin" / "speech-autoencoder", folder / "bin" / "python"
    expect(0, "", python, "-I", "-c", LOADS_NOTHING, cwd=folder)
    expect(0, "", python, "-I", "-c", RECONSTRUCTS, cwd=folder)
    for status, text, command in COMMANDS:
        expect(status, text, program, *command.split(), cwd=folder)
    print("ok", flush=True)


def expect(status: int, text: str, *command: Path | str, cwd: Path) -> None:
    """Run a command, and end the program if its status is another one or its output lacks a text."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != status or text not in done.stdout + done.stderr:
        sys.exit(
            f"{' '.join(map(str, command))}\nended with {done.returncode}, should end with {status} and say {text!r}:\n"
            f"{done.stdout}{done.stderr}"
        )


def main() -> None:
    dist = Path(sys.argv[1]).absolute()
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    uv = [sys.executable, "-m", "uv"]
    for name, create, install in (
        (wheel.name, [sys.executable, "-m", "venv"], ["bin/python", "-m", "pip", "install", str(wheel)]),
        (sdist.name, [*uv, "venv"], [*uv, "pip", "install", "--python", "bin/python", str(sdist)]),
    ):
        print(f"{name} in an empty environment: ", end="", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([*create, folder], check=True)
            subprocess.run([*install, "--quiet"], cwd=folder, check=True)
            try_environment(Path(folder))


if __name__ == "__main__":
    main()

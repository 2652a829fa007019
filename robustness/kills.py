"""kill -9 at random moments of the five scripts: what each finds in its outputs' places, and how its next run goes.

Each script runs again and again on a few of the project's recordings, where its outputs are those of other recordings
and settings: each must be the old one or the new one, whole. After one or more kills a run is left to end; what it
leaves must be what runs that nobody killed have left, and nothing else. Some forty minutes on two cores.
"""

import argparse
import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.running import ROOT

OUTPUTS = {
    "train_data_generator": ["train_data.json", "train_data.npy"],
    "test_data_generator": ["test_data.json", "test_data.npy"],
    "autoencoder_for_many_data": ["my_model_for_many_data.h5", "training_history.csv", "training_history.png"],
    "evaluate_for_many_data": ["evaluation.json", "evaluation.png", "report"],
    "predict_for_one_data": ["reconstruct.png", "reconstruct.wav"],
}
CHECKPOINT = "my_model_for_many_data.checkpoint.npz"
# The trainer with a checkpoint after every epoch, not every half a minute: the training is too short for that.
TRAINER = """
import runpy, sys
from speech_autoencoder.training import checkpoints
checkpoints._EVERY_S = 0
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# One thread: how TensorFlow splits sums changes the last bits, and what is compared is compared bit for bit.
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "MPLBACKEND": "agg"}
HEADINGS = (
    "| script | killed | all old | all new | some of each | lost | next runs | of them resumed | as if never killed |"
)


@dataclass
class Count:
    """How often a script was killed, what its outputs then were, and how its next runs went."""

    killed: int = 0
    old: int = 0
    new: int = 0
    both: int = 0
    lost: int = 0
    next_runs: int = 0
    resumed: int = 0
    good: int = 0

    def row(self, script: str) -> str:
        """A line of the table."""
        return f"| `{script}.py` | " + " | ".join(str(value) for value in vars(self).values()) + " |"


def make_project(folder: Path, n_recordings: int) -> None:
    """Nothing; folder has a speechdata/ of so many recordings on each side, with the one that predict takes."""
    for side in ("training", "testing"):
        paths = sorted((ROOT / "speechdata" / side).rglob("*.flac"))
        paths.sort(key=lambda path: path.name != "70_allison_digits.flac")
        for path in paths[:: len(paths) // n_recordings][:n_recordings]:
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def command(script: str, folder: Path, seed: int) -> list[str]:
    """What runs the script as it would be run in folder after whatever happened there."""
    path = str(ROOT / f"{script}.py")
    if script != "autoencoder_for_many_data":
        return [sys.executable, path, "--quiet", *(["--no-show"] if script.startswith("predict") else [])]
    options = ["--quiet", "--epochs", "40", "--patience", "100", "--latent-per-second", "100", "--seed", str(seed)]
    resume = ["--resume"] if (folder / CHECKPOINT).exists() else []
    return [sys.executable, "-c", TRAINER, path, *options, *resume]


def run(script: str, folder: Path, seed: int, *, killed_after_s: float | None = None) -> bool | None:
    """Whether the script ended well, run in folder; None where it was killed before it ended."""
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command(script, folder, seed), cwd=folder, env=environment, stderr=subprocess.PIPE)
    try:
        errors = process.communicate(timeout=killed_after_s)[1].decode(errors="replace")
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    if errors or process.returncode:
        print(f"{script}.py ended with status {process.returncode}: {errors}", file=sys.stderr)
    return process.returncode == 0 and not errors


def essence(path: Path) -> object:
    """All that the output at path holds but for how long its making took; None where it is missing or damaged."""
    try:
        if path.is_dir():
            return {str(each.relative_to(path)): essence(each) for each in sorted(path.rglob("*"))}
        if path.suffix == ".h5":
            return _essence_of_model(path)
        if path.suffix == ".csv":
            return [{**row, "minutes": ""} for row in csv.DictReader(path.read_text().splitlines())]
        return path.read_bytes()
    except (OSError, ValueError, KeyError):
        return None


def _essence_of_model(path):
    """The bytes of every array by name, but for the minutes in the description."""
    import h5py

    arrays = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    text = json.loads(arrays.pop("speech_autoencoder/description").tobytes())
    text["history"].pop("minutes")
    return text, {name: value.tobytes() for name, value in arrays.items()}


def essences(script: str, folder: Path) -> list:
    """The essence of each of the script's outputs in folder."""
    return [essence(folder / name) for name in OUTPUTS[script]]


def replace_outputs(script: str, source: Path, folder: Path) -> None:
    """Nothing; the script's outputs in folder are those of source."""
    for name in OUTPUTS[script]:
        target = folder / name
        if target.is_dir():
            shutil.rmtree(target)
        if (source / name).is_dir():
            shutil.copytree(source / name, target)
        else:
            shutil.copy2(source / name, target)


def torment(
    script: str, old: Path, new: Path, folder: Path, n_kills: int, *, rng: random.Random, in_a_row: int = 1
) -> Count:
    """What n_kills kills of the script did to its outputs in folder, which becomes a copy of the project `new`.

    Before each first kill in a row the outputs are those of `old`; after the last one the script is left to end.
    """
    shutil.copytree(new, folder)
    before, after = essences(script, old), essences(script, new)
    count, killed, seconds = Count(), 0, 0.0
    while count.killed < n_kills or killed:
        if not killed:
            replace_outputs(script, old, folder)
        last = not seconds or killed == in_a_row or count.killed == n_kills
        resumes, began = (folder / CHECKPOINT).exists(), time.monotonic()
        good = run(script, folder, 1, killed_after_s=None if last else rng.uniform(0, seconds))
        if good is None:
            count.killed += 1
            killed += 1
            _judge(count, essences(script, folder), before, after)
            continue
        if last:
            seconds = time.monotonic() - began
        if killed:
            count.next_runs += 1
            count.resumed += resumes
            count.good += good and essences(script, folder) == after and names_in(folder) == names_in(new)
        killed = 0
    return count


def names_in(folder: Path) -> list[str]:
    """The names of all that is in folder, hidden things too."""
    return sorted(path.name for path in folder.iterdir())


def _judge(count, found, before, after):
    """Nothing; what is found after a kill is counted."""
    whole = all(a in (b, c) for a, b, c in zip(found, before, after, strict=True))
    if not whole:
        count.lost += 1
    elif found == before:
        count.old += 1
    elif found == after:
        count.new += 1
    else:
        count.both += 1


def make_reference(folder: Path, n_recordings: int, seed: int, scripts: list[str]) -> None:
    """Nothing; folder is a project in which these scripts have run, one after another, and nobody killed them."""
    make_project(folder, n_recordings)
    for script in scripts:
        if not run(script, folder, seed):
            sys.exit(f"{script}.py fails even when it is not killed.")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--kills", type=int, nargs=5, default=[63, 63, 25, 25, 25], metavar="N", help="of each script, in their order"
    )
    parser.add_argument(
        "--in-a-row", type=int, default=5, help="kills before a run that may end, where TensorFlow runs"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    print(HEADINGS)
    print("|---" * HEADINGS.count("| ") + "|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        old, new = Path(name, "old"), Path(name, "new")
        make_reference(old, 8, 0, list(OUTPUTS))
        make_reference(new, 10, 1, list(OUTPUTS))
        for script, n_kills in zip(OUTPUTS, args.kills, strict=True):
            count = torment(script, old, new, Path(name, script), n_kills, rng=rng, in_a_row=args.in_a_row)
            print(count.row(script), flush=True)


if __name__ == "__main__":
    main()

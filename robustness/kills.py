"""Kill the five scripts (kill -9) at random moments: which outputs they leave, and how their next runs end.

    python -m robustness.kills

prints the table of docs/reliability.md, "Interruptions and system faults" (some forty minutes on two cores). Each
script runs again and again on a few of the project's recordings, over outputs of other recordings and settings: each
output must be the old one or the new one, complete. After one or more kills, a run may end; it must leave exactly what
runs leave that were never killed.
"""

import argparse
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
from robustness.script_outputs import OUTPUTS, contents, names_in, replace_outputs

CHECKPOINT = "my_model_for_many_data.checkpoint.npz"
# The trainer with a checkpoint after every epoch, not every half a minute: the training is too short for that.
TRAINER = """
import runpy, sys
from speech_autoencoder.training import checkpoints
checkpoints._EVERY_S = 0
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# One thread: how TensorFlow splits sums changes the last bits, and the weights are compared bit for bit.
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "MPLBACKEND": "agg"}
FIRST_RECORDING = "70_allison_digits.flac"  # the one that predict_for_one_data.py takes
N_RECORDINGS = (8, 10)  # of the old and of the new project
HEADINGS = (
    "| script | killed | all old | all new | some of each | lost | next runs | of these, resumed | as if never killed |"
)


@dataclass
class Count:
    """How often a script was killed, what its outputs were afterwards, and how its next runs ended."""

    killed: int = 0
    old: int = 0
    new: int = 0
    both: int = 0
    lost: int = 0
    next_runs: int = 0
    resumed: int = 0
    good: int = 0

    def row(self, script: str) -> str:
        """Return a line of the table."""
        return f"| `{script}.py` | " + " | ".join(str(value) for value in vars(self).values()) + " |"

    def add_kill(self, found: list, before: list, after: list) -> None:
        """Count what a kill left: contents of outputs, compared with those before and those after a whole run."""
        whole = all(a in (b, c) for a, b, c in zip(found, before, after, strict=True))
        if not whole:
            self.lost += 1
        elif found == before:
            self.old += 1
        elif found == after:
            self.new += 1
        else:
            self.both += 1


def make_project(folder: Path, n_recordings: int) -> None:
    """Copy some recordings of each side to folder, with the one that predict_for_one_data.py takes."""
    for side in ("training", "testing"):
        paths = sorted((ROOT / "speechdata" / side).rglob("*.flac"))
        paths.sort(key=lambda path: path.name != FIRST_RECORDING)
        for path in paths[:: len(paths) // n_recordings][:n_recordings]:
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def command(script: str, folder: Path, seed: int) -> list[str]:
    """Return the command line of the script, as a user would run it next in folder."""
    path = str(ROOT / f"{script}.py")
    if script != "autoencoder_for_many_data":
        return [sys.executable, path, "--quiet", *(["--no-show"] if script.startswith("predict") else [])]
    options = ["--quiet", "--epochs", "40", "--patience", "100", "--latent-rate", "100", "--seed", str(seed)]
    resume = ["--resume"] if (folder / CHECKPOINT).exists() else []
    return [sys.executable, "-c", TRAINER, path, *options, *resume]


def run(script: str, folder: Path, seed: int, *, killed_after_s: float | None = None) -> bool | None:
    """Run the script in folder; return whether it succeeded, None if it was killed before it ended."""
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


def torment(
    script: str, old: Path, new: Path, folder: Path, n_kills: int, *, rng: random.Random, in_a_row: int = 1
) -> Count:
    """Kill the script `n_kills` times in folder, which becomes a copy of the project `new`; count what happened.

    Before each first kill in a row, the outputs are those of `old`; after the last one, the script may end.
    """
    shutil.copytree(new, folder)
    before, after = contents(script, old), contents(script, new)
    count, killed, seconds = Count(), 0, 0.0
    while count.killed < n_kills or killed:
        if not killed:
            replace_outputs(script, old, folder)
            if script == "autoencoder_for_many_data":  # of a finished training, only the outputs would be written again
                (folder / CHECKPOINT).unlink(missing_ok=True)
        last = not seconds or killed == in_a_row or count.killed == n_kills
        resumes, began = (folder / CHECKPOINT).exists(), time.monotonic()
        good = run(script, folder, 1, killed_after_s=None if last else rng.uniform(0, seconds))
        if good is None:
            count.killed += 1
            killed += 1
            count.add_kill(contents(script, folder), before, after)
            continue
        if last:
            seconds = time.monotonic() - began
        if killed:
            count.next_runs += 1
            count.resumed += resumes
            count.good += good and contents(script, folder) == after and names_in(folder) == names_in(new)
        killed = 0
    return count


def make_reference(folder: Path, n_recordings: int, seed: int, scripts: list[str]) -> None:
    """Make a project in folder and run these scripts in it, one after another, without killing them."""
    make_project(folder, n_recordings)
    for script in scripts:
        if not run(script, folder, seed):
            sys.exit(f"{script}.py fails even when it is not killed.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--kills", type=int, nargs=5, default=[63, 63, 25, 25, 25], metavar="N", help="of each script, in their order"
    )
    parser.add_argument("--in-a-row", type=int, default=5, help="kills before a run that may end")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    print(HEADINGS)
    print("|---" * HEADINGS.count("| ") + "|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        old, new = Path(name, "old"), Path(name, "new")
        for seed, (folder, n_recordings) in enumerate(zip((old, new), N_RECORDINGS, strict=True)):
            make_reference(folder, n_recordings, seed, list(OUTPUTS))
        for script, n_kills in zip(OUTPUTS, args.kills, strict=True):
            count = torment(script, old, new, Path(name, script), n_kills, rng=rng, in_a_row=args.in_a_row)
            print(count.row(script), flush=True)


if __name__ == "__main__":
    main()

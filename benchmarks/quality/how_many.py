"""Train and evaluate with the scripts themselves, in a temporary folder: one table row per amount of data and time.

The recordings of FSDD, or any other two folders, can be measured in place of the project's own:
python -m benchmarks.quality.how_many --training-dir DIR --testing-dir DIR --minutes 5
"""

import argparse
import itertools
import json
import tempfile
from pathlib import Path

from benchmarks.options import add_corpus
from benchmarks.running import linked, run
from speech_autoencoder.audio.finding import find_recordings

METRICS = ("log_mel_db", "stoi", "estoi", "pesq_nb", "pesq_wb")


def some_of(source: Path, count: int, target: Path) -> Path:
    """A folder of links to `count` recordings of source, evenly over its sorted names; source itself for all."""
    names = find_recordings(source)
    if not count or count >= len(names):
        return source
    return linked(source, [names[i * len(names) // count] for i in range(count)], target)


def measure(args: argparse.Namespace, count: int, minutes: float) -> dict:
    """The evaluation of a model trained on `count` recordings for `minutes`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training = some_of(args.training_dir.resolve(), count, folder / "recordings")
        run("train_data_generator", folder, "--audio-dir", training, "--preset", args.preset)
        run("test_data_generator", folder, "--audio-dir", args.testing_dir.resolve())
        options = ("--validation", args.validation, "--seed", args.seed)
        run("autoencoder_for_many_data", folder, "--minutes", minutes, *options)
        run("evaluate_for_many_data", folder)
        return json.loads((folder / "evaluation.json").read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_corpus(parser)
    parser.add_argument("--recordings", type=int, nargs="+", default=[0], help="how many to train on; 0: all")
    parser.add_argument("--minutes", type=float, nargs="+", default=[5.0], help="time budgets of training")
    parser.add_argument("--preset", default="classic")
    parser.add_argument("--validation", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print("| recordings | minutes | system | " + " | ".join(METRICS) + " |")
    print("|" + "---|" * (3 + len(METRICS)))
    for count, minutes in itertools.product(args.recordings, args.minutes):
        result = measure(args, count, minutes)
        for system, scores in result["scores"].items():
            cells = ["-" if scores.get(key) is None else f"{scores[key]:.3f}" for key in METRICS]
            print(f"| {count or 'all'} | {minutes:g} | {system} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

"""Measure models by how many recordings they were trained on, and for how long.

    python -m benchmarks.quality.recording_counts --recordings 50 200 --minutes 2

makes the table of docs/quality.md, "How many recordings are enough": the project's own scripts train and evaluate in a
temporary folder, once for each number of recordings and each time budget. Other recordings: --training-dir and
--testing-dir.
"""

import argparse
import itertools
import json
import tempfile
from pathlib import Path

from benchmarks.options import add_corpus_options, make_parser
from benchmarks.running import link_recordings, run_script
from benchmarks.tables import heading, line
from speech_autoencoder.audio.finding import find_recordings

METRICS = ("log_mel_db", "stoi", "estoi", "pesq_nb", "pesq_wb")


def some_of(source: Path, count: int, target: Path) -> Path:
    """Return a folder of links to `count` recordings of source, evenly over its sorted names; source itself for 0."""
    names = find_recordings(source)
    if not count or count >= len(names):
        return source
    return link_recordings(source, [names[i * len(names) // count] for i in range(count)], target)


def measure(args: argparse.Namespace, count: int, minutes: float) -> dict:
    """Return the evaluation of a model trained on `count` recordings for `minutes`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training = some_of(args.training_dir.resolve(), count, folder / "recordings")
        run_script("train_data_generator", folder, "--audio-dir", training, "--preset", args.preset)
        run_script("test_data_generator", folder, "--audio-dir", args.testing_dir.resolve())
        options = ("--validation", args.validation, "--seed", args.seed)
        run_script("autoencoder_for_many_data", folder, "--minutes", minutes, *options)
        run_script("evaluate_for_many_data", folder)
        return json.loads((folder / "evaluation.json").read_text())


def main() -> None:
    parser = make_parser(__doc__)
    add_corpus_options(parser)
    parser.add_argument("--recordings", type=int, nargs="+", default=[0], help="how many to train on; 0: all")
    parser.add_argument("--minutes", type=float, nargs="+", default=[5.0], help="time budgets of training")
    parser.add_argument("--preset", default="classic", help="of the features")
    parser.add_argument("--validation", default="auto", help="how validation is split off, as the trainer has it")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers")
    args = parser.parse_args()
    print(heading(["recordings", "minutes", "system", *METRICS]), flush=True)
    for count, minutes in itertools.product(args.recordings, args.minutes):
        result = measure(args, count, minutes)
        for system, scores in result["scores"].items():
            cells = ["-" if scores.get(key) is None else f"{scores[key]:.3f}" for key in METRICS]
            print(line([str(count or "all"), f"{minutes:g}", system, *cells]), flush=True)


if __name__ == "__main__":
    main()

"""Measure models of a few recordings of a new speaker: trained anew, and started from a model of other speakers.

    python -m benchmarks.quality.new_speaker --training-dir DIR --testing-dir DIR --speakers jackson theo

makes the table of docs/quality.md, "A new speaker": the project's own scripts train a model without the speaker, and
then models on some of the speaker's recordings, anew and with --start-from; all are scored on the speaker's testing
recordings.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.options import add_corpus_options, add_run_options, make_parser
from benchmarks.quality.unseen_speakers import leave_out, speakers_to_leave_out
from benchmarks.running import link_recordings, run_script
from benchmarks.tables import heading, line
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.cli.options import positive
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.data.recording_names import understand
from speech_autoencoder.system.files import write_json

METRICS = ("log_mel_db", "stoi", "estoi", "pesq_nb")
# What the rows are called.
OTHERS = "other speakers' model"
ANEW = "anew"
FURTHER = "started from it"


def measure(args: argparse.Namespace, speaker: str) -> dict[tuple[int, str], list[float]]:
    """Return the scores of each model of a speaker, by its count of recordings and how it was trained."""
    scores = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        others, testing = leave_out(speaker, args.training_dir, args.testing_dir, folder / "others")
        start = _train(args, folder / "start", others, "--epochs", args.start_epochs)
        scores[0, OTHERS] = _score(start, testing, start.parent)
        for count in args.recordings:
            few = _some_of(args.training_dir, speaker, count, folder / f"{count}", seed=args.seed)
            for how, options in ((ANEW, ()), (FURTHER, ("--start-from", start))):
                model = _train(args, folder / f"{count} {how}", few, "--epochs", args.epochs, *options)
                scores[count, how] = _score(model, testing, model.parent)
    return scores


def _train(args: argparse.Namespace, folder: Path, recordings: Path, *options: object) -> Path:
    """Train a model in a folder of its own, and return its path."""
    folder.mkdir()
    run_script("train_data_generator", folder, "--audio-dir", recordings, "--preset", args.preset)
    sizes = () if "--start-from" in options else ("--latent-rate", args.latent_rate)
    run_script("autoencoder_for_many_data", folder, "--seed", args.seed, *sizes, *options)
    return folder / "my_model_for_many_data.h5"


def _score(model: Path, testing: Path, folder: Path) -> list[float]:
    """Return METRICS of a model on testing recordings; NaN for PESQ where it is not installed."""
    run_script("test_data_generator", folder, "--audio-dir", testing)
    run_script("evaluate_for_many_data", folder, "--model", model, "--no-report")
    scores = json.loads((folder / "evaluation.json").read_text())["scores"]["model"]
    return [math.nan if scores.get(metric) is None else scores[metric] for metric in METRICS]


def _some_of(training_dir: Path, speaker: str, count: int, folder: Path, *, seed: int) -> Path:
    """Return a folder of links to `count` recordings of a speaker, chosen at random."""
    names = find_recordings(training_dir)
    spoken = [name for name, who in zip(names, understand(names).speakers, strict=True) if who == speaker]
    chosen = np.random.default_rng(seed).permutation(len(spoken))[:count]
    return link_recordings(training_dir, [spoken[i] for i in sorted(chosen)], folder)


def main() -> None:
    parser = make_parser(__doc__)
    add_corpus_options(parser)
    parser.add_argument("--speakers", nargs="+", default=["all"], help="the new speakers, one after another")
    parser.add_argument("--recordings", type=positive(int), nargs="+", default=[10, 50, 200], help="of the new speaker")
    parser.add_argument("--preset", default="fine", help="of the features")
    parser.add_argument("--latent-rate", type=positive(float), default=176.0, help="values per second")
    parser.add_argument("--start-epochs", type=positive(int), default=16, help="of the model of the other speakers")
    parser.add_argument("--epochs", type=positive(int), default=100, help="of the models of the new speaker")
    add_run_options(parser, each="speaker")
    args = parser.parse_args()
    found = {}
    for speaker in speakers_to_leave_out(args.speakers, args.testing_dir):
        found[speaker] = measure(args, speaker)
        if args.output:
            rows = [
                [who, *key, *(None if math.isnan(value) else value for value in values)]
                for who, scores in found.items()
                for key, values in scores.items()
            ]
            write_json(args.output, {"columns": ["speaker", "recordings", "model", *METRICS], "rows": rows})
    print(heading(["recordings", "model", *METRICS]))
    for key in next(iter(found.values())):
        means = np.mean([rows[key] for rows in found.values()], axis=0)
        print(line([str(key[0]), key[1], *("-" if math.isnan(mean) else f"{mean:.3f}" for mean in means)]))


if __name__ == "__main__":
    run_main(main)

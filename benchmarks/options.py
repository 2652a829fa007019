"""Options that several benchmarks have."""

import argparse

from benchmarks.running import ROOT
from speech_autoencoder.cli.options import positive, to_path
from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.system.processors import available_cpus

TRAINING_DIR = ROOT / "speechdata" / "training"
TESTING_DIR = ROOT / "speechdata" / "testing"


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that prints the description as it is, and each default."""
    return argparse.ArgumentParser(description=description, formatter_class=_Formatter)


def add_corpus_options(parser: argparse.ArgumentParser) -> None:
    """Add the two folders of recordings."""
    parser.add_argument("--training-dir", type=to_path, default=TRAINING_DIR, help="recordings to train on")
    parser.add_argument("--testing-dir", type=to_path, default=TESTING_DIR, help="recordings to test with")


def add_leave_out_option(parser: argparse.ArgumentParser) -> None:
    """Add the speakers who are left out of training."""
    parser.add_argument(
        "--leave-out",
        nargs="+",
        default=[],
        metavar="SPEAKER",
        help="train without each of these speakers in turn, and test on them alone; all: every speaker",
    )


def add_metrics_option(parser: argparse.ArgumentParser) -> None:
    """Add the metrics that are measured only if they are asked for."""
    parser.add_argument(
        "--also",
        nargs="+",
        choices=("visqol", "dnsmos"),
        default=[],
        help="metrics of extras to measure too, which take a second or two for a segment",
    )


def add_run_options(parser: argparse.ArgumentParser, *, each: str) -> None:
    """Add how a table is computed, and the file that is written after each of its parts."""
    parser.add_argument("--workers", type=positive(int), default=available_cpus(), help="threads that score")
    parser.add_argument("--seed", type=int, default=TrainingConfig().seed, help="of all random numbers")
    parser.add_argument("--output", type=to_path, help=f"JSON file to write, after each {each}")


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help with defaults, except None and False, under a description that keeps its lines."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)

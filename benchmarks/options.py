"""What the benchmarks' command lines share."""

import argparse
from pathlib import Path

from benchmarks.running import ROOT
from speech_autoencoder.cli.options import positive
from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.system.processors import available_cpus


def add_corpus(parser: argparse.ArgumentParser) -> None:
    """Nothing; the parser has the two folders of recordings."""
    parser.add_argument("--training-dir", type=Path, default=ROOT / "speechdata" / "training")
    parser.add_argument("--testing-dir", type=Path, default=ROOT / "speechdata" / "testing")


def add_run(parser: argparse.ArgumentParser, *, each: str) -> None:
    """Nothing; the parser has how a table is made, and the file that is written after each of its parts."""
    parser.add_argument("--workers", type=positive(int), default=available_cpus(), help="threads that score")
    parser.add_argument("--seed", type=int, default=TrainingConfig().seed)
    parser.add_argument("--output", type=Path, help=f"JSON to write, after each {each}")

"""The command `features`: a folder of recordings -> an array. Its options are those of the two scripts, too."""

import argparse
from pathlib import Path

from speech_autoencoder.cli.options import (
    add_names_option,
    add_salvage_option,
    add_workers_option,
    keywords,
    to_path,
)
from speech_autoencoder.config import PRESETS

HELP = "Make an array of a folder of recordings, to train on or to evaluate on."

TRAIN_ARRAY_PATH = Path("train_data.npy")
TEST_ARRAY_PATH = Path("test_data.npy")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, which makes arrays of both kinds."""
    add_generator_options(parser, None, None)
    parser.add_argument("--preset", choices=PRESETS, help="the features (default: those of --like, otherwise classic)")
    parser.add_argument(
        "--like",
        type=to_path,
        metavar="ARRAY",
        help="for testing: the array of the training recordings, whose features are taken",
    )


def add_generator_options(parser: argparse.ArgumentParser, audio_dir: Path | None, array_path: Path | None) -> None:
    """Add the options that arrays of both kinds have, with these defaults."""
    parser.add_argument(
        "--audio-dir",
        type=to_path,
        default=audio_dir,
        required=audio_dir is None,
        help="the recordings, in this folder and its subfolders",
    )
    parser.add_argument(
        "--output",
        type=to_path,
        default=array_path,
        help="the array to write, a .npy"
        + ("" if array_path else f" (default: {TRAIN_ARRAY_PATH}, with --like {TEST_ARRAY_PATH})"),
    )
    add_workers_option(parser)
    add_names_option(parser)
    parser.add_argument("--strict", action="store_true", help="stop at the first recording that cannot be read")
    add_salvage_option(parser)


def run(args: argparse.Namespace) -> None:
    """Make the array, and report what is in it."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.api.datasets import build_dataset

    args.output = args.output or (TEST_ARRAY_PATH if args.like else TRAIN_ARRAY_PATH)
    build_dataset(**keywords(args))

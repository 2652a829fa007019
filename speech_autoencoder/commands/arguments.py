"""What commands share: the names of files that pass between them, and the arguments of `encode` and `decode`."""

import argparse
from pathlib import Path

from speech_autoencoder.cli.options import add_strict_option, to_path

TRAIN_ARRAY_PATH = Path("train_data.npy")
TEST_ARRAY_PATH = Path("test_data.npy")
MODEL_PATH = Path("my_model_for_many_data.h5")


def add_file_options(parser: argparse.ArgumentParser, inputs: str, *, output_suffix: str) -> None:
    """Add the files to read (`inputs` says which), where outputs go, and the model."""
    parser.add_argument(
        "files",
        nargs="+",
        type=to_path,
        metavar="IN",
        help=f"{inputs}, or folders of them; a single one may be followed by OUT{output_suffix}",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--output", type=to_path, help=f"the {output_suffix} to write, for one input (default: beside it)"
    )
    where.add_argument("--output-dir", type=to_path, help="a folder for many outputs, each under its input's name")
    add_strict_option(parser)
    parser.add_argument("--model", type=to_path, default=MODEL_PATH, help="the model's file")

"""The command `merge`: parts of an array -> their index, or one array."""

import argparse

from speech_autoencoder.cli.options import keywords, to_path
from speech_autoencoder.commands.arguments import TRAIN_ARRAY_PATH


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=to_path,
        default=TRAIN_ARRAY_PATH.with_suffix(""),
        metavar="DIR",
        help="the folder of the parts, which features --part I/N or the generators have written",
    )
    parser.add_argument(
        "--output",
        type=to_path,
        metavar="FILE",
        help="join the parts into one array, too: a .npy, the same to the byte as without parts",
    )


def run(args: argparse.Namespace) -> None:
    """Write the index, and report what is in the array."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.api.parts import merge_parts

    merge_parts(**keywords(args))

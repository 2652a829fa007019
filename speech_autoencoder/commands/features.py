"""The command `features`: recordings -> an array. Its options are those of the two scripts, too."""

import argparse
from pathlib import Path
from typing import Any

from speech_autoencoder.cli.options import (
    add_engine_option,
    add_names_option,
    add_salvage_option,
    add_workers_option,
    keywords,
    positive,
    to_path,
)
from speech_autoencoder.commands.arguments import TEST_ARRAY_PATH, TRAIN_ARRAY_PATH
from speech_autoencoder.config import PRESETS
from speech_autoencoder.script_names import PROGRAM


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
    recordings = parser.add_mutually_exclusive_group(required=audio_dir is None)
    recordings.add_argument(
        "--audio-dir",
        type=to_path,
        default=audio_dir,
        help="the recordings, in this folder and its subfolders, or under a URL such as s3://bucket/folder",
    )
    recordings.add_argument(
        "--audio-list",
        type=to_path,
        action=_ListInstead,
        metavar="FILE",
        help="a table of recordings, or of parts of them, in place of a folder: a CSV or JSON lines, with path and, "
        "where given, start, end, speaker, label and split",
    )
    parser.add_argument(
        "--output",
        type=to_path,
        default=array_path,
        help="the array to write, a .npy"
        + ("" if array_path else f" (default: {TRAIN_ARRAY_PATH}, with --like {TEST_ARRAY_PATH})"),
    )
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument(
        "--parts",
        nargs="?",
        type=positive(int),
        const=True,
        metavar="N",
        help="write the array in parts, into a folder of the output's name without .npy: of about an hour each, or so "
        "many (docs/data.md)",
    )
    parts.add_argument(
        "--part",
        type=_share,
        metavar="I/N",
        help=f"write one of N parts, the first is 1/N, as a task of an array job does; when all are there: {PROGRAM} "
        "merge",
    )
    add_workers_option(parser)
    add_engine_option(parser)
    add_names_option(parser)
    parser.add_argument("--strict", action="store_true", help="stop at the first recording that cannot be read")
    add_salvage_option(parser)


def _share(text: str) -> tuple[int, int]:
    """Return which of how many parts `I/N` names: an argparse type."""
    number, slash, of = text.partition("/")
    if not slash or not (number.isdecimal() and of.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected I/N, such as 1/8 for the first of eight parts, not {text!r}")
    if not 1 <= int(number) <= int(of):
        advice = f"; where tasks count from 0, add 1: $((TASK + 1))/{of}" if int(number) == 0 < int(of) else ""
        raise argparse.ArgumentTypeError(f"I counts from 1 to N, and is {number} in {text}{advice}")
    return int(number), int(of)


class _ListInstead(argparse.Action):
    """The list in place of the folder of recordings, also of the one that is the default."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        namespace.audio_dir, namespace.audio_list = None, values


def run(args: argparse.Namespace) -> None:
    """Make the array, and report what is in it."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.api.datasets import build_dataset

    args.output = args.output or (TEST_ARRAY_PATH if args.like else TRAIN_ARRAY_PATH)
    build_dataset(**keywords(args))

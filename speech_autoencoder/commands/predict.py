"""The command `predict`: recordings -> what a model makes of them. Its options are those of the script, too."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_autoencoder.cli.options import (
    add_engine_option,
    add_salvage_option,
    add_strict_option,
    keywords,
    positive,
    to_path,
)
from speech_autoencoder.cli.process import STATUS_PARTLY_DONE
from speech_autoencoder.codec.container import SUFFIX
from speech_autoencoder.commands.arguments import MODEL_PATH
from speech_autoencoder.config import INTERPOLATION_STEPS, MOST_INTERPOLATION_STEPS
from speech_autoencoder.engines.engine import THREADS
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.figures import show_in_window

if TYPE_CHECKING:  # it takes NumPy, for which --help must not wait
    from speech_autoencoder.api.prediction import Prediction

OUTPUT_PATH = Path("reconstruct.wav")


def add_options(
    parser: argparse.ArgumentParser,
    audio_path: object = None,
    model_path: Path = MODEL_PATH,
    output_path: Path = OUTPUT_PATH,
    output_dir: Path | None = None,
) -> None:
    """Add what `api.prediction.predict` takes, with these defaults; without `audio_path`, recordings must be named."""
    default, default_dir = (str(path).replace("%", "%%") for path in (audio_path, output_dir))  # argparse formats it
    parser.add_argument(
        "files",
        nargs="*" if audio_path else "+",
        type=to_path,
        metavar="FILE",
        help="recordings, or folders of them" + (f" (default: {default})" if audio_path else ""),
    )
    parser.add_argument("--model", type=to_path, default=model_path, help="the model's file")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--output", type=to_path, default=output_path, help="the WAV to write, for one recording")
    where.add_argument(
        "--output-dir",
        type=to_path,
        help="a folder for many WAVs, each under its recording's name"
        + (f"; for a list in AUDIO_PATH (default: {default_dir})" if output_dir else ""),
    )
    add_strict_option(parser)
    add_salvage_option(parser)
    parser.add_argument(
        "--bitrate", type=positive(float), help=f"kbit/s: also write a {SUFFIX} file, and reconstruct from it"
    )
    parser.add_argument(
        "--toward",
        type=to_path,
        metavar="FILE",
        help="another recording: write what leads from one to the other, aligned in time, as reconstruct_1_of_5.wav "
        "and so on",
    )
    parser.add_argument(
        "--steps",
        type=positive(int),
        help="with --toward, the sounds to write, those of both recordings included "
        f"(default: {INTERPOLATION_STEPS}, at most {MOST_INTERPOLATION_STEPS})",
    )
    add_engine_option(parser, processes="there are processors")
    parser.add_argument("--no-show", action="store_true", help="open no window with the figure")


def run(args: argparse.Namespace) -> None:
    """Reconstruct the recordings, and show the figure of a single one."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.api.prediction import predict

    options = keywords(args)
    no_show, toward, steps = (options.pop(name) for name in ("no_show", "toward", "steps"))
    if toward:
        _interpolate(toward, steps, options, show=not no_show)
        return
    if steps:
        raise InputError("--steps counts the sounds between two recordings: name the second one with --toward.")
    end(predict(**options, figure=True), show=not no_show)


def _interpolate(toward: Path, steps: int | None, options: dict[str, Any], *, show: bool) -> None:
    """Write what leads from a recording to another, and show the figure."""
    from speech_autoencoder.api.interpolation import interpolate  # as above

    files = options.pop("files")
    if len(files) != 1:
        raise InputError(f"--toward leads from one recording to another, not from {len(files):,}: name one.")
    for name in ("output_dir", "bitrate"):
        if options.pop(name):
            raise InputError(f"--toward does not go with --{name.replace('_', '-')}: leave one of them out.")
    if options.pop("engine") != THREADS:
        raise InputError("--toward makes a few sounds, which no engine divides: leave --engine out.")
    options.pop("strict")
    done = interpolate(files[0], toward, steps=steps or INTERPOLATION_STEPS, figure=True, **options)
    if show and done.figure:
        show_in_window(done.figure)


def end(prediction: "Prediction", *, show: bool) -> None:
    """Show the figure, and raise SystemExit if recordings were left out."""
    if show and prediction.figure:
        show_in_window(prediction.figure)
    if prediction.left_out:
        sys.exit(STATUS_PARTLY_DONE)

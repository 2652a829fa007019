"""The command `evaluate`: an array and a model -> scores and a page. Its options are those of the script, too."""

import argparse
from pathlib import Path
from typing import Any

from speech_autoencoder.cli.options import add_engine_option, add_workers_option, keywords, to_path, word_or_path
from speech_autoencoder.cli.origins import is_card
from speech_autoencoder.cli.process import warn
from speech_autoencoder.commands.arguments import MODEL_PATH, TEST_ARRAY_PATH, TRAIN_ARRAY_PATH
from speech_autoencoder.config import LABEL_SOURCES, RECOGNISERS
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.files import printable

SCORES_PATH = Path("evaluation.json")
FIGURE_PATH = Path("evaluation.png")
REPORT_DIR = Path("report")


def add_options(
    parser: argparse.ArgumentParser,
    array_path: Path = TEST_ARRAY_PATH,
    training_path: Path = TRAIN_ARRAY_PATH,
    model_path: Path = MODEL_PATH,
    report_dir: Path = REPORT_DIR,
) -> None:
    """Add what `api.evaluation.evaluate` takes, with these defaults."""
    parser.add_argument("--data", type=to_path, default=array_path, help="the array to evaluate on")
    parser.add_argument("--model", type=to_path, default=model_path, help="the model's file")
    parser.add_argument(
        "--training-data",
        type=to_path,
        default=training_path,
        help="the array that the model was trained on, to see what testing shares with it",
    )
    page = parser.add_mutually_exclusive_group()
    page.add_argument("--report", type=to_path, metavar="DIR", default=report_dir, help="the page's folder")
    page.add_argument("--no-report", dest="report", action="store_const", const=None, help="do not write the page")
    parser.add_argument(
        "--card",
        type=to_path,
        metavar="FILE",
        help="the model's card, in Markdown (default: the model's name with .md)",
    )
    parser.add_argument("--compare", type=to_path, metavar="MODEL", help="another model's file, to see which is better")
    parser.add_argument(
        "--labels",
        type=word_or_path(LABEL_SOURCES),
        default="auto",
        help="where the word of each recording comes from: names (as the array has them), folders, the path of a CSV "
        "with the columns path and label, none, or auto (labels.csv in the recordings' folder, otherwise the names)",
    )
    parser.add_argument(
        "--recogniser",
        choices=RECOGNISERS,
        default=RECOGNISERS[0],
        help="what recognises the words: a small recogniser, trained now on the training recordings, or an installed "
        "one for English",
    )
    add_workers_option(parser)
    add_engine_option(parser)


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return parsed options as the arguments of `api.evaluation.evaluate`.

    A card of the model's name that was edited stays as it is, if no other is asked for.
    """
    if args.card is None:
        args.card = expanded(Path(f"{args.model.stem}.md"))
        if args.card.exists() and not args.overwrite and not is_card(args.card):
            warn(
                f"{printable(args.card)} stays as it is, as it was edited, or not made by this program: --card names "
                "another card, --overwrite replaces it."
            )
            args.card = None
    return keywords(args)


def run(args: argparse.Namespace) -> None:
    """Evaluate, and report what the scores mean."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.api.evaluation import evaluate

    evaluate(**options_of(args), scores=SCORES_PATH, figure=FIGURE_PATH)

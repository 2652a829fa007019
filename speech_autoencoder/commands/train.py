"""The command `train`: an array -> a model. Its options are those of the script, too."""

import argparse
from pathlib import Path

from speech_autoencoder.cli.options import keywords, positive, to_path
from speech_autoencoder.commands.arguments import MODEL_PATH, TRAIN_ARRAY_PATH
from speech_autoencoder.config import (
    CODEC_LATENT_RATE,
    DEFAULT_SIZE,
    LATENT_RATE,
    SIZES,
    START_LEARNING_RATE,
    VALIDATION_SPLITS,
    TrainingConfig,
)
from speech_autoencoder.model.pretrained import NAME as PRETRAINED

HISTORY_PATH = Path("training_history.csv")
FIGURE_PATH = Path("training_history.png")


def add_options(
    parser: argparse.ArgumentParser, array_path: Path = TRAIN_ARRAY_PATH, model_path: Path = MODEL_PATH
) -> None:
    """Add what `api.training.train` takes, with these defaults."""
    defaults = TrainingConfig()
    parser.add_argument("--data", type=to_path, default=array_path, help="the array to train on")
    parser.add_argument("--model", type=to_path, default=model_path, help="the model's file to write")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument(
        "--minutes",
        type=positive(float),
        help=f"time budget; with --resume, the minutes that are done count (default: {defaults.minutes:g})",
    )
    budget.add_argument(
        "--epochs",
        type=positive(int),
        help="train for this many epochs, however long they take; with --resume, those that are done count",
    )
    parser.add_argument(
        "--latent-rate",
        "--latent-per-second",
        type=positive(float),
        help="upper limit of latent values per second of sound; fewer values compress more "
        f"(default: {LATENT_RATE:g}, with --codec {CODEC_LATENT_RATE:g})",
    )
    parser.add_argument(
        "--size",
        choices=SIZES,
        help=f"how large the network is; unless training is long, the smallest learns most (default: {DEFAULT_SIZE})",
    )
    parser.add_argument(
        "--codec",
        action="store_true",
        help="train a codec: latents that take few bits, at any bitrate; use --minutes 7",
    )
    parser.add_argument(
        "--batch-size", type=positive(int), help=f"pairs of clips per step (default: {defaults.batch_size})"
    )
    parser.add_argument(
        "--learning-rate",
        type=positive(float),
        help=f"the highest learning rate of the schedule (default: {defaults.learning_rate:g}, with --start-from "
        f"{START_LEARNING_RATE:g})",
    )
    parser.add_argument(
        "--patience",
        type=positive(int),
        help=f"epochs without improvement before training stops (default: {defaults.patience})",
    )
    parser.add_argument(
        "--validation",
        choices=VALIDATION_SPLITS,
        help="hold out whole speakers, or recordings of every speaker; auto: speakers, if the names tell enough "
        f"(default: {VALIDATION_SPLITS[0]})",
    )
    parser.add_argument(
        "--seed", type=int, help=f"the same seed and --epochs give the same model (default: {defaults.seed})"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted training, or a finished one with more --minutes or --epochs; the other options "
        "are those that it began with",
    )
    parser.add_argument(
        "--start-from",
        type=to_path,
        metavar="MODEL",
        help="begin with the weights of this model instead of anew, which helps where recordings are few; features and "
        f"sizes are that model's; {PRETRAINED}: the model that comes with this program",
    )
    parser.add_argument(
        "--tensorboard",
        type=to_path,
        metavar="DIR",
        help="a folder for TensorBoard, to follow the training in: the history, and spectrograms and sound of a "
        "recording in each tenth of it",
    )


def run(args: argparse.Namespace) -> None:
    """Train, and report how it went."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.api.training import train

    train(**keywords(args), history=HISTORY_PATH, figure=FIGURE_PATH)

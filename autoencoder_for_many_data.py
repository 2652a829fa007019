"""Train the auto-encoder on train_data.npy and keep its best epoch as my_model_for_many_data.h5."""

import argparse
from pathlib import Path

from speech_autoencoder.cli.messages import describe_latent, describe_training
from speech_autoencoder.cli.options import make_parser, positive
from speech_autoencoder.cli.outputs import require_suffix
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.cli.progress import make_bar, make_progress, make_say
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.config import (
    CODEC_LATENT_RATE,
    LATENT_RATE,
    VALIDATION_SPLITS,
    CodecConfig,
    TrainingConfig,
    model_config,
)
from speech_autoencoder.script_names import TRAIN_DATA_GENERATOR
from speech_autoencoder.system.files import lock, require_writable
from speech_autoencoder.system.processors import training_threads

ARRAY_PATH = Path("train_data.npy")
MODEL_PATH = Path("my_model_for_many_data.h5")
HISTORY_PATH = Path("training_history.csv")
FIGURE_PATH = Path("training_history.png")


def main() -> None:
    args = parse_arguments()
    from speech_autoencoder.data import dataset  # after --help, which does not wait for NumPy

    say = make_say(args.quiet)
    data = dataset.load(args.data, TRAIN_DATA_GENERATOR, progress=make_progress(args.quiet, "checking"))
    require_suffix(args.model, ".h5")
    checkpoint_path = args.model.with_suffix(".checkpoint.npz")
    config = training_config(args, checkpoint_path)
    codec = CodecConfig() if args.codec else None
    sizes = model_config(data.features, args.latent_rate or (CODEC_LATENT_RATE if codec else LATENT_RATE))
    require_writable(args.model, checkpoint_path, HISTORY_PATH, FIGURE_PATH)
    lock(args.model)

    start_tensorflow(say, threads=training_threads())
    # After the checks: these import TensorFlow.
    from speech_autoencoder.training import history, loop

    describe_latent(data.features, sizes, say)
    result = loop.train(
        data,
        sizes,
        config,
        model_path=args.model,
        checkpoint_path=checkpoint_path,
        validation=args.validation,
        codec=codec,
        resume=args.resume,
        say=say,
        bar=make_bar(args.quiet, "training"),
    )
    history.write_history(HISTORY_PATH, result.history)
    history.draw_history(FIGURE_PATH, result.history, result.baseline_db, result.best_epoch)
    describe_training(result, say, can_resume=checkpoint_path.exists())
    say(f"Wrote {args.model}, {HISTORY_PATH} and {FIGURE_PATH}.")


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser, defaults = make_parser(__doc__), TrainingConfig()
    parser.add_argument("--data", type=Path, default=ARRAY_PATH, help="the array to train on")
    parser.add_argument("--model", type=Path, default=MODEL_PATH, help="the model's file to write")
    parser.add_argument(
        "--minutes",
        type=positive(float),
        help=f"time budget (default: {defaults.minutes:g}; with --resume, that of the interrupted training)",
    )
    parser.add_argument("--epochs", type=positive(int), help="train for this many epochs, however long they take")
    parser.add_argument(
        "--latent-rate",
        "--latent-per-second",
        type=positive(float),
        help="upper limit of latent values per second of sound; fewer values compress more "
        f"(default: {LATENT_RATE:g}, with --codec {CODEC_LATENT_RATE:g})",
    )
    parser.add_argument(
        "--codec",
        action="store_true",
        help="train a codec: latents that take few bits, at any bitrate; use --minutes 7",
    )
    parser.add_argument("--batch-size", type=positive(int), default=defaults.batch_size, help="pairs of clips per step")
    parser.add_argument(
        "--learning-rate",
        type=positive(float),
        default=defaults.learning_rate,
        help="the highest learning rate of the schedule",
    )
    parser.add_argument(
        "--patience",
        type=positive(int),
        default=defaults.patience,
        help="epochs without improvement before training stops",
    )
    parser.add_argument(
        "--validation",
        choices=VALIDATION_SPLITS,
        default=VALIDATION_SPLITS[0],
        help="hold out whole speakers, or recordings of every speaker; auto: speakers, if the names tell enough",
    )
    parser.add_argument(
        "--seed", type=int, default=defaults.seed, help="the same seed and --epochs give the same model"
    )
    parser.add_argument("--resume", action="store_true", help="continue an interrupted training")
    return parser.parse_args()


def training_config(args: argparse.Namespace, checkpoint_path: Path) -> TrainingConfig:
    """Return the training's configuration; a resumed training keeps its budget unless another is given."""
    from speech_autoencoder.training.checkpoints import budget  # after --help, which does not wait for NumPy

    minutes, epochs = args.minutes or TrainingConfig.minutes, args.epochs or 0
    if args.resume and not (args.minutes or args.epochs):
        minutes, epochs = budget(checkpoint_path)
    return TrainingConfig(
        minutes=minutes,
        epochs=epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        patience=args.patience,
        seed=args.seed,
    )


if __name__ == "__main__":
    run_main(main)

"""Train the auto-encoder on train_data.npy and keep its best epoch as my_model_for_many_data.h5."""

from pathlib import Path

from speech_autoencoder.cli import command_line as cli
from speech_autoencoder.config import (
    CODEC_LATENT_RATE,
    LATENT_RATE,
    NETWORKS,
    CodecConfig,
    ModelConfig,
    TrainingConfig,
    model_config,
)
from speech_autoencoder.system.files import lock, require_writable
from speech_autoencoder.system.processors import training_threads

ARRAY_PATH = Path("train_data.npy")
MODEL_PATH = Path("my_model_for_many_data.h5")
HISTORY_PATH = Path("training_history.csv")
FIGURE_PATH = Path("training_history.png")


def main():
    args = parse_arguments()
    from speech_autoencoder.data import dataset
    from speech_autoencoder.training import checkpoints  # after --help, which need not wait for numpy

    say = cli.sayer(args.quiet)

    checking = cli.progress(args.quiet, "checking")
    data = dataset.load(args.data, "train_data_generator.py", progress=checking)
    cli.require_suffix(args.model, ".h5")
    numbers = args.latent_per_second or (CODEC_LATENT_RATE if args.codec else LATENT_RATE)
    sizes = model_config(data.features, numbers, args.network)
    checkpoint_path = args.model.with_suffix(".checkpoint.npz")
    minutes, epochs = args.minutes or TrainingConfig.minutes, args.epochs or 0
    if args.resume and not (args.minutes or args.epochs):
        minutes, epochs = checkpoints.budget(checkpoint_path)
    config = TrainingConfig(
        minutes=minutes,
        epochs=epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        patience=args.patience,
        seed=args.seed,
    )
    require_writable(args.model, HISTORY_PATH, FIGURE_PATH)
    lock(args.model)

    cli.start_tensorflow(say, threads=training_threads())
    from speech_autoencoder.report import figures as report
    from speech_autoencoder.training import history
    from speech_autoencoder.training import loop as training

    cli.describe_latent(data.features, sizes, say)
    result = training.train(
        data,
        sizes,
        config,
        model_path=args.model,
        checkpoint_path=checkpoint_path,
        validation=args.validation,
        codec=CodecConfig() if args.codec else None,
        resume=args.resume,
        say=say,
        bar=cli.bar(args.quiet, "training"),
    )
    history.write_history(HISTORY_PATH, result.history)
    report.draw_history(FIGURE_PATH, result.history, result.baseline_db, result.best_epoch)
    cli.describe_training(result, say, can_resume=checkpoint_path.exists())
    say(f"Wrote {args.model}, {HISTORY_PATH} and {FIGURE_PATH}.")


def parse_arguments():
    """What the command line asks for."""
    parser, defaults = cli.parser(__doc__), TrainingConfig()
    parser.add_argument("--data", type=Path, default=ARRAY_PATH, help="the array to train on")
    parser.add_argument("--model", type=Path, default=MODEL_PATH, help="the model's file to write")
    parser.add_argument(
        "--minutes",
        type=cli.positive(float),
        help=f"time budget (default: {defaults.minutes:g}, with --resume what it was)",
    )
    parser.add_argument("--epochs", type=cli.positive(int), help="train for so many epochs, whatever time they take")
    parser.add_argument(
        "--latent-per-second",
        type=cli.positive(float),
        help="most latent numbers per second of sound; fewer compress more "
        f"(default: {LATENT_RATE:g}, with --codec {CODEC_LATENT_RATE:g})",
    )
    parser.add_argument(
        "--network",
        choices=NETWORKS,
        default=ModelConfig.network,
        help="original: that of the program which this one replaces, to compare with",
    )
    parser.add_argument(
        "--codec",
        action="store_true",
        help="learn to be a codec too: latents that take few bits, at any bitrate; give it --minutes 7",
    )
    parser.add_argument(
        "--batch-size", type=cli.positive(int), default=defaults.batch_size, help="pairs of clips a step"
    )
    parser.add_argument(
        "--learning-rate", type=cli.positive(float), default=defaults.learning_rate, help="peak of its schedule"
    )
    parser.add_argument(
        "--patience",
        type=cli.positive(int),
        default=defaults.patience,
        help="epochs without a gain before it stops",
    )
    parser.add_argument(
        "--validation",
        choices=("auto", "speaker", "recording"),
        default="auto",
        help="hold out whole speakers or whole recordings; auto: speakers where the names tell enough of them",
    )
    parser.add_argument("--seed", type=int, default=defaults.seed, help="the same seed and --epochs: the same model")
    parser.add_argument("--resume", action="store_true", help="go on after the last epoch of an interrupted training")
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

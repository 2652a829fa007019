"""Train the auto-encoder on train_data.npy and keep its best epoch as my_model_for_many_data.h5."""

import argparse
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

if not find_spec("speech_autoencoder"):  # python -I does not look for it beside the script
    sys.path.append(str(Path(__file__).parent))

from speech_autoencoder.cli.messages import describe_latent, describe_training
from speech_autoencoder.cli.options import make_parser, positive, to_path
from speech_autoencoder.cli.origins import is_checkpoint, is_figure, is_history, is_model
from speech_autoencoder.cli.outputs import require_outputs, require_suffix
from speech_autoencoder.cli.process import run_main, warn
from speech_autoencoder.cli.progress import make_bar, make_progress, make_say
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.config import CODEC_LATENT_RATE, LATENT_RATE, VALIDATION_SPLITS, TrainingConfig
from speech_autoencoder.script_names import TRAIN_DATA_GENERATOR
from speech_autoencoder.system.figures import try_to_draw
from speech_autoencoder.system.files import expanded, lock, locks_released
from speech_autoencoder.system.processors import training_threads
from speech_autoencoder.system.wording import listed

ARRAY_PATH = Path("train_data.npy")
MODEL_PATH = Path("my_model_for_many_data.h5")
HISTORY_PATH = Path("training_history.csv")
FIGURE_PATH = Path("training_history.png")


@locks_released()
def main() -> None:
    args = parse_arguments()
    history_path, figure_path = expanded(HISTORY_PATH), expanded(FIGURE_PATH)
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.cli import training
    from speech_autoencoder.data import corpus_summary, dataset

    say = make_say(args.quiet)
    data = dataset.load(args.data, TRAIN_DATA_GENERATOR, progress=make_progress(args.quiet, "checking"))
    require_suffix(args.model, ".h5")
    checkpoint_path = args.model.with_suffix(".checkpoint.npz")
    choice = training.choose(args, data, checkpoint_path, say)
    require_outputs(
        [
            (args.model, is_model),
            (checkpoint_path, is_checkpoint),
            (history_path, is_history),
            (figure_path, is_figure),
        ],
        inputs=[args.data, dataset.sidecar_path(args.data)],
        overwrite=args.overwrite,
    )
    lock(args.model)

    start_tensorflow(say, threads=training_threads())
    # After the checks: these import TensorFlow.
    from speech_autoencoder.training import history, loop

    for line in corpus_summary.warn_if_small(data.n_samples, data.sr):
        say(line)
    describe_latent(data.features, choice.model, say, asked=args.latent_rate)
    result = loop.train(
        data,
        choice.model,
        choice.config,
        model_path=args.model,
        checkpoint_path=checkpoint_path,
        validation=choice.validation,
        codec=choice.codec,
        resume=args.resume,
        say=say,
        bar=make_bar(args.quiet, "training"),
    )
    history.write_history(history_path, result.history)
    draw = partial(
        history.draw_history,
        history=result.history,
        baseline_db=result.baseline_db,
        best_epoch=result.best_epoch,
    )
    written = [args.model, history_path, *try_to_draw(figure_path, draw, warn)]
    describe_training(result, checkpoint_path, say)
    say(f"Wrote {listed(written)}.")


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser, defaults = make_parser(__doc__), TrainingConfig()
    parser.add_argument("--data", type=to_path, default=ARRAY_PATH, help="the array to train on")
    parser.add_argument("--model", type=to_path, default=MODEL_PATH, help="the model's file to write")
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
        help=f"the highest learning rate of the schedule (default: {defaults.learning_rate:g})",
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
    args = parser.parse_args()
    if args.codec and args.patience:
        parser.error("argument --patience: not allowed with argument --codec, which trains for all of its epochs")
    return args


if __name__ == "__main__":
    run_main(main)

"""Tell how good the model is on test_data.npy, beside the PCA baseline and copy-synthesis (no model in between)."""

import argparse
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

if not find_spec("speech_autoencoder"):  # python -I does not look for it beside the script
    sys.path.append(str(Path(__file__).parent))

from speech_autoencoder.cli.options import add_workers_option, make_parser, to_path, word_or_path
from speech_autoencoder.cli.origins import is_evaluation, is_figure
from speech_autoencoder.cli.outputs import require_outputs
from speech_autoencoder.cli.process import blas_threads, run_main, warn
from speech_autoencoder.cli.progress import make_bar, make_progress, make_say
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.script_names import TEST_DATA_GENERATOR
from speech_autoencoder.system.figures import try_to_draw
from speech_autoencoder.system.files import expanded, lock, locks_released, require_replaceable, write_json
from speech_autoencoder.system.wording import listed

ARRAY_PATH = Path("test_data.npy")
TRAINING_PATH = Path("train_data.npy")
MODEL_PATH = Path("my_model_for_many_data.h5")
SCORES_PATH = Path("evaluation.json")
FIGURE_PATH = Path("evaluation.png")
REPORT_DIR = Path("report")


@locks_released()
def main() -> None:
    args = parse_arguments()
    scores_path, figure_path = expanded(SCORES_PATH), expanded(FIGURE_PATH)
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.cli import evaluating
    from speech_autoencoder.data import dataset
    from speech_autoencoder.evaluation import evaluation, leakage, rates, words
    from speech_autoencoder.report import page, score_figure
    from speech_autoencoder.system.isolation import child_processes

    say, progress, workers = make_say(args.quiet), partial(make_progress, args.quiet), args.workers
    data = dataset.load(args.data, TEST_DATA_GENERATOR, progress=progress("checking"))
    missing = evaluating.require_recordings(data, args.data, say)
    is_installed = args.recogniser != "trained"
    installed = words.installed(args.recogniser, args.labels, data, say) if is_installed else None
    require_outputs(
        [(scores_path, is_evaluation), (figure_path, is_figure)],
        inputs=evaluating.input_paths(args),
        overwrite=args.overwrite,
    )
    lock(scores_path)
    if not args.no_report:
        require_replaceable(args.report, page.is_report)

    (encoder, other), inversion = evaluating.load_encoders(args, data), InversionConfig()
    training, reason = leakage.training_of(encoder.model, args.training_data, data)
    train = partial(evaluating.train_recogniser, say, make_bar(args.quiet, "training the word recogniser"))
    recogniser, labels = installed or words.learned(args.labels, data, training, reason, train, say)

    with blas_threads(1), child_processes():  # as the workers compute side by side
        measured = evaluation.evaluate(
            data,
            encoder,
            inversion,
            other=other,
            other_path=str(args.compare or ""),
            recogniser=recogniser,
            labels=labels,
            progress=progress("evaluating"),
            workers=workers,
        )
        evaluating.require_sound(measured, args.data)
        by_rate = rates.measure(measured, data, encoder.model, inversion, progress=progress("codecs"), workers=workers)
        shared = None
        if training:
            shared = leakage.compare_with_training(training, data, encoder, progress("comparing with training"))
        else:
            say(f"Testing is not compared with training: {reason}")
    result = evaluating.make_evaluation(args, data, encoder.model, measured, by_rate, shared)

    evaluating.report_scores(result, say, missing=missing)
    write_json(scores_path, result.to_json())
    drawn = try_to_draw(figure_path, partial(score_figure.draw_scores, scores=result.scores), warn)
    evaluating.report_verdict(result, say)
    if args.no_report:
        say(f"Wrote {listed([scores_path, *drawn])}.")
        return
    with blas_threads(1):
        n_bytes = page.write(args.report, result, data, encoder, inversion, progress=progress("page"), workers=workers)
    written = listed([scores_path, *drawn, args.report / "index.html"])
    say(f"Wrote {written} ({n_bytes / 1e6:.1f} MB with its sound).")


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=to_path, default=ARRAY_PATH, help="the array to evaluate on")
    parser.add_argument("--model", type=to_path, default=MODEL_PATH, help="the model's file")
    parser.add_argument(
        "--training-data",
        type=to_path,
        default=TRAINING_PATH,
        help="the array that the model was trained on, to see what testing shares with it",
    )
    page = parser.add_mutually_exclusive_group()
    page.add_argument("--report", type=to_path, metavar="DIR", default=REPORT_DIR, help="the page's folder")
    page.add_argument("--no-report", action="store_true", help="do not write the page")
    parser.add_argument("--compare", type=to_path, metavar="MODEL", help="another model's file, to see which is better")
    parser.add_argument(
        "--labels",
        type=word_or_path(("names", "folders", "none", "auto")),
        default="auto",
        help="where the word of each recording comes from: names (as the array has them), folders, the path of a CSV "
        "with the columns path and label, none, or auto (labels.csv in the recordings' folder, otherwise the names)",
    )
    parser.add_argument(
        "--recogniser",
        choices=("trained", "pocketsphinx", "whisper"),
        default="trained",
        help="what recognises the words: a small recogniser, trained now on the training recordings, or an installed "
        "one for English",
    )
    add_workers_option(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_main(main)

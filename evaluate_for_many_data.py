"""Tell how good the model is on test_data.npy, beside the PCA baseline and copy-synthesis (no model in between)."""

import argparse
from functools import partial
from pathlib import Path

from speech_autoencoder.cli.options import make_parser, positive, to_path, word_or_path
from speech_autoencoder.cli.origins import is_evaluation, is_figure
from speech_autoencoder.cli.outputs import require_outputs
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.cli.progress import make_progress, make_say
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.script_names import TEST_DATA_GENERATOR
from speech_autoencoder.system.files import expanded, lock, printable, require_replaceable, write_json
from speech_autoencoder.system.processors import available_cpus

ARRAY_PATH = Path("test_data.npy")
TRAINING_PATH = Path("train_data.npy")
MODEL_PATH = Path("my_model_for_many_data.h5")
SCORES_PATH = Path("evaluation.json")
FIGURE_PATH = Path("evaluation.png")
REPORT_DIR = Path("report")


def main() -> None:
    args = parse_arguments()
    scores_path, figure_path = expanded(SCORES_PATH), expanded(FIGURE_PATH)
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.cli import evaluating
    from speech_autoencoder.data import dataset
    from speech_autoencoder.evaluation import evaluation, leakage, rates, words
    from speech_autoencoder.report import page, score_figure

    say, progress, workers = make_say(args.quiet), partial(make_progress, args.quiet), args.workers
    data = dataset.load(args.data, TEST_DATA_GENERATOR, progress=progress("checking"))
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

    encoder, inversion = evaluating.load_encoder(args.model, data, args.data), InversionConfig()
    other = evaluating.load_encoder(args.compare, data, args.data) if args.compare else None
    training, reason = leakage.training_of(encoder.model, args.training_data, data)
    train = partial(evaluating.train_recogniser, say)
    recogniser, labels = installed or words.learned(args.labels, data, training, reason, train, say)

    with blas_threads(1):  # as the workers compute side by side
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
        by_rate = rates.measure(measured, data, encoder.model, inversion, progress=progress("codecs"), workers=workers)
        shared = None
        if training:
            shared = leakage.compare_with_training(training, data, encoder, progress("comparing with training"))
        else:
            say(f"Testing is not compared with training: {reason}")
    result = evaluating.make_evaluation(args, data, encoder.model, measured, by_rate, shared)

    evaluating.report_scores(result, say)
    write_json(scores_path, result.to_json())
    score_figure.draw_scores(figure_path, result.scores)
    evaluating.report_verdict(result, say)
    if args.no_report:
        say(f"Wrote {scores_path} and {figure_path}.")
        return
    with blas_threads(1):
        n_bytes = page.write(args.report, result, data, encoder, inversion, progress=progress("page"), workers=workers)
    page_path = printable(args.report / "index.html")
    say(f"Wrote {scores_path}, {figure_path} and {page_path} ({n_bytes / 1e6:.1f} MB with its sound).")


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
    parser.add_argument("--report", type=to_path, metavar="DIR", default=REPORT_DIR, help="the page's folder")
    parser.add_argument("--no-report", action="store_true", help="do not write the page")
    parser.add_argument("--compare", type=to_path, metavar="MODEL", help="another model's file, to see which is better")
    parser.add_argument(
        "--labels",
        type=word_or_path(("names", "folders", "none", "auto")),
        default="auto",
        help="where the word of each recording comes from: names (label_speaker_take.wav), folders, the path of a CSV "
        "with the columns path and label, none, or auto (labels.csv in the recordings' folder, otherwise the names)",
    )
    parser.add_argument(
        "--recogniser",
        choices=("trained", "pocketsphinx", "whisper"),
        default="trained",
        help="what recognises the words: a small recogniser, trained now on the training recordings, or an installed "
        "one for English",
    )
    parser.add_argument("--workers", type=positive(int), default=available_cpus(), help="threads")
    return parser.parse_args()


if __name__ == "__main__":
    run_main(main)

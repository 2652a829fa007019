"""Tell how good the model is on test_data.npy, beside the PCA baseline and copy-synthesis (no model in between)."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_autoencoder import __version__
from speech_autoencoder.cli.messages import describe_left_out
from speech_autoencoder.cli.options import make_parser, positive
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.cli.progress import Say, make_progress, make_say
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.script_names import TEST_DATA_GENERATOR
from speech_autoencoder.system.files import lock, printable, require_replaceable, require_writable, write_json
from speech_autoencoder.system.processors import available_cpus

if TYPE_CHECKING:
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.data.dataset import Dataset
    from speech_autoencoder.evaluation.results import Evaluation
    from speech_autoencoder.evaluation.words import WordRecogniser

ARRAY_PATH = Path("test_data.npy")
TRAINING_PATH = Path("train_data.npy")
MODEL_PATH = Path("my_model_for_many_data.h5")
SCORES_PATH = Path("evaluation.json")
FIGURE_PATH = Path("evaluation.png")
REPORT_DIR = Path("report")


def main() -> None:
    args = parse_arguments()
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.data import dataset
    from speech_autoencoder.evaluation import evaluation, leakage, rates, results, verdict, words
    from speech_autoencoder.report import page, score_figure

    say = make_say(args.quiet)
    data = dataset.load(args.data, TEST_DATA_GENERATOR, progress=make_progress(args.quiet, "checking"))
    is_installed = args.recogniser != "trained"
    installed = words.installed(args.recogniser, args.labels, data, say) if is_installed else None
    require_writable(SCORES_PATH, FIGURE_PATH)
    lock(SCORES_PATH)
    if not args.no_report:
        require_replaceable(args.report, page.is_report)

    encoder, inversion = load_encoder(args.model, data, args.data), InversionConfig()
    other = load_encoder(args.compare, data, args.data) if args.compare else None
    training, reason = leakage.training_of(encoder.model, args.training_data, data)
    train = partial(train_recogniser, say)
    recogniser, labels = installed or words.learned(args.labels, data, training, reason, train, say)

    with blas_threads(1):
        measured = evaluation.evaluate(
            data,
            encoder,
            inversion,
            workers=args.workers,
            other=other,
            other_path=str(args.compare or ""),
            recogniser=recogniser,
            labels=labels,
            progress=make_progress(args.quiet, "evaluating"),
        )
        progress = make_progress(args.quiet, "codecs")
        by_rate = rates.measure(measured, data, encoder.model, inversion, workers=args.workers, progress=progress)
        shared = None
        if training:
            progress = make_progress(args.quiet, "comparing with training")
            shared = leakage.compare_with_training(training, data, encoder, progress)
        else:
            say(f"Testing is not compared with training: {reason}")
    configurations = {"model": encoder.model.config.to_json(), "features": encoder.model.features.to_json()}
    result = results.Evaluation(
        **vars(measured),
        **describe_run(args),
        data=results.ArrayFile(str(args.data), data.fingerprint),
        features=configurations["features"],
        model=configurations["model"] | {"path": str(args.model)},
        training=encoder.model.description,
        verdict=verdict.judge(measured, configurations | encoder.model.description, shared),
        shared_with_training=shared,
        rates=by_rate,
    )

    report_scores(result, say)
    write_json(SCORES_PATH, result.to_json())
    score_figure.draw_scores(FIGURE_PATH, result.scores)
    report_verdict(result, say)
    if args.no_report:
        say(f"Wrote {SCORES_PATH} and {FIGURE_PATH}.")
        return
    with blas_threads(1):
        progress = make_progress(args.quiet, "page")
        n_bytes = page.write(args.report, result, data, encoder, inversion, workers=args.workers, progress=progress)
    page_path = printable(args.report / "index.html")
    say(f"Wrote {SCORES_PATH}, {FIGURE_PATH} and {page_path} ({n_bytes / 1e6:.1f} MB with its sound).")


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, default=ARRAY_PATH, help="the array to evaluate on")
    parser.add_argument("--model", type=Path, default=MODEL_PATH, help="the model's file")
    parser.add_argument(
        "--training-data",
        type=Path,
        default=TRAINING_PATH,
        help="the array that the model was trained on, to see what testing shares with it",
    )
    parser.add_argument("--report", type=Path, metavar="DIR", default=REPORT_DIR, help="the page's folder")
    parser.add_argument("--no-report", action="store_true", help="do not write the page")
    parser.add_argument("--compare", type=Path, metavar="MODEL", help="another model's file, to see which is better")
    parser.add_argument(
        "--labels",
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


def load_encoder(model_path: Path, data: "Dataset", array_path: Path) -> "Encoder":
    """Return the encoder of the model at `model_path`; raise InputError if its features are not those of the data."""
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.model import model_file

    model = model_file.load(model_path)
    model.require_features(data.features, str(array_path), TEST_DATA_GENERATOR)
    return Encoder(model, LatentSearchConfig())


def train_recogniser(say: Say, *args: Any, **options: Any) -> "WordRecogniser | None":
    """Return what `train_quickly` gives for these arguments, with TensorFlow started before."""
    start_tensorflow(say)
    from speech_autoencoder.training.word_recogniser import train_quickly

    return train_quickly(*args, **options)


def describe_run(args: argparse.Namespace) -> dict[str, Any]:
    """Return what evaluation.json says about the run: versions and settings."""
    from speech_autoencoder.evaluation import bootstrap, results
    from speech_autoencoder.system import versions

    return {
        "version": __version__,
        "versions": versions.versions(*versions.METRIC_LIBRARIES),
        "commit": versions.commit(),
        "seed": bootstrap.SEED,
        "config": results.RunConfig(
            latent_search=LatentSearchConfig().to_json(),
            inversion=InversionConfig().to_json(),
            n_resamples=bootstrap.RESAMPLES,
            labels=args.labels,
            recogniser=args.recogniser,
        ),
    }


def report_scores(result: "Evaluation", say: Say) -> None:
    """Report the scores, their basis, and how other codecs or another model compare."""
    from speech_autoencoder.evaluation import rates
    from speech_autoencoder.evaluation.metrics.quality import has_pesq
    from speech_autoencoder.report import text

    say(text.format_table(result.scores, result.intervals))
    say(text.describe_intervals(result))
    say(text.describe_recordings(result))
    describe_left_out([(entry.path, entry.reason) for entry in result.left_out], "not scored as sound", say)
    if not has_pesq():
        say("PESQ is not installed: pip install '.[metrics]' adds it (it needs a compiler; note its licence).")
    for line in rates.describe(result.rates) if result.rates else ():
        say(line)
    if result.words:
        say(text.describe_words(result.words))
    if result.comparison:
        for line in text.describe_comparison(result.comparison, printable(result.comparison.path)):
            say(line)


def report_verdict(result: "Evaluation", say: Say) -> None:
    """Report what the scores mean, and what to do next."""
    headline, *findings = result.verdict
    say(headline.sentence)
    for finding in findings:
        say(f"- {finding.sentence} {finding.evidence} {finding.next_step}".rstrip())


if __name__ == "__main__":
    run_main(main)

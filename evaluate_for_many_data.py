"""Say how good the model is on test_data.npy, beside the PCA floor and the ceiling that features and inversion set."""

from dataclasses import asdict
from pathlib import Path

from speech_autoencoder import __version__
from speech_autoencoder.cli.messages import describe_left_out
from speech_autoencoder.cli.options import make_parser, positive
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.cli.progress import make_progress, make_say
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.script_names import TEST_DATA_GENERATOR
from speech_autoencoder.system.files import lock, printable, require_replaceable, require_writable, write_json
from speech_autoencoder.system.processors import available_cpus

ARRAY_PATH = Path("test_data.npy")
TRAINING_PATH = Path("train_data.npy")
MODEL_PATH = Path("my_model_for_many_data.h5")
SCORES_PATH = Path("evaluation.json")
FIGURE_PATH = Path("evaluation.png")
REPORT_DIR = Path("report")
FORMAT = "speech-autoencoder evaluation 1"


def main():
    args = parse_arguments()
    from speech_autoencoder.data import dataset  # after --help, which need not wait for numpy

    say = make_say(args.quiet)
    checking = make_progress(args.quiet, "checking")
    data = dataset.load(args.data, TEST_DATA_GENERATOR, progress=checking)
    from speech_autoencoder.evaluation import words

    known = None if args.recogniser == "trained" else words.installed(args.recogniser, args.labels, data, say)
    require_writable(SCORES_PATH, FIGURE_PATH)
    lock(SCORES_PATH)
    if not args.no_report:
        from speech_autoencoder.report import page

        require_replaceable(args.report, page.is_report)
    train_quickly = None
    if args.recogniser == "trained" and args.labels != "none":  # what hears words is a network that is trained now
        start_tensorflow(say)
        from speech_autoencoder.training.word_recogniser import train_quickly
    from speech_autoencoder.evaluation import evaluation, leakage, rates, verdict
    from speech_autoencoder.report import figures as report

    encoder = load_encoder(args.model, data, args)
    other = load_encoder(args.compare, data, args) if args.compare else None
    model, inversion = encoder.model, InversionConfig()
    training, why = leakage.training_of(model, args.training_data, data)
    recogniser, labels = known or words.learned(args.labels, data, training, why, train_quickly, say)
    with blas_threads(1):
        result = evaluation.evaluate(
            data,
            encoder,
            inversion,
            workers=args.workers,
            other=other,
            recogniser=recogniser,
            labels=labels,
            progress=make_progress(args.quiet, "evaluating"),
        )
        if args.compare:
            result["comparison"]["path"] = str(args.compare)
        result["rates"] = rates.measure(
            result, data, model, inversion, workers=args.workers, progress=make_progress(args.quiet, "codecs")
        )
        if training is None:
            say(f"Testing is not compared with training: {why}")
            facts = None
        else:
            facts = leakage.find(training, data, make_progress(args.quiet, "comparing with training"))
            facts |= evaluation.compare(training, data, encoder)
    description = {"model": model.config.to_json(), "features": model.features.to_json(), **model.description}
    findings = verdict.judge(result, description, facts)
    describe_scores(args, result, say)
    write_json(
        SCORES_PATH,
        {
            **describe_run(args),
            "data": {"path": str(args.data), "fingerprint": data.fingerprint},
            "features": model.features.to_json(),
            "model": model.config.to_json() | {"path": str(args.model)},
            "training": model.description,
            "verdict": [asdict(finding) for finding in findings],
            "shared_with_training": facts,
            **result,
        },
    )
    report.draw_scores(FIGURE_PATH, result["scores"])
    say(findings[0].sentence)
    for finding in findings[1:]:
        say(f"- {finding.sentence} {finding.evidence} {finding.next_step}".rstrip())
    if args.no_report:
        say(f"Wrote {SCORES_PATH} and {FIGURE_PATH}.")
        return
    with blas_threads(1):
        size = page.write(
            args.report,
            result,
            description,
            findings,
            data,
            encoder,
            inversion,
            workers=args.workers,
            progress=make_progress(args.quiet, "page"),
        )
    page_path = printable(args.report / "index.html")
    say(f"Wrote {SCORES_PATH}, {FIGURE_PATH} and {page_path} ({size / 1e6:.1f} MB with its sound).")


def parse_arguments():
    """What the command line asks for."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, default=ARRAY_PATH, help="the array to evaluate on")
    parser.add_argument("--model", type=Path, default=MODEL_PATH, help="the model's file")
    parser.add_argument(
        "--training-data",
        type=Path,
        default=TRAINING_PATH,
        help="what was trained on, to see what testing shares with it",
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", default=REPORT_DIR, help="the folder of the page to write"
    )
    parser.add_argument("--no-report", action="store_true", help="write no page")
    parser.add_argument("--compare", type=Path, metavar="MODEL", help="another model's file, to tell which is better")
    parser.add_argument(
        "--labels",
        default="auto",
        help="what word each recording says: names (label_speaker_take.wav), folders, the path of a CSV with the "
        "columns path and label, none, or auto: labels.csv in the recordings' folder, and else the names",
    )
    parser.add_argument(
        "--recogniser",
        choices=("trained", "pocketsphinx", "whisper"),
        default="trained",
        help="what hears the words: a small one that is trained on the training recordings, or one of English that is "
        "installed",
    )
    parser.add_argument("--workers", type=positive(int), default=available_cpus(), help="threads")
    return parser.parse_args()


def load_encoder(model_path, data, args):
    """What encodes with the model at model_path, which must be for such data."""
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.model import model_file

    model = model_file.load(model_path)
    model.require_features(data.features, str(args.data), TEST_DATA_GENERATOR)
    return Encoder(model, LatentSearchConfig())


def describe_scores(args, result, say):
    """Nothing; the scores are said, on what they rest, and what they are beside other codecs or another model."""
    from speech_autoencoder.evaluation import metrics, rates
    from speech_autoencoder.report import text as summary

    say(summary.format_table(result["scores"], result["intervals"]))
    say(summary.describe_intervals(result))
    say(
        f"{result['n_recordings']} recordings, {result['n_scored']} of them scored as sound in {result['n_strings']} "
        "strings of some seconds."
    )
    describe_left_out([(entry["path"], entry["reason"]) for entry in result["left_out"]], "not scored as sound", say)
    if not metrics.has_pesq():
        say("PESQ is not installed: pip install '.[metrics]' adds it (it compiles; mind its licence).")
    for line in rates.describe(result["rates"]) if result["rates"] else ():
        say(line)
    if "words" in result:
        say(summary.describe_words(result["words"]))
    for line in summary.format_comparison(result["comparison"], printable(args.compare)) if args.compare else ():
        say(line)


def describe_run(args):
    """What evaluation.json says of the run itself: by what it was made, and with which settings."""
    from speech_autoencoder.evaluation import bootstrap as intervals
    from speech_autoencoder.system import versions as provenance

    return {
        "format": FORMAT,
        "version": __version__,
        "versions": provenance.versions(*provenance.METRICS),
        "commit": provenance.commit(),
        "seed": intervals.SEED,
        "config": {
            "encoding": LatentSearchConfig().to_json(),
            "inversion": InversionConfig().to_json(),
            "n_draws": intervals.RESAMPLES,
            "labels": args.labels,
            "recogniser": args.recogniser,
        },
    }


if __name__ == "__main__":
    run_main(main)

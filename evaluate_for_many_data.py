"""Say how good the model is on test_data.npy, beside the PCA floor and the ceiling that features and inversion set."""

from pathlib import Path

from speech_autoencoder import __version__, cli, dataset
from speech_autoencoder.config import EncodingConfig, InversionConfig
from speech_autoencoder.files import require_writable, write_json

ARRAY_PATH = Path("test_data.npy")
MODEL_PATH = Path("my_model_for_many_data.h5")
SCORES_PATH = Path("evaluation.json")
FIGURE_PATH = Path("evaluation.png")


def main():
    parser = cli.parser(__doc__)
    parser.add_argument("--data", type=Path, default=ARRAY_PATH, help="the array to evaluate on")
    parser.add_argument("--model", type=Path, default=MODEL_PATH, help="the model's file")
    parser.add_argument("--workers", type=cli.positive(int), default=cli.available_cpus(), help="threads")
    args = parser.parse_args()
    say = cli.sayer(args.quiet)

    checking = cli.progress(args.quiet, "checking")
    data = dataset.load(args.data, "test_data_generator.py", progress=checking)
    require_writable(SCORES_PATH, FIGURE_PATH)
    cli.start_tensorflow(say)
    from speech_autoencoder import evaluation, metrics, model_file, report
    from speech_autoencoder.encoding import Encoder

    model = model_file.load(args.model)
    model.require_features(data.features, str(args.data), "test_data_generator.py")
    with cli.one_blas_thread():
        result = evaluation.evaluate(
            data,
            Encoder(model, EncodingConfig()),
            InversionConfig(),
            workers=args.workers,
            progress=cli.progress(args.quiet, "evaluating"),
        )

    say(evaluation.format_table(result["scores"]))
    say(
        f"{result['n_recordings']} recordings, {result['n_scored']} of them scored as sound in {result['n_strings']} "
        "strings of some seconds."
    )
    cli.name_left_out([(entry["path"], entry["reason"]) for entry in result["left_out"]], "not scored as sound", say)
    if not metrics.has_pesq():
        say("PESQ is not installed: pip install pesq adds it (it compiles; mind its licence).")
    write_json(
        SCORES_PATH,
        {
            "version": __version__,
            "data": {"path": str(args.data), "fingerprint": data.fingerprint},
            "features": model.features.to_json(),
            "model": model.config.to_json() | {"path": str(args.model)},
            "training": model.description,
            **result,
        },
    )
    report.draw_scores(FIGURE_PATH, result["scores"])
    say(f"Wrote {SCORES_PATH} and {FIGURE_PATH}.")


if __name__ == "__main__":
    cli.run(main)

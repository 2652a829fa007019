"""The table of how well reconstructions are understood: the model, the PCA floor and the ceiling, setting by setting.

For every setting the project's own scripts make the arrays and train a model, in a temporary folder; then the testing
recordings are heard as predict_for_one_data.py would write them. On other recordings, and with speakers left out:
python -m benchmarks.quality.table --training-dir DIR --testing-dir DIR --leave-out all --output out.json
"""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.options import add_corpus, add_run
from benchmarks.quality.hearing import HEARD, Heard, measure
from benchmarks.quality.scoring import cells_of, summary
from benchmarks.quality.speakers import in_turn, without
from benchmarks.running import run
from speech_autoencoder.cli.options import positive
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.config import PRESETS, LatentSearchConfig
from speech_autoencoder.data import dataset
from speech_autoencoder.model import model_file
from speech_autoencoder.system.files import write_json
from speech_autoencoder.training import word_recogniser as recognisers

SETTINGS = ("classic:705", "classic:176", "fine:705", "fine:176")
_HEADINGS = "setting | system | numbers/s | digits | STOI | ESTOI | PESQ-NB | training, s | reconstruction, s/s"


def setting(text: str) -> tuple[str, float]:
    """(preset, most latent numbers per second) of `classic:705`."""
    preset, _, numbers = text.partition(":")
    if preset not in PRESETS:
        raise argparse.ArgumentTypeError(f"{text} does not begin with one of {', '.join(PRESETS)}")
    try:
        return preset, positive(float)(numbers)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} does not end in numbers per second, as classic:705 does") from None


def try_setting(args: argparse.Namespace, setting: tuple[str, float], speaker: str, recogniser) -> tuple[dict, Heard]:
    """(what the setting is and cost, what was heard) of a model that the scripts have trained without this speaker."""
    from speech_autoencoder.codec.latent_search import Encoder

    preset, most_numbers = setting
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training, testing = without(speaker, args.training_dir, args.testing_dir, folder)
        run("train_data_generator", folder, "--audio-dir", training, "--preset", preset)
        run("test_data_generator", folder, "--audio-dir", testing)
        start = time.monotonic()
        options = ("--latent-per-second", most_numbers, "--minutes", args.minutes, "--seed", args.seed)
        run("autoencoder_for_many_data", folder, *options)
        training_s = time.monotonic() - start
        model = model_file.load(folder / "my_model_for_many_data.h5")
        data = dataset.load(folder / "test_data.npy", "test_data_generator.py")
        encoder = Encoder(model, LatentSearchConfig())
        with blas_threads(1):
            heard = measure(data, encoder, recogniser=recogniser, workers=args.workers)
    rate, config = model.features.frame_rate, model.config
    facts = {
        "latent_per_second": config.latent_size / config.frames_per_latent * rate,
        "log_mel_per_second": config.n_mels * rate,
        "training_s": training_s,
    }
    return facts, heard


def row_of(setting: tuple[str, float], facts: dict, heard: dict[str, Heard]) -> dict:
    """A setting's row as JSON's own types, from what was heard of each speaker left out ("": of all)."""
    total = {key: sum(getattr(h, key) for h in heard.values()) for key in ("n_recordings", "n_segments", "seconds")}
    scores, intervals = {}, {}
    for system in HEARD:
        scores[system], intervals[system] = summary([h.values[system] for h in heard.values()])
    row = {"setting": f"{setting[0]}:{setting[1]:g}", **facts, **total, "scores": scores, "intervals_95": intervals}
    row["latent_per_second_last_steps_whole"] = sum(h.n_numbers for h in heard.values()) / total["seconds"]
    row["reconstruction_s_per_s"] = sum(h.reconstruction_s for h in heard.values()) / total["seconds"]
    if set(heard) != {""}:
        row["speakers"] = {who: {s: summary([h.values[s]])[0] for s in HEARD} for who, h in heard.items()}
    return row


def lines_of(row: dict) -> str:
    """The row as lines of a markdown table, one a system."""
    lines = []
    for system, scores in row["scores"].items():
        model = system == "model"
        numbers = row["log_mel_per_second" if system == "copy_synthesis" else "latent_per_second"]
        cells = [row["setting"], HEARD[system], f"{numbers:,.0f}", *cells_of(scores)]
        cells += [f"{row['training_s']:.0f}", f"{row['reconstruction_s_per_s']:.2f}"] if model else ["-", "-"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def train_recogniser(args: argparse.Namespace) -> tuple:
    """(the recogniser of the training recordings' words or None, what it hears right of the testing originals)."""
    recogniser = recognisers.train(args.training_dir, seed=args.seed)
    words = recognisers.words_in(args.testing_dir, recogniser.labels) if recogniser else []
    if not words:
        return None, None
    labels, waveforms = zip(*words, strict=True)
    return recogniser, recognisers.accuracy(recogniser, waveforms, sr=recognisers.FEATURES.sr, labels=labels)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_corpus(parser)
    parser.add_argument(
        "--settings", type=setting, nargs="+", default=[*map(setting, SETTINGS)], metavar="PRESET:NUMBERS"
    )
    parser.add_argument("--minutes", type=positive(float), default=5.0, help="time budget of each training")
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="SPEAKER", help="unseen speakers, or all in turn")
    add_run(parser, each="setting and speaker")
    return parser.parse_args(arguments)


def main():
    args = parse()
    speakers = in_turn(args.leave_out, args.testing_dir)
    start_tensorflow(lambda text: None)
    recogniser, originals = train_recogniser(args)
    result = {"minutes": args.minutes, "seed": args.seed, "leave_out": [s for s in speakers if s], "rows": []}
    result["recogniser"] = {"originals": originals, "labels": recogniser.labels} if recogniser else None
    if recogniser:
        print(f"Of the original testing recordings, the recogniser hears {originals:.3f} right.\n")
    print(f"| {_HEADINGS} |\n|{'---|' * len(_HEADINGS.split('|'))}", flush=True)
    for pair in args.settings:
        heard, training_s, rows = {}, [], list(result["rows"])
        for speaker in speakers:
            facts, heard[speaker] = try_setting(args, pair, speaker, recogniser)
            training_s.append(facts["training_s"])
            row = row_of(pair, facts | {"training_s": sum(training_s) / len(training_s)}, heard)
            result["rows"] = [*rows, row]
            if args.output:
                write_json(args.output, result)
        print(lines_of(row), flush=True)


if __name__ == "__main__":
    run_main(main)

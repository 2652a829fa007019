"""Measure how good speech codecs are at each bitrate: ours, PCA, Codec 2, Opus and Speex.

    python -m benchmarks.codec.codecs --training-dir DIR --testing-dir DIR --output out.json --figure out.png

makes the tables and figures of docs/codec.md, "Quality". Each segment of testing recordings is one file, whose bytes on
disk count; of Opus and Speex only the packets count, of PCA the ideal code length, so that the comparison does not
favour ours. The model is --model, or is trained in the run.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.codec import figure, own_codec, pca_codec
from benchmarks.codec.rows import WIDEBAND_HZ, Part, heading, line_of, measure, row_of
from benchmarks.codec.segment_files import files_of
from benchmarks.codec.targets import verdicts
from benchmarks.options import add_corpus_options, add_leave_out_option, add_run_options, make_parser
from benchmarks.quality.recogniser import print_originals, train_recogniser
from benchmarks.quality.scoring import METRICS
from benchmarks.quality.unseen_speakers import leave_out, speakers_to_leave_out
from speech_autoencoder.cli.backend import start_backend
from speech_autoencoder.cli.options import positive, to_path
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.data.building import most_common_rate
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.other_codecs import NARROW_HZ, Codec, ExternalCodec, external_codecs
from speech_autoencoder.system.files import require_writable, write_json

BITRATES = [0.5, 0.8, 1.2, 1.6, 2.4, 3.2, 6.0]  # kbit/s, of ours
SYSTEMS = ("ours", "pca", "codec2", "opus", "speex")


def codecs_of(
    args: argparse.Namespace, external: list[ExternalCodec], training: Path, sr: int, folder: Path
) -> list[Codec]:
    """Return the codecs to measure; those that are trained learn from the recordings below `training` alone."""
    codecs = []
    if "ours" in args.systems:
        model = args.model or own_codec.train(training, folder, minutes=args.minutes, seed=args.seed)
        codecs.append(own_codec.make_codec(model, args.bitrates))
    if "pca" in args.systems:
        codecs.append(pca_codec.make_codec(pca_codec.fit(training, sr), workers=args.workers))
    return codecs + [codec.as_codec(workers=args.workers) for codec in external]


def installed_codecs(wanted: list[str], sr: int) -> list[ExternalCodec]:
    """Return the other codecs that are wanted and installed; print which are missing, and which are for 8 kHz only."""
    installed = []
    for codec in external_codecs(sr):
        if codec.name.lower().replace(" ", "") not in wanted:
            continue
        if not codec.is_installed():
            missing = " and ".join(codec.programs)
            print(f"{codec.name} is left out, because {missing} are not installed: apt install {codec.package}")
            continue
        if codec.is_narrow and sr != NARROW_HZ:
            print(f"{codec.name} is for 8 kHz only: the sound is resampled to that, and back to {sr:,} Hz.")
        installed.append(codec)
    return installed


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line. Raises InputError if they contradict each other."""
    parser = make_parser(__doc__)
    add_corpus_options(parser)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=[*SYSTEMS], help="what is measured")
    parser.add_argument("--model", type=to_path, help="the model of our codec; without it, one is trained in the run")
    parser.add_argument("--bitrates", type=positive(float), nargs="+", default=BITRATES, help="of ours, in kbit/s")
    parser.add_argument("--minutes", type=positive(float), default=7.0, help="time budget of a training")
    add_leave_out_option(parser)
    add_run_options(parser, each="measurement")
    parser.add_argument("--figure", type=to_path, help="PNG to write")
    args = parser.parse_args(arguments)
    if args.model and args.leave_out:
        raise InputError(
            "--model may have been trained on the speakers of --leave-out: leave --model out, and models are trained "
            "without them."
        )
    return args


def main() -> None:
    args = parse()
    require_writable(*(path for path in (args.output, args.figure) if path))
    speakers, sr = speakers_to_leave_out(args.leave_out, args.testing_dir), most_common_rate(args.testing_dir)
    start_backend(lambda text: None)
    external = installed_codecs(args.systems, sr)
    if not external and not {"ours", "pca"} & {*args.systems}:
        raise InputError("There is no codec to measure: install one of them, or name others with --systems.")
    recogniser, originals = train_recogniser(args)
    metrics = [metric for metric in METRICS if recogniser or metric != "digits"]
    metrics += ["pesq_wb"] if sr >= WIDEBAND_HZ else []
    print(f"\n{heading(metrics)}", flush=True)
    result: dict[str, Any] = {
        "sr": sr,
        "minutes": args.minutes,
        "seed": args.seed,
        "leave_out": [s for s in speakers if s],
    }
    result["recogniser_originals"] = originals
    parts: dict[tuple[str, str], list[Part]] = {}
    for speaker in speakers:
        with tempfile.TemporaryDirectory() as name, blas_threads(1):
            training, testing = leave_out(speaker, args.training_dir, args.testing_dir, Path(name))
            files, _ = files_of(testing, sr)
            for codec in codecs_of(args, external, training, sr, Path(name)):
                for setting in codec.settings:
                    mine = parts.setdefault((codec.name, setting), [])
                    mine.append(measure(codec, setting, files, sr, recogniser=recogniser, workers=args.workers))
                    result["rows"] = rows = [row_of(*key, measured) for key, measured in parts.items()]
                    if args.output:
                        write_json(args.output, result)
                    if speaker == speakers[-1]:
                        print(line_of(row_of(codec.name, setting, mine), metrics), flush=True)
    if recogniser:
        print()
        print_originals(originals)
        print(*verdicts(rows), sep="\n")
    if args.figure:
        n_files, seconds = rows[0]["n_files"], rows[0]["seconds"]
        voices = "unseen voices" if args.leave_out else "new recordings of known voices"
        title = f"Speech codecs: {n_files} files of {seconds / n_files:.1f} s at {sr / 1_000:g} kHz, {voices}"
        figure.draw(args.figure, rows, title=title, originals=originals)


if __name__ == "__main__":
    run_main(main)

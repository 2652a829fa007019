"""Measure how good speech codecs are at each bitrate: ours, PCA, and those of others that are installed.

    python -m benchmarks.codec.codecs --training-dir DIR --testing-dir DIR --output out.json --figure out.png

makes the tables and figures of docs/codec.md, "Quality". Each segment of testing recordings is one file, whose bytes on
disk count. Of Opus and Speex only the packets count, without their container; of Codec 2, AMR-NB, G.723.1 and Lyra the
bits of their frames, as if packed; of PCA the ideal code length: so the comparison does not favour ours. The model is
--model, or is trained in the run; with --systems, others are measured without ours.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.codec import anchors, figure, own_codec, pca_codec
from benchmarks.codec.rows import WIDEBAND_HZ, Part, heading, line_of, measure, row_of
from benchmarks.codec.segment_files import files_of
from benchmarks.codec.targets import goals_at, verdicts
from benchmarks.options import (
    add_corpus_options,
    add_leave_out_option,
    add_metrics_option,
    add_run_options,
    make_parser,
)
from benchmarks.quality.recogniser import print_originals, train_recognisers
from benchmarks.quality.scoring import METRICS, RECOGNISED
from benchmarks.quality.unseen_speakers import leave_out, speakers_to_leave_out
from speech_autoencoder.cli.backend import start_backend
from speech_autoencoder.cli.options import positive, to_path
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.data.building import most_common_rate
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.codecs.codec import Codec
from speech_autoencoder.system.files import require_writable, write_json

BITRATES = [0.5, 0.8, 1.2, 1.6, 2.4, 3.2, 6.0]  # kbit/s, of ours
SYSTEMS = ("ours", "pca", *anchors.NAMES)


def codecs_of(args: argparse.Namespace, others: list[Codec], training: Path, sr: int, folder: Path) -> list[Codec]:
    """Return the codecs to measure; those that are trained learn from the recordings below `training` alone."""
    codecs = []
    if "ours" in args.systems:
        model = args.model or own_codec.train(training, folder, minutes=args.minutes, seed=args.seed)
        codecs.append(own_codec.make_codec(model, args.bitrates))
    if "pca" in args.systems:
        codecs.append(pca_codec.make_codec(pca_codec.fit(training, sr), workers=args.workers))
    return codecs + others


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line. Raises InputError if they contradict each other."""
    parser = make_parser(__doc__)
    add_corpus_options(parser)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=[*SYSTEMS], help="what is measured")
    parser.add_argument("--model", type=to_path, help="the model of our codec; without it, one is trained in the run")
    parser.add_argument("--bitrates", type=positive(float), nargs="+", default=BITRATES, help="of ours, in kbit/s")
    parser.add_argument("--minutes", type=positive(float), default=7.0, help="time budget of a training")
    parser.add_argument("--lyra", type=to_path, metavar="DIR", help="the folder of Lyra's weights (*.tflite)")
    parser.add_argument(
        "--opus-ml", type=to_path, metavar="DIR", help="where npm installed ogg-opus-decoder, for LACE and NoLACE"
    )
    add_leave_out_option(parser)
    add_metrics_option(parser)
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
    others = anchors.installed(args.systems, sr, lyra=args.lyra, opus_ml=args.opus_ml, workers=args.workers)
    if not others and not {"ours", "pca"} & {*args.systems}:
        raise InputError("There is no codec to measure: install one of them, or name others with --systems.")
    recognitions, originals = train_recognisers(args)
    metrics = [metric for metric in METRICS if metric in recognitions or metric not in RECOGNISED]
    also = [*(["pesq_wb"] if sr >= WIDEBAND_HZ else []), *args.also]
    metrics += also
    print(f"\n{heading(metrics)}", flush=True)
    result: dict[str, Any] = {
        "sr": sr,
        "minutes": args.minutes,
        "seed": args.seed,
        "leave_out": [s for s in speakers if s],
    }
    result["originals"] = originals
    rows: list[dict] = []
    parts: dict[tuple[str, str], list[Part]] = {}
    for speaker in speakers:
        with tempfile.TemporaryDirectory() as name, blas_threads(1):
            training, testing = leave_out(speaker, args.training_dir, args.testing_dir, Path(name))
            files, _ = files_of(testing, sr)
            for codec in codecs_of(args, others, training, sr, Path(name)):
                for setting in codec.settings:
                    try:
                        part = measure(
                            codec, setting, files, sr, recognitions=recognitions, also=also, workers=args.workers
                        )
                    except InputError as error:
                        if codec not in others:
                            raise
                        print(f"{codec.name} {setting} is left out: {error}", flush=True)
                        continue
                    mine = parts.setdefault((codec.name, setting), [])
                    mine.append(part)
                    result["rows"] = rows = [row_of(*key, measured, metrics=metrics) for key, measured in parts.items()]
                    if args.output:
                        write_json(args.output, result)
                    if speaker == speakers[-1]:
                        print(line_of(row_of(codec.name, setting, mine, metrics=metrics), metrics), flush=True)
    if not rows:
        raise InputError("No codec could be measured: see the reasons above.")
    print()
    print_originals(originals)
    goals = goals_at(sr, unseen=bool(args.leave_out))
    print(*verdicts(rows, goals), sep="\n")
    if args.figure:
        n_files, seconds = rows[0]["n_files"], rows[0]["seconds"]
        voices = "unseen voices" if args.leave_out else "new recordings of known voices"
        title = f"Speech codecs: {n_files} files of {seconds / n_files:.1f} s at {sr / 1_000:g} kHz, {voices}"
        figure.draw(args.figure, rows, title=title, goals=goals, originals=originals)


if __name__ == "__main__":
    run_main(main)

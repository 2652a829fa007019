"""The table of codecs: how well ours is understood at each bitrate, beside Codec 2, Opus, Speex and PCA.

Each string of testing recordings is one file, whose bytes on disk are counted; of Opus and Speex only those of the
packets are, of PCA the ideal code length, so that ours is not flattered. The model is --model, or trained in the run:
python -m benchmarks.codec.codecs --training-dir DIR --testing-dir DIR --output out.json --figure out.png
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.codec import figure as codec_figure
from benchmarks.codec import own_codec, pca_codec
from benchmarks.codec.rows import WIDE_HZ, Part, headings, line_of, measure, row_of
from benchmarks.codec.sound_files import files_of
from benchmarks.codec.targets import verdicts
from benchmarks.options import add_corpus, add_run
from benchmarks.quality.scoring import METRICS
from benchmarks.quality.speakers import in_turn, without
from benchmarks.quality.table import train_recogniser
from speech_autoencoder.cli.options import positive
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.data.building import most_common_rate
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import other_codecs
from speech_autoencoder.evaluation.other_codecs import System
from speech_autoencoder.system.files import require_writable, write_json

KILOBITS = [0.5, 0.8, 1.2, 1.6, 2.4, 3.2, 6.0]
SYSTEMS = ("ours", "pca", "codec2", "opus", "speex")


def systems_of(args: argparse.Namespace, tools: list, training: Path, sr: int, folder: Path) -> list[System]:
    """The codecs to measure, those that are trained having learned from training alone."""
    systems = []
    if "ours" in args.systems:
        model = args.model or own_codec.trained(training, folder, minutes=args.minutes, seed=args.seed)
        systems.append(own_codec.system_of(model, args.kilobits))
    if "pca" in args.systems:
        systems.append(pca_codec.system_of(pca_codec.fit(training, sr), workers=args.workers))
    return systems + [other_codecs.system_of(tool, workers=args.workers) for tool in tools]


def tools_of(wanted: list[str], sr: int) -> list[other_codecs.Tool]:
    """The other codecs that are wanted and installed; those that are not are said, and so is what is narrow."""
    tools = []
    for tool in other_codecs.tools(sr):
        if tool.name.lower().replace(" ", "") not in wanted:
            continue
        if not tool.is_there():
            print(f"{tool.name} is left out, {' and '.join(tool.programs)} being missing: apt install {tool.package}")
            continue
        if tool.narrow and sr != other_codecs.NARROW_HZ:
            print(f"{tool.name} is for 8 kHz only: the sound is resampled to that, and back from {sr:,} Hz.")
        tools.append(tool)
    return tools


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's options. Raises InputError when they do not go together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_corpus(parser)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=[*SYSTEMS])
    parser.add_argument("--model", type=Path, help="the codec's model; trained in the run where none is named")
    parser.add_argument("--kilobits", type=positive(float), nargs="+", default=KILOBITS, help="bitrates of ours")
    parser.add_argument("--minutes", type=positive(float), default=7.0, help="time budget of a training")
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="SPEAKER", help="unseen speakers, or all in turn")
    add_run(parser, each="measurement")
    parser.add_argument("--figure", type=Path, help="PNG to write")
    args = parser.parse_args(arguments)
    if args.model and args.leave_out:
        raise InputError(
            "--model has heard whom it has heard: leave it out, and models are trained without the speaker."
        )
    return args


def main():
    args = parse()
    require_writable(*(path for path in (args.output, args.figure) if path))
    speakers, sr = in_turn(args.leave_out, args.testing_dir), most_common_rate(args.testing_dir)
    start_tensorflow(lambda text: None)
    tools = tools_of(args.systems, sr)
    if not tools and not {"ours", "pca"} & {*args.systems}:
        raise InputError("There is no codec to measure: install one of them, or name others with --systems.")
    recogniser, originals = train_recogniser(args)
    metrics = [metric for metric in METRICS if recogniser or metric != "digits"] + ["pesq_wb"] * (sr >= WIDE_HZ)
    print(f"\n{headings(metrics)}", flush=True)
    result = {"sr": sr, "minutes": args.minutes, "seed": args.seed, "leave_out": [s for s in speakers if s]}
    result["originals_heard_right"] = originals
    parts: dict[tuple[str, str], list[Part]] = {}
    for speaker in speakers:
        with tempfile.TemporaryDirectory() as name, blas_threads(1):
            training, testing = without(speaker, args.training_dir, args.testing_dir, Path(name))
            files, _ = files_of(testing, sr)
            for system in systems_of(args, tools, training, sr, Path(name)):
                for setting in system.settings:
                    mine = parts.setdefault((system.name, setting), [])
                    mine.append(measure(system, setting, files, sr, recogniser=recogniser, workers=args.workers))
                    result["rows"] = rows = [row_of(*which, some) for which, some in parts.items()]
                    if args.output:
                        write_json(args.output, result)
                    if speaker == speakers[-1]:
                        print(line_of(row_of(system.name, setting, mine), metrics), flush=True)
    if recogniser:
        print(f"\nOf the original testing recordings, the recogniser hears {originals:.3f} right.\n")
        print(*verdicts(rows), sep="\n")
    if args.figure:
        where = f"{rows[0]['n_files']} files of {rows[0]['seconds'] / rows[0]['n_files']:.1f} s at {sr / 1_000:g} kHz"
        heard = "voices never heard" if args.leave_out else "new recordings of known voices"
        codec_figure.draw(args.figure, rows, title=f"Speech codecs: {where}, {heard}", originals=originals)


if __name__ == "__main__":
    run_main(main)

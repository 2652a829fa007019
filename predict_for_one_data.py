"""Send a recording through the model: reconstruct.wav to listen to, reconstruct.png to look at."""

import argparse
from pathlib import Path

from speech_autoencoder.cli.messages import describe_encoded
from speech_autoencoder.cli.options import make_parser, positive, to_path
from speech_autoencoder.cli.origins import is_codec_file, is_figure, is_sound
from speech_autoencoder.cli.outputs import output_paths, require_outputs, require_suffix
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.cli.progress import make_bar, make_say
from speech_autoencoder.codec.container import SUFFIX
from speech_autoencoder.config import LatentSearchConfig
from speech_autoencoder.system.files import expanded, lock, printable
from speech_autoencoder.system.processors import available_cpus
from speech_autoencoder.system.wording import counted

# The recording to reconstruct: put the path of your own here, or name it on the command line.
AUDIO_PATH = Path("speechdata/testing/en-allison/70_allison_digits.flac")
MODEL_PATH = Path("my_model_for_many_data.h5")
OUTPUT_PATH = Path("reconstruct.wav")


def main() -> None:
    args = parse_arguments()
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.cli.inputs import load_codec, total_duration_s
    from speech_autoencoder.cli.predicting import reconstruct
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.model import model_file
    from speech_autoencoder.report import recording_figure

    say = make_say(args.quiet)
    require_suffix(args.output, ".wav")
    paths = args.files or [expanded(AUDIO_PATH)]  # people also write a path in mere quotes there
    outputs = output_paths(paths, args.output, args.output_dir)
    encoded_paths = [output.with_suffix(SUFFIX) for output in outputs] if args.bitrate else []
    figure_paths = [args.output.with_suffix(".png")] if args.output_dir is None else []
    seconds = total_duration_s(paths)
    require_outputs(
        [(path, is_sound) for path in outputs]
        + [(path, is_codec_file) for path in encoded_paths]
        + [(path, is_figure) for path in figure_paths],
        inputs=[*paths, args.model],
        overwrite=args.overwrite,
    )
    if args.output_dir is None:
        lock(args.output)

    model = load_codec(args.model) if args.bitrate else model_file.load(args.model)
    encoder = Encoder(model, LatentSearchConfig(steps=0) if args.bitrate else LatentSearchConfig())
    results = []
    n_threads = 1 if args.bitrate else available_cpus()
    with blas_threads(n_threads), make_bar(args.quiet, "reconstructing")(seconds) as bar:
        for path, output in zip(paths, outputs, strict=True):
            excerpt = recording_figure.Excerpt(path, model.features)
            encoded = reconstruct(path, output, encoder, args.bitrate, watch=excerpt.watch, tick=bar.update)
            if encoded:
                results.append(encoded)
            for figure_path in figure_paths:
                excerpt.draw(figure_path)
                say(f"Wrote {printable(output)} and {printable(figure_path)}.")

    if results:
        where = encoded_paths[0] if len(encoded_paths) == 1 else args.output_dir
        describe_encoded(results, paths, where, args.bitrate, say)
    if args.output_dir is not None:
        say(f"Wrote {counted(len(outputs), 'reconstruction')} to {printable(args.output_dir)}.")
    elif not args.no_show:
        recording_figure.show(figure_paths[0])


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = make_parser(__doc__)
    default = str(AUDIO_PATH).replace("%", "%%")  # argparse formats the help with %
    parser.add_argument("files", nargs="*", type=to_path, metavar="FILE", help=f"recordings (default: {default})")
    parser.add_argument("--model", type=to_path, default=MODEL_PATH, help="the model's file")
    parser.add_argument("--output", type=to_path, default=OUTPUT_PATH, help="the WAV to write, for one recording")
    parser.add_argument("--output-dir", type=to_path, help="a folder for many WAVs, each under its recording's name")
    parser.add_argument(
        "--bitrate", type=positive(float), help=f"kbit/s: also write a {SUFFIX} file, and reconstruct from it"
    )
    parser.add_argument("--no-show", action="store_true", help="open no window with the figure")
    return parser.parse_args()


if __name__ == "__main__":
    run_main(main)

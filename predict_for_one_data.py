"""Send a recording through the model: reconstruct.wav to listen to, reconstruct.png to look at."""

import argparse
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

if not find_spec("speech_autoencoder"):  # python -I does not look for it beside the script
    sys.path.append(str(Path(__file__).parent))

from speech_autoencoder.cli.messages import describe_encoded
from speech_autoencoder.cli.options import add_salvage_option, add_strict_option, make_parser, positive, to_path
from speech_autoencoder.cli.origins import is_codec_file, is_figure, is_sound
from speech_autoencoder.cli.outputs import output_paths, require_suffix
from speech_autoencoder.cli.process import blas_threads, run_main, warn
from speech_autoencoder.cli.progress import make_bar, make_say
from speech_autoencoder.codec.container import SUFFIX
from speech_autoencoder.config import LatentSearchConfig
from speech_autoencoder.system.figures import show_in_window, try_to_draw
from speech_autoencoder.system.files import expanded, lock, locks_released, printable
from speech_autoencoder.system.wording import counted, listed

# The recording to reconstruct: put the path of your own here, or name it on the command line. Several are a list of
# paths, ["a.wav", "b.wav"]; a Windows path has an r before its quotes, r"C:\Users\me\a.wav".
AUDIO_PATH = Path("speechdata/testing/en-allison/70_allison_digits.flac")
MODEL_PATH = Path("my_model_for_many_data.h5")
OUTPUT_PATH = Path("reconstruct.wav")
# Where the reconstructions of several recordings go.
OUTPUT_DIR = Path("reconstructed")


@locks_released()
def main() -> None:
    args = parse_arguments()
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.cli.inputs import Batch, duration_s, edited_recordings, load_codec, recordings_of
    from speech_autoencoder.cli.predicting import reconstruct
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.codec.reconstruction import ignore_block
    from speech_autoencoder.model import model_file
    from speech_autoencoder.report.recording_figure import Excerpt

    say = make_say(args.quiet)
    require_suffix(args.output, ".wav")
    paths = recordings_of(args.files) if args.files else edited_recordings(AUDIO_PATH, say)
    is_list = len(paths) > 1 and not args.files and args.output == expanded(OUTPUT_PATH)
    output_dir = args.output_dir or (expanded(OUTPUT_DIR) if is_list else None)
    figure_path = None if output_dir else args.output.with_suffix(".png")
    batch = Batch(paths, output_paths(paths, args.output, output_dir), strict=args.strict)
    encoded = [(output.with_suffix(SUFFIX), is_codec_file) for _, output in batch.pairs] if args.bitrate else []
    batch.require_free(is_sound, args, *encoded, *([(figure_path, is_figure)] if figure_path else []))
    seconds = sum(batch.each(lambda path, output: duration_s(path, salvage=args.salvage)))

    if output_dir is None:
        lock(args.output)
    model = load_codec(args.model) if args.bitrate else model_file.load(args.model)
    encoder = Encoder(model, LatentSearchConfig(steps=0) if args.bitrate else LatentSearchConfig())
    excerpt = Excerpt(paths[0], model.features, salvage=args.salvage) if figure_path else None
    watch = excerpt.watch if excerpt else ignore_block
    with blas_threads(1), make_bar(args.quiet, "reconstructing")(seconds) as bar:
        options = {"bitrate": args.bitrate, "salvage": args.salvage, "watch": watch, "tick": bar.update}
        step = partial(reconstruct, encoder=encoder, **options)
        results = batch.each(step)
    drawn = try_to_draw(figure_path, excerpt.draw, warn) if figure_path and excerpt else []

    sizes = [result for result in results if result]
    if sizes:
        done, output = [path for path, _ in batch.pairs], batch.pairs[0][1]
        where = output.with_suffix(SUFFIX) if len(done) == 1 else output.parent
        describe_encoded(sizes, done, where, args.bitrate, say)
    if output_dir:
        say(f"Wrote {counted(len(results), 'reconstruction')} to {printable(output_dir)}.")
    else:
        say(f"Wrote {listed([args.output, *drawn])}.")
    for path in drawn if not args.no_show else ():
        show_in_window(path)
    batch.end()


def parse_arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = make_parser(__doc__)
    default, default_dir = (str(path).replace("%", "%%") for path in (AUDIO_PATH, OUTPUT_DIR))  # argparse formats it
    parser.add_argument(
        "files", nargs="*", type=to_path, metavar="FILE", help=f"recordings, or folders of them (default: {default})"
    )
    parser.add_argument("--model", type=to_path, default=MODEL_PATH, help="the model's file")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--output", type=to_path, default=OUTPUT_PATH, help="the WAV to write, for one recording")
    where.add_argument(
        "--output-dir",
        type=to_path,
        help="a folder for many WAVs, each under its recording's name; for a list in AUDIO_PATH "
        f"(default: {default_dir})",
    )
    add_strict_option(parser)
    add_salvage_option(parser)
    parser.add_argument(
        "--bitrate", type=positive(float), help=f"kbit/s: also write a {SUFFIX} file, and reconstruct from it"
    )
    parser.add_argument("--no-show", action="store_true", help="open no window with the figure")
    return parser.parse_args()


if __name__ == "__main__":
    run_main(main)

"""Send a recording through the model: reconstruct.wav to listen to, reconstruct.png to look at."""

from pathlib import Path

from speech_autoencoder.cli import command_line as cli
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.system.files import lock, require_writable

# The recording to reconstruct: put the path of your own here, or name it on the command line.
AUDIO_PATH = Path("speechdata/testing/en-allison/70_allison_digits.flac")
MODEL_PATH = Path("my_model_for_many_data.h5")
OUTPUT_PATH = Path("reconstruct.wav")


def main():
    parser = cli.parser(__doc__)
    default = str(AUDIO_PATH).replace("%", "%%")  # argparse reads a % as its own
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=f"recordings (default: {default})")
    parser.add_argument("--model", type=Path, default=MODEL_PATH, help="the model's file")
    parser.add_argument("--output", type=Path, default=OUTPUT_PATH, help="the sound to write, for one recording")
    parser.add_argument("--output-dir", type=Path, help="a folder for many: each under its own name, as WAV")
    parser.add_argument("--bitrate", type=cli.positive(float), help="kbit/s: by way of a .sae file beside the sound")
    parser.add_argument("--no-show", action="store_true", help="open no window with the figure")
    args = parser.parse_args()
    say = cli.sayer(args.quiet)
    cli.require_suffix(args.output, ".wav")
    paths = args.files or [Path(AUDIO_PATH)]  # a path in mere quotes will do too
    outputs = cli.output_paths(paths, args.output, args.output_dir)
    seconds = cli.total_duration_s(paths)
    encoded = [output.with_suffix(".sae") for output in outputs] if args.bitrate else []
    figures = [args.output.with_suffix(".png")] if args.output_dir is None else []
    require_writable(*outputs, *encoded, *figures)
    if args.output_dir is None:
        lock(args.output)

    from speech_autoencoder.codec import recording_codec as codec
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.codec.reconstruction import reconstruct_recording
    from speech_autoencoder.model import model_file
    from speech_autoencoder.report import figures as report

    model = model_file.load(args.model)
    if args.bitrate:
        model.require_entropy(cli.printable(args.model))
    encoder = Encoder(model, LatentSearchConfig(steps=0) if args.bitrate else LatentSearchConfig())
    results = []
    n_threads = 1 if args.bitrate else cli.available_cpus()
    with cli.blas_threads(n_threads), cli.bar(args.quiet, "reconstructing")(seconds) as bar:
        for number, (path, output) in enumerate(zip(paths, outputs, strict=True)):
            excerpt = report.Excerpt(path, model.features)
            if args.bitrate:
                file = encoded[number]
                results.append(codec.encode_recording(path, encoder, file, bitrate=args.bitrate, watch=excerpt.watch))
                codec.decode_recording(file, model, output, InversionConfig(), watch=excerpt.watch, tick=bar.update)
            else:
                reconstruct_recording(path, encoder, InversionConfig(), output, watch=excerpt.watch, tick=bar.update)
            for figure in figures:
                excerpt.draw(figure)
                say(f"Wrote {cli.printable(output)} and {cli.printable(figure)}.")
    if args.bitrate:
        cli.describe_encoded(results, paths, encoded[0] if len(encoded) == 1 else args.output_dir, args.bitrate, say)
    if args.output_dir is not None:
        say(f"Wrote {len(outputs)} reconstructions to {cli.printable(args.output_dir)}.")
    elif not args.no_show:
        report.show(figures[0])


if __name__ == "__main__":
    cli.run(main)

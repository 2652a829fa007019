"""Speech as a small file and back: python -m speech_autoencoder encode IN OUT.sae, decode IN.sae OUT.wav."""

import sys
from functools import partial
from pathlib import Path

from speech_autoencoder.cli import command_line as cli
from speech_autoencoder.codec.container import SUFFIX, read_header
from speech_autoencoder.config import DEFAULT_BITRATE, InversionConfig, LatentSearchConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable, require_writable

MODEL_PATH = Path("my_model_for_many_data.h5")


def main():
    parser, (encode, decode) = cli.parser_of_commands(
        __doc__,
        {
            "encode": f"Recordings -> {SUFFIX} files.",
            "decode": f"{SUFFIX} files -> WAV, with the model that encoded them.",
        },
    )
    for command, what, suffix in ((encode, "recordings", SUFFIX), (decode, f"{SUFFIX} files", ".wav")):
        command.add_argument(
            "files",
            nargs="+",
            type=Path,
            metavar="IN",
            help=f"{what}, or folders of them; OUT{suffix} after a single one",
        )
        where = command.add_mutually_exclusive_group()
        where.add_argument("--output", type=Path, help=f"the {suffix} to write, for one (default: beside it)")
        where.add_argument("--output-dir", type=Path, help="a folder for many: each under its own name")
        command.add_argument("--model", type=Path, default=MODEL_PATH, help="the model's file")
    size = encode.add_mutually_exclusive_group()
    size.add_argument("--bitrate", type=cli.positive(float), help=f"kbit/s (default: {DEFAULT_BITRATE})")
    size.add_argument("--quality", type=int, help="a quality step of the model's, 0 the coarsest, whatever the bitrate")
    args = parser.parse_args()
    (_encode if args.command == "encode" else _decode)(args, cli.sayer(args.quiet))


def _encode(args, say):
    """Nothing; the recordings that args name are encoded."""
    from speech_autoencoder.audio.recordings import find_recordings

    paths, outputs = _plan(args, SUFFIX, find_recordings)
    seconds = cli.total_duration_s(paths)
    require_writable(*outputs)
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.codec.recording_codec import encode_recording

    encoder, results = Encoder(_load(args.model), LatentSearchConfig(steps=0)), []
    bitrate = args.bitrate or (DEFAULT_BITRATE if args.quality is None else None)
    with cli.blas_threads(1), cli.bar(args.quiet, "encoding")(seconds) as bar:
        for path, output in zip(paths, outputs, strict=True):
            results.append(
                encode_recording(path, encoder, output, bitrate=bitrate, quality=args.quality, tick=bar.update)
            )
    where = outputs[0] if len(outputs) == 1 else args.output_dir
    cli.describe_encoded(results, paths, where, bitrate, say)


def _decode(args, say):
    """Nothing; the .sae files that args name are decoded."""
    from speech_autoencoder.audio.recordings import find_recordings

    paths, outputs = _plan(args, ".wav", partial(find_recordings, suffixes={SUFFIX}, what=f"{SUFFIX} file"))
    if args.output is None and args.output_dir is None and outputs[0].exists():
        raise InputError(f"{printable(outputs[0])} is there, and may be the original: name another with --output.")
    seconds = sum(read_header(path).seconds for path in paths)
    require_writable(*outputs)
    from speech_autoencoder.codec.recording_codec import decode_recording

    model = _load(args.model)
    with cli.blas_threads(1), cli.bar(args.quiet, "decoding")(seconds) as bar:
        for path, output in zip(paths, outputs, strict=True):
            decoded = decode_recording(path, model, output, InversionConfig(), tick=bar.update)
    if len(outputs) > 1:
        say(f"Wrote {len(outputs)} recordings to {printable(args.output_dir)}: {seconds:,.2f} s.")
    else:
        say(f"Wrote {printable(output)}: {seconds:,.2f} s at {decoded.sr:,} Hz.")


def _load(path):
    """The model in path, which has an entropy model."""
    from speech_autoencoder.model import model_file

    model = model_file.load(path)
    model.require_entropy(printable(path))
    return model


def _plan(args, suffix, find):
    """(paths to read, paths to write), as many; args.output is set where a lone path was followed by it."""
    files = list(args.files)
    if args.output is None and args.output_dir is None and len(files) == 2 and files[1].suffix == suffix:
        args.output = files.pop()
    paths, names = [], []
    for path in files:
        inside = find(path) if path.is_dir() else None
        paths += [path] if inside is None else [path / name for name in inside]
        names += [Path(path.name)] if inside is None else [Path(name) for name in inside]
    if args.output is not None:
        cli.require_suffix(args.output, suffix)
    if args.output_dir is None and (len(paths) > 1 or files[0].is_dir()):
        raise InputError(f"{len(paths)} files, or a folder, need --output-dir, a folder for what is made of them.")
    if args.output is not None:
        outputs = [args.output]
    elif args.output_dir is not None:
        outputs = [args.output_dir / name.parent / f"{name.stem}{suffix}" for name in names]
    else:
        outputs = [path.parent / f"{path.stem}{suffix}" for path in paths]
    cli.require_own_names(paths, outputs)
    return paths, outputs


if __name__ == "__main__":
    sys.argv[0] = "python -m speech_autoencoder"  # what errors and --help call us
    cli.run(main)

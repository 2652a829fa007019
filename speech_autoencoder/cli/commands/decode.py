"""The command `decode`: .sae files -> recordings."""

import argparse
from functools import partial

from speech_autoencoder.cli.commands.arguments import add_file_options
from speech_autoencoder.cli.origins import is_sound
from speech_autoencoder.cli.outputs import command_paths, require_outputs
from speech_autoencoder.cli.process import blas_threads
from speech_autoencoder.cli.progress import make_bar, make_say
from speech_autoencoder.codec.container import SUFFIX, read_header
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.system.files import printable

HELP = f"Decode {SUFFIX} files as WAV, with the model that encoded them."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the files and the model."""
    add_file_options(parser, f"{SUFFIX} files", output_suffix=".wav")


def run(args: argparse.Namespace) -> None:
    """Decode the files, and report the sound that was written."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.audio.finding import find_recordings
    from speech_autoencoder.cli.inputs import load_codec
    from speech_autoencoder.codec.recording_codec import decode_recording

    paths, outputs = command_paths(
        args.files,
        args.output,
        args.output_dir,
        suffix=".wav",
        find=partial(find_recordings, suffixes={SUFFIX}, what=f"{SUFFIX} file"),
    )
    require_outputs([(output, is_sound) for output in outputs], inputs=[*paths, args.model], overwrite=args.overwrite)
    seconds = sum(read_header(path).seconds for path in paths)
    model, say = load_codec(args.model), make_say(args.quiet)
    with blas_threads(1), make_bar(args.quiet, "decoding")(seconds) as bar:
        for path, output in zip(paths, outputs, strict=True):
            decoded = decode_recording(path, model, output, InversionConfig(), tick=bar.update)
    if len(outputs) > 1:
        say(f"Wrote {len(outputs)} recordings to {printable(args.output_dir)}: {seconds:,.2f} s.")
    else:
        say(f"Wrote {printable(outputs[0])}: {seconds:,.2f} s at {decoded.sr:,} Hz.")

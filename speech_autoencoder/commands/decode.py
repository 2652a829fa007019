"""The command `decode`: .sae files -> recordings."""

import argparse
from functools import partial

from speech_autoencoder.cli.options import add_engine_option
from speech_autoencoder.cli.origins import is_sound
from speech_autoencoder.cli.outputs import command_paths
from speech_autoencoder.cli.process import blas_threads, warn
from speech_autoencoder.cli.progress import make_bar, make_say
from speech_autoencoder.codec.container import SUFFIX, read_header
from speech_autoencoder.commands.arguments import add_file_options
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.system.files import locks_released, printable


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the files and the model."""
    add_file_options(parser, f"{SUFFIX} files", output_suffix=".wav")
    add_engine_option(parser, processes="there are processors")


@locks_released()
def run(args: argparse.Namespace) -> None:
    """Decode the files, and report the sound that was written."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.api.file_batches import shared_batch
    from speech_autoencoder.audio.finding import find_recordings
    from speech_autoencoder.cli.inputs import Batch, load_decoder, named_files
    from speech_autoencoder.codec.files import CODED_S, decode_files
    from speech_autoencoder.codec.recording_codec import decode_recording

    find = partial(find_recordings, suffixes={SUFFIX}, what=f"{SUFFIX} file")
    files = named_files(args.files)
    paths, outputs = command_paths(files, args.output, args.output_dir, suffix=".wav", find=find)
    batch = Batch(paths, outputs, strict=args.strict)
    batch.require_free(is_sound, args.model, overwrite=args.overwrite)
    seconds = batch.each(lambda path, output: read_header(path).seconds)
    model, say = load_decoder(args.model), make_say(args.quiet)
    folder = args.output_dir or outputs[0].parent
    with (
        shared_batch(args.engine, batch, model=args.model, folder=folder, say=say) as shared,
        blas_threads(1),
        make_bar(args.quiet, "decoding")(sum(seconds)) as bar,
    ):
        if shared:
            decode = partial(decode_files, model=shared.model)
            results = shared.write(decode, seconds, most_s=CODED_S, tick=bar.update, warn=warn)
        else:
            options = {"inversion": InversionConfig(), "tick": bar.update}
            results = batch.each(lambda path, output: decode_recording(path, model, output, **options))
    if len(results) > 1:
        total_s = sum(result.n_samples / result.sr for result in results)
        say(f"Wrote {len(results)} recordings to {printable(args.output_dir)}: {total_s:,.2f} s.")
    else:
        (result,) = results
        say(f"Wrote {printable(batch.pairs[0][1])}: {result.n_samples / result.sr:,.2f} s at {result.sr:,} Hz.")
    batch.end()

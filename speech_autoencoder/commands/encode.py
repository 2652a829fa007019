"""The command `encode`: recordings -> .sae files."""

import argparse
from functools import partial

from speech_autoencoder.cli.messages import describe_encoded
from speech_autoencoder.cli.options import add_engine_option, add_salvage_option, positive
from speech_autoencoder.cli.origins import is_codec_file
from speech_autoencoder.cli.outputs import command_paths
from speech_autoencoder.cli.process import blas_threads, warn
from speech_autoencoder.cli.progress import make_bar, make_say
from speech_autoencoder.codec.container import SUFFIX
from speech_autoencoder.commands.arguments import add_file_options
from speech_autoencoder.config import CODEC_SEARCH, DEFAULT_BITRATE, LatentSearchConfig
from speech_autoencoder.engines.engine import THREADS
from speech_autoencoder.system.files import locks_released


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the files, the model, and the size of the outputs."""
    add_file_options(parser, "recordings", output_suffix=SUFFIX)
    add_salvage_option(parser)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--bitrate", type=positive(float), help=f"kbit/s (default: {DEFAULT_BITRATE})")
    size.add_argument("--quality", type=int, help="a quality step of the model, from 0 (the coarsest)")
    parser.add_argument(
        "--no-search",
        action="store_true",
        help="code the encoder's latents as they are, instead of searching for some that are worth their bits: more "
        "than twice as fast, and it sounds worse",
    )
    add_engine_option(parser, processes="there are processors")


@locks_released()
def run(args: argparse.Namespace) -> None:
    """Encode the recordings, and report the bytes that they take."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.api.file_batches import shared_batch
    from speech_autoencoder.audio.finding import find_recordings
    from speech_autoencoder.cli.inputs import Batch, duration_s, load_codec, named_files
    from speech_autoencoder.codec.files import CODED_S, encode_files, expected_s
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.codec.recording_codec import encode_recording

    files, say = named_files(args.files), make_say(args.quiet)
    paths, outputs = command_paths(files, args.output, args.output_dir, suffix=SUFFIX, find=find_recordings)
    batch = Batch(paths, outputs, strict=args.strict)
    batch.require_free(is_codec_file, args.model, overwrite=args.overwrite)
    measure = partial(duration_s, salvage=args.salvage) if args.engine == THREADS else expected_s
    seconds = batch.each(lambda path, output: measure(path))
    search = LatentSearchConfig(steps=0) if args.no_search else CODEC_SEARCH
    encoder = Encoder(load_codec(args.model), search)
    bitrate = args.bitrate or (DEFAULT_BITRATE if args.quality is None else None)
    folder = args.output_dir or outputs[0].parent
    options = {"bitrate": bitrate, "quality": args.quality, "salvage": args.salvage}
    with (
        shared_batch(args.engine, batch, model=args.model, folder=folder, say=say) as shared,
        blas_threads(1),
        make_bar(args.quiet, "encoding")(sum(seconds)) as bar,
    ):
        if shared:
            encode = partial(encode_files, model=shared.model, search=search, **options)
            results = shared.write(encode, seconds, most_s=CODED_S, tick=bar.update, warn=warn)
        else:
            options |= {"tick": bar.update}
            results = batch.each(lambda path, output: encode_recording(path, encoder, output, **options))
    done = [path for path, _ in batch.pairs]
    where = batch.pairs[0][1] if len(done) == 1 else args.output_dir
    describe_encoded(results, done, where, bitrate, say)
    batch.end()

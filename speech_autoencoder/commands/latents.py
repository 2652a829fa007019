"""The command `latents`: recordings -> their latents, for numpy or pandas."""

import argparse
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from speech_autoencoder.cli.options import (
    add_engine_option,
    add_names_option,
    add_salvage_option,
    add_strict_option,
    add_workers_option,
    to_path,
)
from speech_autoencoder.cli.origins import is_latents
from speech_autoencoder.cli.outputs import require_outputs
from speech_autoencoder.cli.process import blas_threads, warn
from speech_autoencoder.cli.progress import Say, make_bar, make_say
from speech_autoencoder.commands.arguments import MODEL_PATH
from speech_autoencoder.config import LatentSearchConfig
from speech_autoencoder.engines.engine import THREADS
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.remote_path import RemotePath, joined
from speech_autoencoder.system.files import lock, locks_released, printable
from speech_autoencoder.system.locks import hidden_beside
from speech_autoencoder.system.wording import counted, duration

if TYPE_CHECKING:
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.data.recording_names import Understanding
    from speech_autoencoder.data.recordings import Recordings
    from speech_autoencoder.export.recording_latents import Result

OUTPUT_PATH = Path("latents.npz")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the recordings, the model, and how latents are found."""
    parser.add_argument("files", nargs="*", type=to_path, metavar="IN", help="recordings, or folders of them")
    parser.add_argument(
        "--audio-list", type=to_path, metavar="FILE", help="a table of recordings, or of parts of them, in their place"
    )
    parser.add_argument("--output", type=to_path, default=OUTPUT_PATH, help="the .npz or .parquet to write")
    parser.add_argument("--model", type=to_path, default=MODEL_PATH, help="the model's file")
    parser.add_argument(
        "--no-search",
        action="store_true",
        help="the encoder's latents as they are, some forty times faster; otherwise they are improved by the search "
        "that predictions use, for a closer reconstruction",
    )
    add_names_option(parser)
    add_workers_option(parser)
    add_engine_option(parser)
    add_strict_option(parser)
    add_salvage_option(parser)


@locks_released()
def run(args: argparse.Namespace) -> None:
    """Write the latents, and report what they are."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.cli.inputs import Batch
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.data import recording_names
    from speech_autoencoder.export import latents_file
    from speech_autoencoder.model import model_file

    say = make_say(args.quiet)
    latents_file.require_format(args.output)
    corpora = _corpora(args, say)
    read = [_understand(recordings, args.names, say) for recordings in corpora]
    paths = [joined(recordings.folder, name) for recordings in corpora for name in recordings.names]
    inputs = [recordings.path(name) for recordings in corpora for name in recordings.names]
    inputs += [args.model, *([args.audio_list] if args.audio_list else [])]
    require_outputs([(args.output, is_latents)], inputs=inputs, overwrite=args.overwrite)
    lock(args.output)
    search = LatentSearchConfig(steps=0) if args.no_search else LatentSearchConfig()
    encoder = Encoder(model_file.load(args.model), search)
    batch = Batch(paths, [args.output] * len(paths), strict=args.strict)
    with (
        blas_threads(1),
        make_bar(args.quiet, "encoding")(len(paths)) as bar,
        latents_file.writing(args.output, encoder) as table,
        _results(args, corpora, encoder, folder=table.folder, tick=bar.update, say=say) as results,
    ):
        told = chain.from_iterable(zip(found.speakers, found.labels, strict=True) for found in read)

        def added() -> Generator[InputError | None]:
            for path, found, (speaker, label) in zip(paths, results, told, strict=True):
                if isinstance(found, InputError):
                    yield found
                    continue
                if found.note:
                    warn(f"{printable(path)}: {found.note}")
                table.add(found, speaker=speaker, label=label)
                yield None

        batch.each_by(added())
    columns = table.columns
    seconds = sum(n / sr for n, sr in zip(columns["n_samples"], columns["sr"], strict=True))
    say(
        f"Wrote {printable(args.output)}: {counted(len(columns['path']), 'recording')}, {duration(seconds)}, as "
        f"{counted(sum(columns['n_latents']), 'latent')} of {counted(table.latent_size, 'value')}."
    )
    for recordings, found in zip(corpora, read, strict=True):
        say(recording_names.describe(found, recordings.names))
    batch.end()


@contextmanager
def _results(
    args: argparse.Namespace,
    corpora: list["Recordings"],
    encoder: "Encoder",
    *,
    folder: Path,
    tick: Callable[[float], object],
    say: Say,
) -> Iterator[Generator["Result"]]:
    """Lend the latents of each recording, computed in threads or by another engine; `folder` is for temporary files."""
    from speech_autoencoder.api.engines import engine_of
    from speech_autoencoder.export.latents_by_engine import encode_by_engine
    from speech_autoencoder.export.recording_latents import encode_recordings
    from speech_autoencoder.model.model_reference import ModelReference

    if args.engine == THREADS:
        options = {"salvage": args.salvage, "workers": args.workers, "tick": tick}
        with closing(encode_recordings(corpora, encoder, folder=folder, **options)) as results:
            yield results
        return
    model = ModelReference.of(args.model)
    first = corpora[0].path(corpora[0].names[0])
    reads = [first, *([model.path] if model.path else [])]
    with hidden_beside(folder / "latents", folder=True) as working:
        try:
            with (
                engine_of(args.engine, workers=args.workers, say=say, reads=reads, writes=[working]) as engine,
                closing(
                    encode_by_engine(
                        engine, corpora, model, encoder.config, folder=working, salvage=args.salvage, tick=tick
                    )
                ) as results,
            ):
                yield results
        finally:
            shutil.rmtree(working, ignore_errors=True)


def _corpora(args: argparse.Namespace, say: Say) -> list["Recordings"]:
    """Return the recordings of a list, or of each folder, and those that are named singly as if they were a folder."""
    from speech_autoencoder.api.datasets import find_recordings  # not before --help: NumPy
    from speech_autoencoder.cli.inputs import named_files
    from speech_autoencoder.data.recordings import Recordings

    if bool(args.files) == bool(args.audio_list):
        raise InputError(
            "Name recordings or folders of them, or a list of recordings with --audio-list: one of the two."
        )
    if args.audio_list:
        return [find_recordings(None, args.audio_list, None, say, strict=args.strict)]
    files = named_files(args.files)
    corpora = [Recordings.of_folder(path) for path in files if path.is_dir()]
    single = [path for path in files if not path.is_dir()]
    if single:
        try:
            folder = Path(os.path.commonpath([path.parent for path in single]))
            names = [path.relative_to(folder).as_posix() for path in single]
        except ValueError:  # some paths are absolute, or on another drive, and some are not
            folder, names = Path(), [path.as_posix() for path in single]
        remote = {name: path for name, path in zip(names, single, strict=True) if isinstance(path, RemotePath)}
        corpora.append(Recordings(folder, names, addresses=remote))
    seen: set[Path] = set()
    distinct = []
    for recordings in corpora:
        names = [name for name in dict.fromkeys(recordings.names) if recordings.path(name) not in seen]
        seen |= {recordings.path(name) for name in names}
        if names:
            distinct.append(replace(recordings, names=names))
    return distinct


def _understand(recordings: "Recordings", pattern: str | None, say: Say) -> "Understanding":
    """Return the speakers and labels: those of the list, or as a pattern, labels.csv or the names tell."""
    from speech_autoencoder.api.datasets import read_names  # as above
    from speech_autoencoder.data.labels_file import find_labels, read_labels

    folder = None if recordings.listed_in else recordings.folder
    found = recordings.understand(partial(read_names, audio_dir=folder, pattern=pattern, training_array=None))
    path = find_labels(folder) if folder and pattern is None else None
    table = read_labels(path) if path else None
    if table is None or "label" not in table.columns:
        return found
    labels = table.values("label", recordings.names, say)
    return replace(found, labels=[labels.get(name, "") for name in recordings.names])

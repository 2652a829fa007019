"""The command `latents`: recordings -> their latents, for numpy or pandas."""

import argparse
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from speech_autoencoder.cli.options import (
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
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import lock, locks_released, printable
from speech_autoencoder.system.wording import counted, duration

if TYPE_CHECKING:
    from speech_autoencoder.data.recording_names import Understanding

HELP = "Write the latents of recordings as .npz, for numpy, or .parquet, for pandas."
OUTPUT_PATH = Path("latents.npz")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the recordings, the model, and how latents are found."""
    parser.add_argument("files", nargs="+", type=to_path, metavar="IN", help="recordings, or folders of them")
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
    add_strict_option(parser)
    add_salvage_option(parser)


@locks_released()
def run(args: argparse.Namespace) -> None:
    """Write the latents, and report what they are."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.cli.inputs import Batch, named_files
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.data import recording_names
    from speech_autoencoder.export import latents_file
    from speech_autoencoder.model import model_file

    say = make_say(args.quiet)
    latents_file.require_format(args.output)
    corpora = _corpora(named_files(args.files))
    read = [_understand(folder, names, args.names, say) for folder, names in corpora]
    told: dict[Path, tuple[str, str]] = {}
    for (folder, names), found in zip(corpora, read, strict=True):
        for name, speaker, label in zip(names, found.speakers, found.labels, strict=True):
            told.setdefault(folder / name, (speaker, label))
    paths = list(told)
    require_outputs([(args.output, is_latents)], inputs=[*paths, args.model], overwrite=args.overwrite)
    lock(args.output)
    search = LatentSearchConfig(steps=0) if args.no_search else LatentSearchConfig()
    encoder = Encoder(model_file.load(args.model), search)
    batch = Batch(paths, [args.output] * len(paths), strict=args.strict)
    with (
        blas_threads(1),
        make_bar(args.quiet, "encoding")(len(paths)) as bar,
        latents_file.writing(args.output, encoder) as table,
    ):
        options = {"salvage": args.salvage, "workers": args.workers, "tick": bar.update}
        with closing(latents_file.encode_files(paths, encoder, folder=table.folder, **options)) as results:

            def add(path: Path, _: Path) -> None:
                found = next(results)
                if isinstance(found, InputError):
                    raise found
                if found.recording.note:
                    warn(f"{printable(path)}: {found.recording.note}")
                speaker, label = told[path]
                table.add(found, speaker=speaker, label=label)

            batch.each(add)
    columns = table.columns
    seconds = sum(n / sr for n, sr in zip(columns["n_samples"], columns["sr"], strict=True))
    say(
        f"Wrote {printable(args.output)}: {counted(len(columns['path']), 'recording')}, {duration(seconds)}, as "
        f"{counted(sum(columns['n_latents']), 'latent')} of {counted(table.latent_size, 'value')}."
    )
    for (_, names), found in zip(corpora, read, strict=True):
        say(recording_names.describe(found, names))
    batch.end()


def _corpora(files: list[Path]) -> list[tuple[Path, list[str]]]:
    """Return the folders of recordings, and the names in each; recordings that are named singly are one such folder."""
    from speech_autoencoder.audio.finding import find_recordings  # not before --help: NumPy

    corpora = [(path, find_recordings(path)) for path in files if path.is_dir()]
    single = [path for path in files if not path.is_dir()]
    if single:
        try:
            folder = Path(os.path.commonpath([path.parent for path in single]))
            names = [path.relative_to(folder).as_posix() for path in single]
        except ValueError:  # some paths are absolute, or on another drive, and some are not
            folder, names = Path(), [path.as_posix() for path in single]
        corpora.append((folder, names))
    return corpora


def _understand(folder: Path, names: list[str], pattern: str | None, say: Say) -> "Understanding":
    """Return the speakers and labels of the recordings in a folder: as a pattern, labels.csv or their names tell."""
    from speech_autoencoder.api.datasets import read_names  # as above
    from speech_autoencoder.data.labels_file import find_labels, read_labels

    found = read_names(names, audio_dir=folder, pattern=pattern, training_array=None)
    path = find_labels(folder) if pattern is None else None
    table = read_labels(path) if path else None
    if table is None or "label" not in table.columns:
        return found
    labels = table.values("label", names, say)
    return replace(found, labels=[labels.get(name, "") for name in names])

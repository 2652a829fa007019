"""What the two generators do: a folder of recordings -> an array of clips. To be imported after --help: needs NumPy."""

import argparse
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.cli.messages import describe_left_out
from speech_autoencoder.cli.origins import is_array, is_sidecar
from speech_autoencoder.cli.outputs import require_outputs, require_suffix
from speech_autoencoder.cli.process import blas_threads
from speech_autoencoder.cli.progress import make_progress, make_say
from speech_autoencoder.config import FeatureConfig, preset
from speech_autoencoder.data import building, corpus_summary, dataset, recording_names
from speech_autoencoder.data.labels_file import find_labels, read_labels
from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import lock, printable
from speech_autoencoder.system.wording import counted, duration


def features_of_preset(name: str, audio_dir: Path) -> FeatureConfig:
    """Return the features of a preset; those of `fine` depend on the most common sample rate in `audio_dir`."""
    return preset(name, building.most_common_rate(audio_dir) if name == "fine" else 0)


def read_names(names: list[str], *, audio_dir: Path, pattern: str | None, training_array: Path | None) -> Understanding:
    """Return what the names of recordings tell: as a pattern or labels.csv says, as in training, or as they show.

    `training_array` is the array whose names those of testing are likely to follow.
    """
    if pattern is not None:
        return recording_names.understand(names, pattern)
    training = dataset.understanding_of(training_array) if training_array else None
    told = recording_names.understand_as(names, training) if training else recording_names.understand(names)
    path = find_labels(audio_dir)
    try:
        table = read_labels(path) if path else None
    except InputError:
        return told  # an evaluation, which needs the file, reports it
    if table is None or "speaker" not in table.columns:
        return told
    speakers = table.values("speaker", names)
    return replace(told, speakers=[speakers.get(name, "") for name in names], pattern="", source="table")


def generate(
    args: argparse.Namespace,
    features: FeatureConfig,
    *,
    inputs: Iterable[Path] = (),
    for_training: bool = False,
    training_array: Path | None = None,
) -> None:
    """Write the array that the arguments ask for, and report what is in it.

    `inputs` are the files besides the recordings that were read. For training, the report also describes the
    recordings, with warnings and a suggested training time. For testing, `training_array` tells how names are read.
    """
    say = make_say(args.quiet)
    require_suffix(args.output, ".npy")
    # Arrays are no recordings: only a file that is not ours can be one.
    recordings = (args.audio_dir / name for name in find_recordings(args.audio_dir)) if args.overwrite else ()
    require_outputs(
        [(args.output, is_array), (dataset.sidecar_path(args.output), is_sidecar)],
        inputs=chain(inputs, recordings),
        overwrite=args.overwrite,
    )
    lock(args.output)
    with blas_threads(1):
        summary = building.build(
            args.audio_dir,
            args.output,
            features,
            workers=args.workers,
            strict=args.strict,
            salvage=args.salvage,
            read_names=partial(read_names, audio_dir=args.audio_dir, pattern=args.names, training_array=training_array),
            progress=make_progress(args.quiet, "features"),
        )
    shape = (summary.n_clips, features.n_mels, features.n_frames, 1)
    content = (
        f"{counted(summary.n_recordings, 'recording')}, {duration(summary.seconds)}, "
        f"as {counted(summary.n_clips, 'clip')} ({100 * summary.fill:.0f} % sound, the rest padding)"
    )
    if not summary.written:
        say(f"Nothing has changed: {printable(args.output)} holds {content}.")
    else:
        say(f"Wrote {printable(args.output)} {shape} and {printable(dataset.sidecar_path(args.output))}: {content}.")
        verb = "was" if summary.n_computed == 1 else "were"
        say(
            f"{counted(summary.n_computed, 'recording')} {verb} new or had changed; "
            f"preset {features.preset}, {features.sr:,} Hz."
        )
    describe_left_out(summary.left_out, "left out", say)
    for name, note in summary.notes.items():
        say(f"{printable(args.audio_dir / name)}: {note}")
    columns = summary.columns
    warnings = corpus_summary.warn_if_small(columns["n_samples"], columns["sr"])
    say(recording_names.describe(summary.understanding, summary.columns["path"]))
    for line in corpus_summary.describe(columns) if for_training else warnings:
        say(line)

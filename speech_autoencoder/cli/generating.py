"""What the two generators do: a folder of recordings -> an array of clips. To be imported after --help: needs NumPy."""

import argparse
from pathlib import Path

from speech_autoencoder.cli.messages import describe_left_out
from speech_autoencoder.cli.outputs import require_suffix
from speech_autoencoder.cli.process import blas_threads
from speech_autoencoder.cli.progress import make_progress, make_say
from speech_autoencoder.config import FeatureConfig, preset
from speech_autoencoder.data import building, corpus_summary, dataset
from speech_autoencoder.system.files import lock, printable
from speech_autoencoder.system.wording import counted


def features_of_preset(name: str, audio_dir: Path) -> FeatureConfig:
    """Return the features of a preset; those of `fine` depend on the most common sample rate in `audio_dir`."""
    return preset(name, building.most_common_rate(audio_dir) if name == "fine" else 0)


def generate(args: argparse.Namespace, features: FeatureConfig, *, for_training: bool = False) -> None:
    """Write the array that the arguments ask for, and report what is in it.

    For training, the report also describes the recordings, with warnings and a suggested training time.
    """
    say = make_say(args.quiet)
    require_suffix(args.output, ".npy")
    lock(args.output)
    with blas_threads(1):
        summary = building.build(
            args.audio_dir,
            args.output,
            features,
            workers=args.workers,
            strict=args.strict,
            progress=make_progress(args.quiet, "features"),
        )
    shape = (summary.n_clips, features.n_mels, features.n_frames, 1)
    content = (
        f"{counted(summary.n_recordings, 'recording')}, {summary.seconds / 60:.1f} minutes, "
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
    for line in corpus_summary.describe(summary.columns) if for_training else ():
        say(line)

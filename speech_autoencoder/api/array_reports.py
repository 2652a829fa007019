"""What is reported of an array that was made."""

from pathlib import Path

from speech_autoencoder.cli.messages import describe_left_out
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.data import corpus_summary, dataset, recording_names
from speech_autoencoder.data.building import Summary
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.data.sidecar.json_file import columns_path
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.wording import counted, duration, listed


def describe_array(
    summary: Summary,
    recordings: Recordings,
    path: Path,
    features: FeatureConfig,
    say: Say,
    *,
    of: str = "",
) -> None:
    """Report what is in an array, what was left out of it, and what is to be said of its recordings.

    `of` says which part it is, or how many it has.
    """
    shape = (summary.n_clips, features.n_mels, features.n_frames, 1)
    if not summary.written:
        say(f"Nothing has changed: {printable(path)} holds {content_of(summary)}.")
    else:
        sidecar, columns = dataset.sidecar_path(path), columns_path(path)
        beside = f", {listed([sidecar, columns])}" if columns.exists() else f" and {printable(sidecar)}"
        say(f"Wrote {printable(path)} {shape}{of}{beside}: {content_of(summary)}.")
        verb = "was" if summary.n_computed == 1 else "were"
        say(
            f"{counted(summary.n_computed, 'recording')} {verb} new or had changed; "
            f"preset {features.preset}, {features.sr:,} Hz."
        )
    left_out = [(recordings.file(name), recordings.where(name) + reason) for name, reason in summary.left_out]
    describe_left_out(left_out, "left out", say)
    for name, note in summary.notes.items():
        say(f"{printable(recordings.path(name))}: {note}")


def content_of(summary: Summary) -> str:
    """Return how much an array holds."""
    return (
        f"{counted(summary.n_recordings, 'recording')}, {duration(summary.seconds)}, "
        f"as {counted(summary.n_clips, 'clip')} ({100 * summary.fill:.0f} % sound, the rest padding)"
    )


def describe_corpus(summary: Summary, say: Say, *, for_training: bool) -> None:
    """Report what names tell; of an array for training, describe the corpus and suggest a training time."""
    columns = summary.columns
    warnings = corpus_summary.warn_if_small(columns["n_samples"], columns["sr"])
    say(recording_names.describe(summary.understanding, columns["path"]))
    for line in corpus_summary.describe(columns) if for_training else warnings:
        say(line)

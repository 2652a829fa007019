"""What command lines report: the sizes of a latent, a training, encoded files, recordings left out."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from speech_autoencoder.cli.progress import Say
from speech_autoencoder.config import FeatureConfig, ModelConfig
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.wording import counted

if TYPE_CHECKING:  # these take NumPy and TensorFlow, for which --help must not wait
    from speech_autoencoder.codec.recording_codec import Encoded
    from speech_autoencoder.training.loop import Result


def describe_left_out(left_out: list[tuple[str, str]], verb: str, say: Say) -> None:
    """Report the recordings that were not used: (name, reason) each."""
    if left_out:
        say(f"{counted(len(left_out), 'recording')} {'was' if len(left_out) == 1 else 'were'} {verb}:")
        for name, reason in left_out:
            name, reason = printable(name), printable(reason)
            say(f"  {reason}" if name in reason else f"  {name}: {reason}")


def describe_latent(features: FeatureConfig, config: ModelConfig, say: Say) -> None:
    """Report the size of the latent, beside that of the log-mel."""
    latent_rate = config.latent_rate(features)
    log_mel_rate = features.n_mels * features.frame_rate
    say(
        f"Latent: {counted(config.latent_size, 'value')} for {config.frames_per_latent} frames, "
        f"{latent_rate:,.0f} per second; "
        f"the log-mel has {log_mel_rate:,.0f} per second, {log_mel_rate / latent_rate:.1f} times as many."
    )


def describe_training(result: "Result", say: Say, *, can_resume: bool) -> None:
    """Report how a training went, and what to do next."""
    n_done = len(result.history)
    planned = f"{n_done} of {counted(result.n_epochs, 'epoch')}"
    resume = "; continue with --resume" if can_resume else ""
    say(
        {
            "done": f"Trained for {counted(n_done, 'epoch')}.",
            "time": f"The time is up after {planned}.",
            "patience": f"Stopped after {planned}: the validation loss no longer falls.",
            "interrupted": f"Interrupted after {planned}{resume}.",
        }[result.ended]
    )
    best = f"the best epoch is {result.best_epoch}" if result.best_epoch else "no epoch was better than the start"
    say(f"{result.model.network.n_weights:,} weights; {best}.")
    say(
        f"On validation (PCA baseline in brackets): RMS log-mel error {result.best_db:.3f} dB "
        f"({result.baseline_db:.3f} dB), loss {result.best_loss:.4f} ({result.baseline_loss:.4f})."
    )
    codec = result.model.description["codec"]
    if codec:
        low, high = codec["kbits"]
        say(f"As a codec, it takes {low:.2f} to {high:.2f} kbit/s, in {codec['qualities']} quality steps.")


def describe_encoded(results: "list[Encoded]", paths: list[Path], where: Path, bitrate: float | None, say: Say) -> None:
    """Report the size of encoded files.

    Parameters
    ----------
    results, paths
        What the recordings became, and where they are.
    where
        The file that was written, or the folder of several.
    bitrate
        The bitrate (kbit/s) that was asked for, if any.
    """
    n_bytes, seconds = sum(result.n_bytes for result in results), sum(result.seconds for result in results)
    original_bytes = sum(path.stat().st_size for path in paths)
    files = printable(where) if len(paths) == 1 else f"{len(paths)} files to {printable(where)}"
    originals = printable(paths[0]) if len(paths) == 1 else "the recordings"
    say(
        f"Wrote {files}: {n_bytes:,} bytes for {seconds:,.2f} s, {8 * n_bytes / seconds / 1_000:.2f} kbit/s, "
        f"{original_bytes / n_bytes:.1f} times smaller than {originals} ({original_bytes:,} bytes); "
        f"quality {_range('step', (quality for result in results for quality in result.qualities))}."
    )
    n_missed = sum(not result.is_within for result in results)
    if n_missed:
        verb = "takes" if n_missed == 1 else "take"
        recordings = counted(len(results), "recording")
        say(f"{n_missed} of {recordings} {verb} more than {bitrate} kbit/s even at the coarsest quality step.")


def _range(noun: str, values: Iterable[int]) -> str:
    """Return "step 3" or "steps 3 to 7"."""
    values = set(values)
    low, high = min(values), max(values)
    return f"{noun} {low}" if low == high else f"{noun}s {low} to {high}"

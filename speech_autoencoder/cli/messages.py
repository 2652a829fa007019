"""What command lines report: the sizes of a latent, a training, encoded files, recordings left out."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from speech_autoencoder.audio.formats.kinds import of_those_that_need_pyav
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.config import START_LEARNING_RATE, FeatureConfig, ModelConfig, TrainingConfig
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.memory import in_words
from speech_autoencoder.system.wording import counted

# Rates that differ by less than this share count as the same.
_SAME_RATE = 0.05
# Times the time budget from which a training took much longer.
_MUCH_LONGER = 1.5
# dB of the PCA baseline's error below which it is nearly exact.
_EXACT_DB = 0.1

if TYPE_CHECKING:  # these take NumPy and TensorFlow, for which --help must not wait
    from speech_autoencoder.codec.recording_codec import Encoded
    from speech_autoencoder.training.result import Result


def describe_left_out(left_out: list[tuple[str, str]], verb: str, say: Say) -> None:
    """Report the recordings that were not used: (name, reason) each."""
    if left_out:
        say(f"{counted(len(left_out), 'recording')} {'was' if len(left_out) == 1 else 'were'} {verb}:")
        waiting, sentence = of_those_that_need_pyav(left_out)
        if len(waiting) > 1:
            say(f"  {printable(sentence)}")
        for name, reason in left_out:
            if name in waiting and len(waiting) > 1:
                continue
            name, reason = printable(name), printable(reason)
            say(f"  {reason}" if name in reason else f"  {name}: {reason}")


def describe_latent(features: FeatureConfig, config: ModelConfig, say: Say, *, asked: float | None = None) -> None:
    """Report the size of the latent, beside that of the log-mel, and beside the rate that was asked for, if any."""
    latent_rate = config.latent_rate(features)
    log_mel_rate = features.n_mels * features.frame_rate
    say(
        f"Latent: {counted(config.latent_size, 'value')} for {config.frames_per_latent} frames, "
        f"{_rate(latent_rate)} per second; "
        f"the log-mel has {log_mel_rate:,.0f} per second, {log_mel_rate / latent_rate:.1f} times as many."
    )
    one_value = latent_rate / config.latent_size
    if asked and asked < latent_rate * (1 - _SAME_RATE):
        say(
            f"--latent-rate {asked:g} asks for less than this model can give: one value for "
            f"{config.frames_per_latent} frames is {_rate(latent_rate)} per second."
        )
    elif asked and latent_rate < min(asked, log_mel_rate) * (1 - _SAME_RATE):
        say(
            f"--latent-rate {asked:g} is an upper limit: with one value more for {config.frames_per_latent} frames, it "
            f"would be {_rate(latent_rate + one_value)} per second."
        )
    if config.latent_size == features.n_mels * config.frames_per_latent:
        say(
            "The latent is no smaller than the log-mel that it encodes: nothing is compressed, and PCA alone is exact; "
            f"choose a --latent-rate far below {log_mel_rate:.0f}{f', not {asked:g}' if asked else ''}."
        )


def describe_training(result: "Result", checkpoint_path: Path, say: Say) -> None:
    """Report how a training went, and what to do next."""
    history, training = result.history, result.model.description["training"]
    n_done = len(history)
    planned = f"{n_done} of {counted(result.n_epochs, 'epoch')}"
    resume = "; continue with --resume" if checkpoint_path.exists() else ""
    say(
        {
            "done": f"Trained for {counted(n_done, 'epoch')}.",
            "time": f"The time is up after {planned}.",
            "patience": f"Stopped after {planned}: the validation loss no longer falls.",
            "interrupted": f"Interrupted after {planned}{resume}.",
        }[result.ended]
    )
    minutes = history.minutes[-1]
    if not training["epochs"] and minutes > _MUCH_LONGER * training["minutes"]:
        say(f"--minutes {training['minutes']:g} is less than the start and an epoch take: it took {minutes:.2g}.")
    best = f"the best epoch is {result.best_epoch}" if result.best_epoch else "no epoch was better than the start"
    say(f"{result.model.network.n_weights:,} weights; {best}.")
    codec = result.model.description["codec"]
    if result.ended == "interrupted":
        pass
    elif not result.best_epoch:
        origin = result.model.description.get("started_from")
        same = f"that of {origin['name']}" if origin else "PCA alone"
        say(f"The training has learned nothing, and the model is {same}: {_what_to_change(result, training)}.")
    elif not codec and result.best_loss > result.baseline_loss:
        say(f"The model is worse than the PCA baseline: {_what_to_change(result, training)}.")
    say(
        f"On validation (PCA baseline in brackets): RMS log-mel error {result.best_db:.3f} dB "
        f"({result.baseline_db:.3f} dB), loss {result.best_loss:.4f} ({result.baseline_loss:.4f})."
    )
    if codec:
        low, high = codec["kbits"]
        say(f"As a codec, it takes {low:.2f} to {high:.2f} kbit/s, in {result.model.n_qualities} quality steps.")
    if result.ended != "interrupted" and resume:
        longer = math.ceil(2 * max(minutes, training["minutes"]))
        more = f"--epochs {2 * n_done}" if training["epochs"] else f"--minutes {longer}"
        size = in_words(checkpoint_path.stat().st_size)
        say(f"--resume {more} continues this training; only that needs {printable(checkpoint_path)} ({size}).")


def _what_to_change(result: "Result", training: dict) -> str:
    """Return what to do about a training that was not worth it, as far as its settings tell why."""
    default = START_LEARNING_RATE if result.model.description.get("started_from") else TrainingConfig.learning_rate
    rate = training["learning_rate"]
    if result.baseline_db < _EXACT_DB:
        return "PCA is nearly exact with such a large latent; use a lower --latent-rate"
    if rate != default:
        return (
            f"--learning-rate {rate:g} may be too {'high' if rate > default else 'low'}; try the default, {default:g}"
        )
    return "train for longer (--minutes), or on more recordings"


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
    if bitrate is None:
        return
    n_missed = sum(not result.is_within for result in results)
    n_finest = sum(result.is_finest for result in results)
    recordings = counted(len(results), "recording")
    if n_missed:
        verb = "takes" if n_missed == 1 else "take"
        say(f"{n_missed} of {recordings} {verb} more than {bitrate:g} kbit/s even at the coarsest quality step.")
    if n_finest:
        verb = "takes" if n_finest == 1 else "take"
        most = max(result.bitrate for result in results if result.is_finest)
        say(
            f"{n_finest} of {recordings} {verb} less than the {bitrate:g} kbit/s that were asked for: the finest "
            f"quality step needs no more than {most:.2f}."
        )


def _rate(value: float) -> str:
    """Return a rate with as many digits as matter."""
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"


def _range(noun: str, values: Iterable[int]) -> str:
    """Return "step 3" or "steps 3 to 7"."""
    values = set(values)
    low, high = min(values), max(values)
    return f"{noun} {low}" if low == high else f"{noun}s {low} to {high}"

"""What a training is asked to be, settled before the backend starts, but for what its devices decide."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from speech_autoencoder.api.arguments import optional
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.config import (
    CODEC_LATENT_RATE,
    DEFAULT_SIZE,
    GPU_BATCH_SIZE,
    LATENT_RATE,
    SIZES,
    VALIDATION_SPLITS,
    CodecConfig,
    FeatureConfig,
    ModelConfig,
    TrainingConfig,
    model_config,
    size_of,
)
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.memory import available_bytes, in_words
from speech_autoencoder.training.batches import most_sequences, training_bytes
from speech_autoencoder.training.checkpoints import BUDGET, Settings, read_settings

_NUMBERS: dict[str, type] = {
    "minutes": float,
    "epochs": int,
    "latent_rate": float,
    "batch_size": int,
    "learning_rate": float,
    "patience": int,
    "seed": int,
}


@dataclass(frozen=True)
class Options:
    """What is asked for; None where the default is wanted, or what the checkpoint has. See `api.training.train`."""

    minutes: float | None = None
    epochs: int | None = None
    latent_rate: float | None = None
    size: str | None = None
    codec: bool = False
    batch_size: int | None = None
    learning_rate: float | None = None
    patience: int | None = None
    validation: str | None = None
    seed: int | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        for name, kind in _NUMBERS.items():
            value = optional(f"--{name.replace('_', '-')}", getattr(self, name), kind, is_positive=name != "seed")
            object.__setattr__(self, name, value)
        if self.minutes and self.epochs:
            raise InputError("argument --epochs: not allowed with argument --minutes.")
        if self.codec and self.patience:
            raise InputError(
                "argument --patience: not allowed with argument --codec, which trains for all of its epochs."
            )
        for name, allowed in (("size", SIZES), ("validation", VALIDATION_SPLITS)):
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise InputError(f"--{name} is {value!r}: expected one of {', '.join(allowed)}.")


class Choice(NamedTuple):
    """What a training is to be: the arguments of `loop.train` that options determine."""

    config: TrainingConfig
    model: ModelConfig
    codec: CodecConfig | None
    validation: str


def choose(asked: Options, dataset: Dataset, array_path: Path, checkpoint_path: Path, say: Say) -> Choice:
    """Return what is asked for; with `resume`, what is not asked for is that of the checkpoint.

    Parameters
    ----------
    array_path, checkpoint_path
        What messages call the array, and where the training is resumed from.

    Raises
    ------
    InputError
        If the checkpoint cannot be resumed with these options, or training would take more memory than there is.
    """
    stored = read_settings(checkpoint_path) if asked.resume else None
    if stored and (stored.data, stored.features) != (dataset.fingerprint, dataset.features):
        raise InputError(
            f"{printable(checkpoint_path)} belongs to another array than {printable(array_path)}, or other recordings "
            "in it: resume with the array that it was trained on (--data), or train without --resume."
        )
    base = stored.training if stored else TrainingConfig()
    codec = (stored.codec if stored else None) or (CodecConfig() if asked.codec else None)
    model = _model_of(asked, dataset.features, stored, is_codec=codec is not None)
    validation = asked.validation or (stored.validation if stored else "") or VALIDATION_SPLITS[0]
    given = {key: getattr(asked, key) for key in ("batch_size", "learning_rate", "patience", "seed")}
    if asked.minutes or asked.epochs:
        given |= {"minutes": asked.minutes or TrainingConfig.minutes, "epochs": asked.epochs or 0}
    try:
        config = replace(base, **{key: value for key, value in given.items() if value is not None})
    except InputError as error:  # "learning_rate is ..."
        raise InputError(f"--{str(error).replace('_', '-', 1)}") from error
    config = _fit(config, dataset, model, say, is_codec=codec is not None)
    choice = Choice(config, model, codec, validation)
    if stored:
        _require_resumable(asked, choice, stored, checkpoint_path)
        _describe_resumed(choice, stored, checkpoint_path, say)
    return choice


def suit_devices(
    choice: Choice, asked: Options, dataset: Dataset, accelerators: list[str], n_devices: int, say: Say
) -> Choice:
    """Return the choice with a batch for the devices that compute, which are reported if they are accelerators.

    Parameters
    ----------
    accelerators
        Their names.
    n_devices
        How many devices, these or processors, share a batch.

    Raises
    ------
    InputError
        If a batch cannot be shared.
    """
    config = choice.config
    if accelerators:
        counts = {name: accelerators.count(name) for name in accelerators}
        names = [f"{count} x {printable(name)}" if count > 1 else printable(name) for name, count in counts.items()]
        if asked.batch_size is None and not asked.resume:
            most = most_sequences(dataset, choice.model.frames_per_latent)
            size = max(config.batch_size, min(GPU_BATCH_SIZE, most))
            config = replace(config, batch_size=max(1, size // n_devices) * n_devices)
        say(f"Computing on {' and '.join(names)}, with --batch-size {config.batch_size}.")
    if config.batch_size % n_devices:
        smaller = max(1, config.batch_size // n_devices) * n_devices
        raise InputError(
            f"--batch-size {config.batch_size} cannot be shared by {n_devices} devices: choose a multiple of "
            f"{n_devices}, such as {smaller}."
        )
    return choice._replace(config=config)


def _model_of(asked: Options, features: FeatureConfig, stored: Settings | None, *, is_codec: bool) -> ModelConfig:
    """Return the model that is asked for; what is not asked for is that of the checkpoint."""
    if not stored:
        rate = asked.latent_rate or (CODEC_LATENT_RATE if is_codec else LATENT_RATE)
        return model_config(features, rate, asked.size or DEFAULT_SIZE)
    if not (asked.latent_rate or asked.size):
        return stored.model
    rate = asked.latent_rate or stored.model.latent_rate(features)
    return model_config(features, rate, asked.size or size_of(stored.model) or DEFAULT_SIZE)


def _fit(config: TrainingConfig, dataset: Dataset, model: ModelConfig, say: Say, *, is_codec: bool) -> TrainingConfig:
    """Return the configuration with a batch no larger than the corpus; refuse one larger than the memory.

    A batch of the default size is kept: on a small corpus, it holds the recordings more than once, each time varied.
    """
    most = max(most_sequences(dataset, model.frames_per_latent), TrainingConfig.batch_size)
    if config.batch_size > most:
        say(f"--batch-size {config.batch_size:,} is more than the recordings fill: a step takes {most:,} sequences.")
        config = replace(config, batch_size=most)
    available = available_bytes()
    sizes = (config.batch_size, 1, 0)
    needed, one, none = (training_bytes(dataset.features, model, n, is_codec=is_codec) for n in sizes)
    if needed > available:
        fitting = int((available - none) / (one - none))
        next_steps = [f"choose --batch-size {fitting} or less" if fitting >= 1 else "close other programs"]
        if size_of(model) != DEFAULT_SIZE:
            next_steps.append(f"or train with --size {DEFAULT_SIZE}")
        raise InputError(
            f"Training with --batch-size {config.batch_size} takes about {in_words(needed)} of memory, of which "
            f"{in_words(available)} {'is' if available < 2e9 else 'are'} available: {', '.join(next_steps)}."
        )
    return config


def _require_resumable(asked: Options, choice: Choice, stored: Settings, checkpoint_path: Path) -> None:
    """Raise InputError, with the options that differ, if the checkpoint's training is another one."""
    differing = [f"{given} (it has {before})" for given, before in _fixed_options_that_differ(asked, choice, stored)]
    if differing:
        raise InputError(
            f"{printable(checkpoint_path)} cannot be resumed with {', '.join(differing)}: leave this out, or train "
            "anew without --resume."
        )


def _fixed_options_that_differ(asked: Options, choice: Choice, stored: Settings) -> Iterator[tuple[str, str]]:
    """Yield (the option, the checkpoint's value) of each option that was given and cannot change."""
    if asked.codec and not stored.codec:
        yield "--codec", "none"
    now, before = choice.model, stored.model
    if size_of(now) != size_of(before):
        yield f"--size {size_of(now)}", size_of(before) or "one that this version does not have"
    if (now.frames_per_latent, now.latent_size) != (before.frames_per_latent, before.latent_size):
        yield f"--latent-rate {asked.latent_rate:g}", _latent_rate_of(stored)
    for key in ("batch_size", "learning_rate", "seed"):
        before, now = getattr(stored.training, key), getattr(choice.config, key)
        if before != now:
            yield f"--{key.replace('_', '-')} {now:g}", f"{before:g}"
    if stored.validation and choice.validation != stored.validation:
        yield f"--validation {choice.validation}", stored.validation


def _describe_resumed(choice: Choice, stored: Settings, checkpoint_path: Path, say: Say) -> None:
    """Report the options of a training that is resumed, and how its budget changes."""
    config, before = choice.config, stored.training
    size = size_of(stored.model)
    options = [
        *(["--codec"] if stored.codec else []),
        f"--latent-rate {_latent_rate_of(stored)}",
        *([f"--size {size}"] if size else []),
        f"--batch-size {before.batch_size} --learning-rate {before.learning_rate:g} --validation {choice.validation}",
        f"--seed {before.seed}",
        *_budget_options(before),
    ]
    line = f"Options of {printable(checkpoint_path)}: {' '.join(options)}."
    if any(getattr(before, key) != getattr(config, key) for key in BUDGET):
        line = f"{line[:-1]}; now {' '.join(_budget_options(config))}."
    say(line)


def _budget_options(config: TrainingConfig) -> list[str]:
    """Return the options that say how long training may take."""
    budget = f"--epochs {config.epochs}" if config.epochs else f"--minutes {config.minutes:g}"
    return [budget, f"--patience {config.patience}"]


def _latent_rate_of(stored: Settings) -> str:
    """Return the --latent-rate that gives this model: rounded up, it is below that of the next larger one."""
    return str(math.ceil(stored.model.latent_rate(stored.features)))

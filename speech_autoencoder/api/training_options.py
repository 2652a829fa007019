"""What a training is asked to be, settled before the backend starts, but for what its devices decide."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from speech_autoencoder.api.arguments import optional
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.config import (
    CODEC_LATENT_RATE,
    DEFAULT_SIZE,
    GPU_BATCH_SIZE,
    LATENT_RATE,
    SIZES,
    START_LEARNING_RATE,
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
from speech_autoencoder.model import model_file
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.network import without_between
from speech_autoencoder.model.origin import origin_of
from speech_autoencoder.script_names import TRAIN_DATA_GENERATOR
from speech_autoencoder.storage.remote_path import RemotePath
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.memory import available_bytes, in_words
from speech_autoencoder.system.wording import counted
from speech_autoencoder.training.batches import most_sequences, training_bytes
from speech_autoencoder.training.checkpoints import BUDGET, Settings, read_settings

# Recordings that are looked for before training.
_MOST_LOOKED_FOR = 100
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
    start_from: Path | None = None

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
    start: TrainedModel | None = None
    started_from: dict[str, Any] | None = None


def choose(
    asked: Options, dataset: Dataset, array_path: Path, checkpoint_path: Path, say: Say, *, between: bool = False
) -> Choice:
    """Return what is asked for; with `resume`, what is not asked for is that of the checkpoint.

    With `start_from`, the network and the features are that model's, and of a codec a codec is made.

    Parameters
    ----------
    array_path, checkpoint_path
        What messages call the array, and where the training is resumed from.
    between
        Whether a new model has the frames between, see `can_have_between`.

    Raises
    ------
    InputError
        If the checkpoint cannot be resumed with these options, the model to start from does not fit them or the array,
        or training would take more memory than there is.
    """
    stored = read_settings(checkpoint_path) if asked.resume else None
    if stored and (stored.data, stored.features) != (dataset.fingerprint, dataset.features):
        raise InputError(
            f"{printable(checkpoint_path)} belongs to another array than {printable(array_path)}, or other recordings "
            "in it: resume with the array that it was trained on (--data), or train without --resume."
        )
    start = started_from = None
    if stored:
        started_from = stored.started_from
    elif asked.start_from:
        start, started_from = _read_start(asked.start_from)
        _require_fitting(asked, start, started_from["name"], dataset.features, array_path)
        _describe_start(start, started_from, say)
    new = TrainingConfig(learning_rate=START_LEARNING_RATE) if start else TrainingConfig()
    base = stored.training if stored else new
    is_codec = asked.codec or bool(start and start.entropy)
    if start and is_codec:
        start = replace(start, network=without_between(start.network))
    codec = (stored.codec if stored else None) or (CodecConfig() if is_codec else None)
    before = stored.model if stored else None
    model = start.config if start else _model_of(asked, dataset.features, before, is_codec=codec is not None)
    if not (stored or start or codec) and dataset.features.lacks_between:
        if between:
            model = replace(model, between=1)
        else:
            say("Most recordings are not on this computer: the model has no frames between those of the array.")
    validation = asked.validation or (stored.validation if stored else "") or VALIDATION_SPLITS[0]
    given = {key: getattr(asked, key) for key in ("batch_size", "learning_rate", "patience", "seed")}
    if asked.minutes or asked.epochs:
        given |= {"minutes": asked.minutes or TrainingConfig.minutes, "epochs": asked.epochs or 0}
    try:
        config = replace(base, **{key: value for key, value in given.items() if value is not None})
    except InputError as error:  # "learning_rate is ..."
        raise InputError(f"--{str(error).replace('_', '-', 1)}") from error
    config = _fit(config, dataset, model, say, is_codec=codec is not None)
    choice = Choice(config, model, codec, validation, start, started_from)
    if stored:
        _require_resumable(asked, choice, stored, checkpoint_path)
        _describe_resumed(choice, stored, checkpoint_path, say)
    return choice


def can_have_between(dataset: Dataset) -> bool:
    """Return whether a model of an array may have the frames between that its features lack.

    They are made of the recordings, of which most must be there, on this computer.
    """
    if not dataset.features.lacks_between or isinstance(dataset.audio_dir, RemotePath):
        return False
    some = range(0, len(dataset.names), max(1, len(dataset.names) // _MOST_LOOKED_FOR))
    return 2 * len(dataset.missing(some)) < len(some)


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


def _read_start(path: Path) -> tuple[TrainedModel, dict[str, Any]]:
    """Return the model to start from, and its `origin_of`."""
    model = model_file.load(path, option="--start-from")
    return model, origin_of(path, model)


def _require_fitting(asked: Options, start: TrainedModel, name: str, features: FeatureConfig, array_path: Path) -> None:
    """Raise InputError unless a training from this model has its features, and no other sizes are asked for."""
    now, before = features.to_json(), start.features.to_json()
    if differing := [key for key in now if now[key] != before[key]]:
        key, preset = differing[0], start.features.preset
        if key == "preset":
            of, remedy = "", f"run {TRAIN_DATA_GENERATOR} --preset {preset}"
        elif key == "sr":
            of, remedy = f" (preset {preset})", f"convert the recordings to {before[key]:,} Hz"
        else:
            of, remedy = f" (preset {preset})", f"run {TRAIN_DATA_GENERATOR} again"
        raise InputError(
            f"{printable(array_path)} was made with {key} {now[key]}, but {name} takes {key} {before[key]}{of}: "
            f"{remedy}, or leave out --start-from."
        )
    sizes = _model_of(asked, features, start.config, is_codec=False)
    if differing := [
        f"{given} (it has {value})" for given, value in _other_sizes(asked, sizes, start.config, features)
    ]:
        raise InputError(
            f"A training from {name} cannot have {', '.join(differing)}: leave this out, or leave out --start-from."
        )


def _describe_start(start: TrainedModel, started_from: dict[str, Any], say: Say) -> None:
    """Report the model that training starts from."""
    data = started_from.get("data")
    count = data.get("n_recordings") if isinstance(data, dict) else None
    of = f", which was trained on {counted(count, 'recording')}" if isinstance(count, int) else ""
    say(f"Starting from {started_from['name']}{of}{'; the new model is a codec, too' if start.entropy else ''}.")


def _model_of(asked: Options, features: FeatureConfig, before: ModelConfig | None, *, is_codec: bool) -> ModelConfig:
    """Return the model that is asked for; what is not asked for is that of the model of before, if there is one."""
    if before is None:
        rate = asked.latent_rate or (CODEC_LATENT_RATE if is_codec else LATENT_RATE)
        return model_config(features, rate, asked.size or DEFAULT_SIZE)
    if not (asked.latent_rate or asked.size):
        return before
    rate = asked.latent_rate or before.latent_rate(features)
    return model_config(features, rate, asked.size or size_of(before) or DEFAULT_SIZE)


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
    if asked.start_from:
        started_from, (_, origin) = stored.started_from, _read_start(asked.start_from)
        if not started_from or started_from["sha256"] != origin["sha256"]:
            yield f"--start-from {origin['name']}", f"another {started_from['name']}" if started_from else "none"
    yield from _other_sizes(asked, choice.model, stored.model, stored.features)
    for key in ("batch_size", "learning_rate", "seed"):
        before, now = getattr(stored.training, key), getattr(choice.config, key)
        if before != now:
            yield f"--{key.replace('_', '-')} {now:g}", f"{before:g}"
    if stored.validation and choice.validation != stored.validation:
        yield f"--validation {choice.validation}", stored.validation


def _other_sizes(
    asked: Options, now: ModelConfig, before: ModelConfig, features: FeatureConfig
) -> Iterator[tuple[str, str]]:
    """Yield (the option, the value of before) of each size that was given and differs."""
    if size_of(now) != size_of(before):
        yield f"--size {size_of(now)}", size_of(before) or "one that this version does not have"
    if (now.frames_per_latent, now.latent_size) != (before.frames_per_latent, before.latent_size):
        yield f"--latent-rate {asked.latent_rate:g}", _latent_rate_of(before, features)


def _describe_resumed(choice: Choice, stored: Settings, checkpoint_path: Path, say: Say) -> None:
    """Report the options of a training that is resumed, and how its budget changes."""
    config, before = choice.config, stored.training
    size = size_of(stored.model)
    options = [
        *(["--codec"] if stored.codec else []),
        *([f"--start-from {choice.started_from['name']}"] if choice.started_from else []),
        f"--latent-rate {_latent_rate_of(stored.model, stored.features)}",
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


def _latent_rate_of(model: ModelConfig, features: FeatureConfig) -> str:
    """Return the --latent-rate that gives this model: rounded up, it is below that of the next larger one."""
    return str(math.ceil(model.latent_rate(features)))

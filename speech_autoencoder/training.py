"""Teaching the auto-encoder: the split, the plan of a time budget, the epochs, checkpoints."""

import csv
import math
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from speech_autoencoder import pca
from speech_autoencoder.codes import LatentCoder
from speech_autoencoder.config import CodecConfig, LossConfig, ModelConfig, TrainingConfig
from speech_autoencoder.dataset import Dataset
from speech_autoencoder.entropy import to_fixed
from speech_autoencoder.errors import InputError
from speech_autoencoder.files import explain, replacing, shown
from speech_autoencoder.learner import MOST_STEPS, Batches, Learner, learning_rate
from speech_autoencoder.losses import Loss
from speech_autoencoder.model import build, decode, encode, start_at_pca
from speech_autoencoder.model_file import TrainedModel, save
from speech_autoencoder.provenance import versions
from speech_autoencoder.quantiser import Quantiser

_STATE_FORMAT = 2
# Steps that are timed, and then undone, to plan as many epochs as the budget allows; the first ones compile.
_TIMED_STEPS, _COMPILING_STEPS = 16, 4
# Seconds between checkpoints: what a crash can cost.
_CHECKPOINT_S = 30
# How much more than the share that was asked for may be held out when that is whole speakers.
_MOST_HELD = 1.25
# Latents that the tables of a codec's entropy model are fitted on, about.
_CALIBRATING_LATENTS = 4_000
# The part of the budget that is planned; the rest is for saving. Epochs by whose pace the plan is kept up to date.
_PLANNED, _RECENT_EPOCHS = 0.97, 5


@dataclass(frozen=True)
class Split:
    """The recordings (indices) that train and that validate, and in words how they were chosen."""

    training: np.ndarray
    validation: np.ndarray
    how: str


@dataclass
class History:
    """One entry an epoch: when, how fast it learned, the RMS error of log-mel (dB), and the loss on validation."""

    minutes: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    training_db: list[float] = field(default_factory=list)
    validation_db: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.validation_loss)

    @property
    def best(self) -> int:
        """The epoch (from 1) with the least loss on validation; 0 when there is none."""
        return int(np.argmin(self.validation_loss)) + 1 if self.validation_loss else 0


@dataclass(frozen=True)
class Result:
    """The trained model, its history, and why training ended: done, time, patience or interrupted.

    Errors are of validation; best_epoch is 0 where no epoch was better than the start: PCA, the floor, or
    random weights of the `original` network.
    """

    model: TrainedModel
    history: History
    floor_db: float
    floor_loss: float
    best_db: float
    best_loss: float
    best_epoch: int
    n_epochs: int
    split: Split
    ended: str


def split(dataset: Dataset, config: TrainingConfig, by: str = "auto") -> Split:
    """Which recordings validate: whole speakers where names tell enough of them, else whole recordings.

    by is "speaker", "recording" or "auto": speakers when holding out whole ones costs hardly more than the share
    of the recordings that was asked for. Recordings are held out evenly over the speakers that the names tell.
    """
    rng = np.random.default_rng([config.seed, 1])
    groups = np.array(dataset.groups())
    names = sorted(set(groups) - {""})
    n_wanted = max(1, round(config.validation * len(groups)))
    if len(groups) < 2:
        everything = np.arange(len(groups))
        return Split(everything, everything, "the only recording, which is also trained on: record more")
    if by != "recording" and len(names) > 1:
        chosen, count = [], 0
        for name in rng.permutation(names):
            size = int((groups == name).sum())
            if count + size <= _MOST_HELD * n_wanted and count < n_wanted:
                chosen.append(str(name))
                count += size
        if by == "speaker" and not chosen:
            chosen = [min(names, key=lambda name: ((groups == name).sum(), name))]
        if chosen:
            held = np.isin(groups, chosen)
            how = f"{len(chosen)} of {len(names)} speakers, never trained on: {', '.join(sorted(chosen))}"
            return Split(np.flatnonzero(~held), np.flatnonzero(held), how)
    if by == "speaker":
        raise InputError(
            "The recordings' names tell no two speakers: put each speaker's in a folder, or use --validation recording."
        )
    shuffled = rng.permutation(len(groups))
    shuffled = shuffled[np.argsort(groups[shuffled], kind="stable")]
    held = np.zeros(len(groups), bool)
    held[shuffled[np.linspace(0, len(groups) - 1, n_wanted).round().astype(int)]] = True
    how = f"whole recordings, evenly over {len(names)} speakers" if len(names) > 1 else "whole recordings"
    return Split(np.flatnonzero(~held), np.flatnonzero(held), how)


def train(
    dataset: Dataset,
    model_config: ModelConfig,
    config: TrainingConfig,
    *,
    model_path: Path,
    checkpoint_path: Path,
    validation: str = "auto",
    codec: CodecConfig | None = None,
    resume: bool = False,
    say: Callable[[str], None] = lambda text: None,
    bar: Callable | None = None,
) -> Result:
    """The best model that the budget allows, which model_path then holds; with `codec` one whose latents can be coded.

    Every half a minute, and when interrupted, checkpoint_path gets all that `resume` needs to come to the same result
    as without the interruption; it is removed at the end. Ctrl-C, and a `say` whose reader has gone, end training early
    and keep the best epoch. `say` takes lines of progress; `bar(n_steps)` gives an object with update() and close().

    Raises InputError when training diverges, or there is nothing to resume.
    """
    import keras

    started = time.monotonic()
    keras.utils.set_random_seed(config.seed)
    parts = split(dataset, config, validation)
    say(f"Validation on {len(parts.validation)} of {len(dataset.names)} recordings: {parts.how}.")
    floor = pca.fit(dataset, parts.training, *model_config.floor_shape)
    linear = pca.fit(dataset, parts.training, model_config.frames_per_latent, model_config.latent_size)
    network = build(model_config)
    if model_config.network == "residual":
        start_at_pca(network, model_config, linear)
    loss_config = LossConfig()
    loss = Loss(dataset.features, loss_config)
    frame_rate = dataset.features.frame_rate
    quantiser = Quantiser(codec, linear, frame_rate, seed=config.seed) if codec else None
    learner = Learner(network, config, loss, dataset.features.range_db, quantiser)
    batches = Batches(dataset, parts.training, config, model_config.frames_per_latent, loss, silences=bool(codec))
    # As many as a tenth of an epoch's steps hold: a large corpus has more than one need hear.
    most_frames = MOST_STEPS // 10 * config.batch_size * dataset.features.n_frames
    some = _some(dataset, parts.validation, most_frames)
    held_out = Batches(dataset, some, config, model_config.frames_per_latent, loss)
    start_loss, start_db = learner.validate(held_out)
    floor_loss, floor_db = learner.judge(floor.reconstruct, held_out)
    say(f"The PCA floor: {floor_db:.3f} dB RMS error on validation, a loss of {floor_loss:.4f}.")
    if codec:
        say("While it learns, the model's errors are those of quantised latents; the floor's are not quantised.")

    identity = _identity(dataset, model_config, config, loss_config, codec, parts)
    history, best, best_loss, best_db = History(), learner.averages(), start_loss, start_db
    if resume:
        n_epochs, history, best, best_loss, best_db = _load_checkpoint(checkpoint_path, learner, identity)
        if config.epochs not in (0, n_epochs):
            raise InputError(f"{shown(checkpoint_path)} is of a plan of {n_epochs} epochs: resume without --epochs.")
        say(f"Resuming after epoch {len(history)} of {n_epochs}.")
    else:
        n_epochs = config.epochs or _plan(learner, batches, held_out, config, time.monotonic() - started)
    budget_s = math.inf if config.epochs else 60 * config.minutes
    spent_s = 60 * history.minutes[-1] if len(history) else 0.0
    say(f"Training for {n_epochs} epochs of {batches.n_steps} steps.")

    ended, checkpoint, saved = "done", None, time.monotonic()
    progress = bar(n_epochs * batches.n_steps) if bar else None
    tick = progress.update if progress else lambda: None
    if progress:
        progress.update(len(history) * batches.n_steps)
    try:
        while len(history) < n_epochs:
            epoch = len(history)
            rates = [
                learning_rate(epoch * batches.n_steps + i, n_epochs * batches.n_steps, config.learning_rate)
                for i in range(batches.n_steps)
            ]
            heard = batches.epoch(np.random.default_rng([config.seed, 2, epoch]))
            training_db = learner.learn(heard, rates, tick, batches.describe_last)
            validation_loss, validation_db = learner.validate(held_out)
            elapsed_s = spent_s + time.monotonic() - started
            history.minutes.append(elapsed_s / 60)
            history.learning_rate.append(rates[-1])
            history.training_db.append(training_db)
            history.validation_db.append(validation_db)
            history.validation_loss.append(validation_loss)
            if validation_loss < best_loss:
                best, best_loss, best_db = learner.averages(), validation_loss, validation_db
            if not config.epochs:
                n_epochs = _replan(n_epochs, history, budget_s)
                if progress:
                    progress.total = n_epochs * batches.n_steps
            checkpoint = _checkpoint(learner, identity, n_epochs, history, best, best_loss, best_db)
            if time.monotonic() - saved > _CHECKPOINT_S:
                _try_to_save_checkpoint(checkpoint_path, checkpoint, say)
                saved = time.monotonic()
            if epoch == 0 or (epoch + 1) % max(1, n_epochs // 10) == 0:
                say(
                    f"Epoch {epoch + 1:>4}: {training_db:.3f} dB on training, {validation_db:.3f} dB on validation "
                    f"(floor {floor_db:.3f}), loss {validation_loss:.4f} (floor {floor_loss:.4f}), "
                    f"{elapsed_s / 60:.1f} minutes."
                )
            if len(history) < n_epochs and elapsed_s > budget_s:
                ended = "time"
                break
            # The schedule gains most at its end: a long one deserves longer patience. A codec's prices move until then.
            if not codec and epoch + 1 - history.best >= max(config.patience, n_epochs // 5):
                ended = "patience"
                break
    except (KeyboardInterrupt, BrokenPipeError):
        if not len(history):
            raise  # there is nothing to keep: a model that is there stays
        ended = "interrupted"
        if checkpoint:
            _save_checkpoint(checkpoint_path, checkpoint)
    finally:
        if progress:
            progress.close()

    learner.use(best)
    entropy, kbits = _entropy_model(learner, model_config, dataset, parts.training) if codec else (None, None)
    best_epoch = history.best if best_loss < start_loss else 0
    if codec:  # to be compared with the floor, whose latents are not quantised either
        best_loss, best_db = learner.judge(
            lambda x: decode(network, model_config, encode(network, model_config, x)), held_out
        )
    trained = TrainedModel(
        network,
        model_config,
        dataset.features,
        loss_config,
        floor,
        {
            "training": {**asdict(config), "planned_epochs": n_epochs, "ended": ended, "split": parts.how},
            "validation": {
                "error_db": best_db,
                "floor_db": floor_db,
                "loss": best_loss,
                "floor_loss": floor_loss,
                "epoch": best_epoch,
            },
            "history": asdict(history),
            "codec": codec.to_json() | {"kbits": kbits} if codec else None,
            "data": {"fingerprint": dataset.fingerprint, "n_recordings": len(dataset.names)},
            "versions": versions(),
        },
        entropy,
    )
    save(model_path, trained)
    if ended != "interrupted":
        checkpoint_path.unlink(missing_ok=True)
    return Result(trained, history, floor_db, floor_loss, best_db, best_loss, best_epoch, n_epochs, parts, ended)


def _some(dataset, recordings, most_frames):
    """Recordings spread over these, of about so many frames at most."""
    return recordings[:: max(1, math.ceil(dataset.n_frames[recordings].sum() / most_frames))]


def _entropy_model(learner, config, dataset, recordings):
    """(what the quantiser has learned, the kbit/s of its coarsest and finest step) on some of these recordings."""
    some = _some(dataset, recordings, _CALIBRATING_LATENTS * config.frames_per_latent)
    latents = [encode(learner.network, config, dataset.frames(i)) for i in some]
    model = learner.quantiser.to_entropy_model(latents)
    coder, seconds = LatentCoder(model), dataset.n_frames[some].sum() / dataset.features.frame_rate
    fixed = [to_fixed(latent) for latent in latents]
    ends = (0, model.n_qualities - 1)
    return model, [sum(len(coder.encode(v, q)[0]) for v in fixed) * 8 / 1_000 / float(seconds) for q in ends]


def _plan(learner, batches, held_out, config, spent_s):
    """The epochs that fit the budget, by the time that some steps take; the learner is left as it was."""
    before = learner.state()
    rng = np.random.default_rng([config.seed, 3])
    seconds = []
    while len(seconds) < _TIMED_STEPS:
        for batch in batches.epoch(rng):
            start = time.monotonic()
            learner.step(*batch)
            seconds.append(time.monotonic() - start)
            if len(seconds) == _TIMED_STEPS:
                break
    learner.restore(before)
    # A validation step is one pass forward, a training step that and about two back.
    epoch_s = np.mean(seconds[_COMPILING_STEPS:]) * (batches.n_steps + held_out.n_steps / 3)
    left_s = 60 * config.minutes * _PLANNED - spent_s - sum(seconds)
    return max(1, int(left_s / epoch_s))


def _replan(n_epochs, history, budget_s):
    """The epochs that fit the budget by what the last ones took: other programs come and go."""
    recent = history.minutes[-_RECENT_EPOCHS - 1 :]
    if len(recent) < 2:
        return n_epochs
    # The median: the first epoch, and the first after a resumption, pay for the start too.
    epoch_s = max(1e-3, 60 * float(np.median(np.diff(recent))))
    left_s = _PLANNED * budget_s - 60 * history.minutes[-1]
    return len(history) + max(0, int(left_s / epoch_s))


def _identity(dataset, model_config, config, loss_config, codec, parts):
    """What must be the same for a checkpoint to be gone on with."""
    settings = {key: value for key, value in asdict(config).items() if key not in ("minutes", "epochs")}
    about = (dataset.fingerprint, dataset.features, model_config, loss_config, codec, settings, parts.how)
    return repr((_STATE_FORMAT, *about))


def _checkpoint(learner, identity, n_epochs, history, best, best_loss, best_db):
    """The arrays by name that hold the state after an epoch."""
    arrays = {f"history_{key}": np.array(value) for key, value in asdict(history).items()}
    arrays |= {f"best_{i}": value for i, value in enumerate(best)}
    arrays |= {"identity": np.array(identity), "n_epochs": np.array(n_epochs)}
    arrays |= {"best_loss": np.array(best_loss), "best_db": np.array(best_db)}
    return learner.state() | arrays


def _save_checkpoint(path, arrays):
    """Nothing; path holds the arrays, whole."""
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)


def _try_to_save_checkpoint(path, arrays, say):
    """Nothing; path holds the arrays, or it is said that it cannot: no reason to lose what is being learned."""
    try:
        _save_checkpoint(path, arrays)
    except InputError as error:
        say(f"No checkpoint could be written ({error}); training goes on without.")


def _load_checkpoint(path, learner, identity):
    """(epochs planned, history, best weights, their loss, their error); the learner is as the checkpoint has it."""
    name = shown(path)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if str(arrays["identity"]) != identity:
                raise InputError(
                    f"{name} is of other data or settings: resume with the same ones, or without --resume."
                )
            learner.restore(arrays)
            history = History(**{key: arrays[f"history_{key}"].tolist() for key in asdict(History())})
            best = [arrays[f"best_{i}"] for i in range(len(learner.average))]
            return int(arrays["n_epochs"]), history, best, float(arrays["best_loss"]), float(arrays["best_db"])
    except FileNotFoundError:
        raise InputError(f"There is nothing to resume ({name} is missing): run without --resume.") from None
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    except (KeyError, ValueError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{name} is damaged ({error}): run without --resume.") from error


def write_history(path: Path, history: History) -> None:
    """Nothing; path holds the history as CSV, one line an epoch."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file)
        columns = asdict(history)
        writer.writerow(["epoch", *columns])
        for epoch, row in enumerate(zip(*columns.values(), strict=True), 1):
            writer.writerow([epoch, *(f"{value:.6g}" for value in row)])

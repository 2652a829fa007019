"""Teaching the auto-encoder: what learns, the plan of a time budget, the epochs, the best of them kept."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.config import CodecConfig, LossConfig, ModelConfig, TrainingConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.data.splits import Split, split
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import pca
from speech_autoencoder.model.entropy_model import to_fixed
from speech_autoencoder.model.keras_network import build, start_at_pca, to_network
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.versions import versions
from speech_autoencoder.training.batches import MOST_STEPS, Batches
from speech_autoencoder.training.checkpoints import Checkpoint, TrainingState
from speech_autoencoder.training.history import History
from speech_autoencoder.training.quantiser import Quantiser
from speech_autoencoder.training.saving import save
from speech_autoencoder.training.schedule import learning_rate, plan_epochs, replan_epochs
from speech_autoencoder.training.train_step import TrainStep
from speech_autoencoder.training.training_loss import TrainingLoss
from speech_autoencoder.training.validation import Score, Validation

# Latents that the tables of a codec's entropy model are fitted on, about.
_CALIBRATING_LATENTS = 4_000


@dataclass(frozen=True)
class Result:
    """The trained model, its history, and why training ended: done, time, patience or interrupted.

    Errors are of validation; best_epoch is 0 where no epoch was better than the start, PCA.
    """

    model: TrainedModel
    history: History
    baseline_db: float
    baseline_loss: float
    best_db: float
    best_loss: float
    best_epoch: int
    n_epochs: int
    split: Split
    ended: str


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
    task = _set_up(dataset, model_config, config, codec, validation, say)
    checkpoint = Checkpoint(checkpoint_path, _identity(dataset, model_config, config, codec, task), config, say)
    standing = _resume(task, config, checkpoint, say) if resume else _start(task, config, started)
    say(f"Training for {standing.n_epochs} epochs of {task.batches.n_steps} steps.")
    ended = _Epochs(task, config, standing, checkpoint, started, say).run(bar or _no_bar)
    result = _finish(task, dataset, model_config, config, codec, standing, ended)
    save(model_path, result.model)
    if ended != "interrupted":
        checkpoint.remove()
    return result


@dataclass(frozen=True)
class _Task:
    """What learns, from which batches, and what it is to beat: (loss, error in dB) of its start and of the floor."""

    split: Split
    baseline: pca.PCA
    learner: TrainStep
    batches: Batches
    held_out: Validation
    start_errors: Score
    baseline_errors: Score


def _set_up(dataset, model_config, config, codec, validation, say):
    """The _Task, of which is said what it is."""
    parts = split(dataset, config, validation)
    say(f"Validation on {len(parts.validation)} of {len(dataset.names)} recordings: {parts.how}.")
    floor = pca.fit(dataset, parts.training, *model_config.baseline_shape)
    learner = _learner(dataset, parts.training, model_config, config, codec)
    sizes = {
        "batch_size": config.batch_size,
        "frames_per_latent": model_config.frames_per_latent,
        "distance": learner.loss,
    }
    batches = Batches(dataset, parts.training, **sizes, silences=bool(codec))
    # As many as a tenth of an epoch's steps hold: a large corpus has more than one need hear.
    most_frames = MOST_STEPS // 10 * config.batch_size * dataset.features.n_frames
    held_out = Validation(learner, Batches(dataset, _some(dataset, parts.validation, most_frames), **sizes))
    start = held_out.score_averages()
    baseline_loss, baseline_db = held_out.score_function(floor.reconstruct)
    say(f"The PCA floor: {baseline_db:.3f} dB RMS error on validation, a loss of {baseline_loss:.4f}.")
    if codec:
        say("While it learns, the model's errors are those of quantised latents; the floor's are not quantised.")
    return _Task(parts, floor, learner, batches, held_out, start, (baseline_loss, baseline_db))


def _learner(dataset, recordings, model_config, config, codec):
    """The network at its start, PCA of these recordings, with all that teaches it."""
    linear = pca.fit(dataset, recordings, model_config.frames_per_latent, model_config.latent_size)
    network = build(model_config)
    start_at_pca(network, model_config, linear)
    loss = TrainingLoss(dataset.features, LossConfig())
    quantiser = Quantiser(codec, linear, dataset.features.frame_rate, seed=config.seed) if codec else None
    return TrainStep(network, config, loss=loss, range_db=dataset.features.range_db, quantiser=quantiser)


def _some(dataset, recordings, most_frames):
    """Recordings spread over these, of about so many frames at most."""
    return recordings[:: max(1, math.ceil(dataset.n_frames[recordings].sum() / most_frames))]


def _identity(dataset, model_config, config, codec, task):
    """What must be the same for a checkpoint to be gone on with."""
    settings = {key: value for key, value in asdict(config).items() if key not in ("minutes", "epochs")}
    loss_config = task.learner.loss.config
    return dataset.fingerprint, dataset.features, model_config, loss_config, codec, settings, task.split.how


def _start(task, config, started):
    """The TrainingState before the first epoch."""
    n_epochs = config.epochs or plan_epochs(
        task.learner, task.batches, task.held_out.batches, config, spent_s=time.monotonic() - started
    )
    return TrainingState(n_epochs, History(), task.learner.averages(), *task.start_errors)


def _resume(task, config, checkpoint, say):
    """The TrainingState that the checkpoint holds. Raises InputError where it holds none of this training."""
    standing = checkpoint.load(task.learner)
    if config.epochs not in (0, standing.n_epochs):
        raise InputError(
            f"{printable(checkpoint.path)} is of a plan of {standing.n_epochs} epochs: resume without --epochs."
        )
    say(f"Resuming after epoch {len(standing.history)} of {standing.n_epochs}.")
    return standing


def _no_bar(total):
    """A progress bar that nobody sees."""
    from tqdm import tqdm

    return tqdm(total=total, disable=True)


class _Epochs:
    """One epoch after another, until the plan is done or something else ends them; the standing follows."""

    def __init__(self, task, config, standing, checkpoint, started, say):
        self.task, self.config, self.standing, self.checkpoint, self.say = task, config, standing, checkpoint, say
        history = standing.history
        # As if what was done before an interruption had been done just now.
        self.began = started - (60 * history.minutes[-1] if len(history) else 0.0)
        self.budget_s = math.inf if config.epochs else 60 * config.minutes

    def run(self, bar) -> str:
        """Why they ended: done, time, patience or interrupted."""
        standing, n_steps = self.standing, self.task.batches.n_steps
        progress = bar(standing.n_epochs * n_steps)
        progress.update(len(standing.history) * n_steps)
        try:
            while len(standing.history) < standing.n_epochs:
                self._learn(progress.update)
                if not self.config.epochs:
                    standing.n_epochs = replan_epochs(standing.n_epochs, standing.history, budget_s=self.budget_s)
                    progress.total = standing.n_epochs * n_steps
                self.checkpoint.take(self.task.learner, standing)
                self._tell()
                if self._is_time_up():
                    return "time"
                if self._is_patience_out():
                    return "patience"
        except (KeyboardInterrupt, BrokenPipeError):
            if not len(standing.history):
                raise  # there is nothing to keep: a model that is there stays
            with suppress(BrokenPipeError):
                self.checkpoint.try_to_save()  # the best epoch is kept where there is room for that alone
            return "interrupted"
        finally:
            progress.close()
        return "done"

    def _learn(self, tick):
        """Nothing; an epoch more has been learned, is in the history, and is the best where it is."""
        standing, learner, batches = self.standing, self.task.learner, self.task.batches
        epoch, n_steps = len(standing.history), batches.n_steps
        steps = range(epoch * n_steps, (epoch + 1) * n_steps)
        rates = [learning_rate(step, standing.n_epochs * n_steps, self.config.learning_rate) for step in steps]
        heard = batches.epoch(np.random.default_rng([self.config.seed, 2, epoch]))
        training_db = learner.take_steps(heard, rates, on_step=tick, describe_batch=batches.describe_last)
        loss, error_db = self.task.held_out.score_averages()
        standing.history.add(
            minutes=(time.monotonic() - self.began) / 60,
            learning_rate=rates[-1],
            training_db=training_db,
            validation_db=error_db,
            validation_loss=loss,
        )
        if loss < standing.best_loss:
            standing.best, standing.best_loss, standing.best_db = learner.averages(), loss, error_db

    def _tell(self):
        """Nothing; what came of the first epoch, and of every tenth part of them, is said."""
        history, (baseline_loss, baseline_db) = self.standing.history, self.task.baseline_errors
        if len(history) == 1 or len(history) % max(1, self.standing.n_epochs // 10) == 0:
            self.say(
                f"Epoch {len(history):>4}: {history.training_db[-1]:.3f} dB on training, "
                f"{history.validation_db[-1]:.3f} dB on validation (floor {baseline_db:.3f}), "
                f"loss {history.validation_loss[-1]:.4f} (floor {baseline_loss:.4f}), {history.minutes[-1]:.1f} minutes."
            )

    def _is_time_up(self):
        """Whether the budget is spent before the plan is done."""
        history = self.standing.history
        return len(history) < self.standing.n_epochs and 60 * history.minutes[-1] > self.budget_s

    def _is_patience_out(self):
        """Whether nothing was gained for long.

        The schedule gains most at its end: a long one deserves longer patience. A codec's prices move until then.
        """
        history, patience = self.standing.history, max(self.config.patience, self.standing.n_epochs // 5)
        return not self.task.learner.quantiser and len(history) - history.best >= patience


def _finish(task, dataset, model_config, config, codec, standing, ended):
    """The Result: the network has the best weights, and all that is known of them."""
    learner, history, (baseline_loss, baseline_db) = task.learner, standing.history, task.baseline_errors
    learner.use(standing.best)
    network = to_network(learner.network, model_config)
    entropy, kbits = _entropy_model(learner, network, dataset, task.split.training) if codec else (None, None)
    best_epoch = history.best if standing.best_loss < task.start_errors[0] else 0
    best_loss, best_db = standing.best_loss, standing.best_db
    if codec:  # to be compared with the floor, whose latents are not quantised either
        best_loss, best_db = task.held_out.score_function(lambda frames: network.decode(network.encode(frames)))
    description = {
        "training": {
            **asdict(config),
            "planned_epochs": standing.n_epochs,
            "ended": ended,
            "split": task.split.how,
        },
        "validation": {
            "error_db": best_db,
            "baseline_db": baseline_db,
            "loss": best_loss,
            "baseline_loss": baseline_loss,
            "epoch": best_epoch,
        },
        "history": asdict(history),
        "codec": codec.to_json() | {"kbits": kbits} if codec else None,
        "data": {"fingerprint": dataset.fingerprint, "n_recordings": len(dataset.names)},
        "versions": versions(),
    }
    model = TrainedModel(network, dataset.features, learner.loss.config, task.baseline, description, entropy)
    return Result(
        model, history, baseline_db, baseline_loss, best_db, best_loss, best_epoch, standing.n_epochs, task.split, ended
    )


def _entropy_model(learner, network, dataset, recordings):
    """(what the quantiser has learned, the kbit/s of its coarsest and finest step) on some of these recordings."""
    some = _some(dataset, recordings, _CALIBRATING_LATENTS * network.config.frames_per_latent)
    latents = [network.encode(dataset.frames(i)) for i in some]
    model = learner.quantiser.to_entropy_model(latents)
    coder, seconds = LatentCoder(model), dataset.n_frames[some].sum() / dataset.features.frame_rate
    fixed = [to_fixed(latent) for latent in latents]
    ends = (0, model.n_qualities - 1)
    return model, [sum(len(coder.encode(v, q)[0]) for v in fixed) * 8 / 1_000 / float(seconds) for q in ends]

"""Training the auto-encoder: from an array to the model of the best epoch."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from speech_autoencoder.config import CodecConfig, ModelConfig, TrainingConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.processors import available_cpus
from speech_autoencoder.system.wording import counted, duration
from speech_autoencoder.training.backends.choice import backend, is_out_of_memory
from speech_autoencoder.training.checkpoints import Checkpoint, EpochProgress, TrainingState
from speech_autoencoder.training.history import History
from speech_autoencoder.training.processes.group import Processes
from speech_autoencoder.training.result import Result, make_result
from speech_autoencoder.training.saving import save
from speech_autoencoder.training.schedule import advice_on_size, learning_rate, plan_epochs, replan_epochs
from speech_autoencoder.training.setup import Setup, set_up

Say = Callable[[str], None]
# Returns a progress bar for a number of steps, with `total`, update() and close() as tqdm has them.
MakeBar = Callable[[int], Any]
# Is called after each epoch.
OnEpoch = Callable[[Setup, TrainingState], None]

# The patience is at least the planned epochs divided by this.
_PATIENCE_DIVISOR = 5


def _no_bar(total: int) -> Any:
    """Return a progress bar that is not shown."""
    return tqdm(total=total, disable=True)


def train(
    dataset: Dataset,
    model_config: ModelConfig,
    config: TrainingConfig,
    *,
    model_path: Path,
    checkpoint_path: Path,
    validation: str = "auto",
    codec: CodecConfig | None = None,
    start: TrainedModel | None = None,
    started_from: dict[str, Any] | None = None,
    resume: bool = False,
    say: Say = lambda text: None,
    bar: MakeBar = _no_bar,
    on_epoch: OnEpoch | None = None,
    processes: Processes | None = None,
) -> Result:
    """Train the best model that the budget allows, and write it.

    Ctrl-C, and a `say` whose reader has gone, end training early and keep the best epoch.

    Parameters
    ----------
    model_path : Path
        Where the model is written, an .h5.
    checkpoint_path : Path
        Gets, every half a minute and when training ends or is interrupted, what `resume` needs to come to the same
        result as without the interruption, or to continue with a larger budget.
    validation : str
        How recordings are held out, see `splits.split`.
    codec : CodecConfig, optional
        Train a codec: a model whose latents can be coded at any bitrate.
    start : TrainedModel, optional
        A model of these features and sizes, whose weights training starts from; without it, it starts at PCA. With
        `resume`, the checkpoint has all weights.
    started_from : dict, optional
        The `origin_of` that model, which the new one tells.
    resume : bool
        Continue the training in checkpoint_path: an interrupted one to its end, a finished one if the budget is larger
        than it was. The budget counts what is done.
    say : Callable
        Reports a line of progress.
    bar : Callable
        Returns a progress bar for a number of steps, with `total`, update() and close().
    on_epoch : Callable, optional
        Is called with the setup and the state after each epoch; it must not change them.
    processes : Processes, optional
        Those that train together, each with a share of every batch. Process 0 decides, and alone writes.

    Raises
    ------
    InputError
        If training diverges, there is nothing to resume, or the budget is used up.
    """
    started = time.monotonic()
    together = processes or Processes()
    setup = set_up(
        dataset, model_config, config, codec, validation=validation, start=start, started_from=started_from, say=say
    )
    checkpoint = Checkpoint(checkpoint_path, setup.settings, say)
    state = _resume(setup, checkpoint, started, say) if resume else _start(setup, started)
    state.n_epochs = together.agree(state.n_epochs)
    if not state.ended:
        n_steps = setup.batches.n_steps
        say(f"Training for {counted(state.n_epochs, 'epoch')} of {counted(n_steps, 'step')}.")
        if advice := advice_on_size(model_config, n_steps=state.n_epochs * n_steps, batch_size=config.batch_size):
            say(advice)
    loop = TrainingLoop(setup, state, checkpoint, started=started, say=say, on_epoch=on_epoch, processes=together)
    ended = loop.run(bar)
    together.part()
    backend().leave()
    if together.number == 0 and ended != "interrupted":
        checkpoint.try_to_save(ended=ended)  # before the model, which can be made from it again
    result = make_result(setup, state, ended)
    if together.number == 0:
        save(model_path, result.model)
    return result


def _start(setup: Setup, started: float) -> TrainingState:
    """Return the state before the first epoch; it plans the epochs that were asked for, or that fit the budget."""
    n_epochs = setup.config.epochs or _plan(setup, time.monotonic() - started)
    return TrainingState(n_epochs, History(), setup.train_step.averages(), setup.start_score)


def _plan(setup: Setup, spent_s: float) -> int:
    """Return the epochs that fit what is left of the budget."""
    return plan_epochs(setup.train_step, setup.batches, setup.validation.batches, setup.config, spent_s=spent_s)


def _resume(setup: Setup, checkpoint: Checkpoint, started: float, say: Say) -> TrainingState:
    """Return the state in the checkpoint, and bring the train step to it; another budget makes another plan.

    The learning rate goes on where the schedule of the new plan is at the epochs that are done. That of a finished
    training, which has fallen to zero, rises for that.
    """
    state, before = checkpoint.load(setup.train_step)
    name, config, n_done, minutes = printable(checkpoint.path), setup.config, len(state.history), _minutes(state)
    say(f"Resuming after epoch {n_done:,} of {state.n_epochs:,}.")
    if state.ended == "patience" and config.patience > before.training.patience:
        state.ended = ""
    if (config.minutes, config.epochs) != (before.training.minutes, before.training.epochs):
        if config.epochs and config.epochs <= n_done:
            raise InputError(
                f"{name} has {counted(n_done, 'epoch')} already, which --epochs {config.epochs} counts too: give more, "
                f"such as --epochs {2 * n_done}."
            )
        if not config.epochs and config.minutes <= minutes:
            raise InputError(
                f"{name} was trained for {minutes:.2g} minutes already, which --minutes {config.minutes:g} counts too: "
                f"give more, such as --minutes {math.ceil(2 * minutes)}."
            )
        state.n_epochs = config.epochs or n_done + _plan(setup, 60 * minutes + time.monotonic() - started)
        if state.ended:
            state.ended, state.continued_at = "", n_done
    if state.ended:
        say("The training is finished; its model is written again.")
    return state


def _minutes(state: TrainingState) -> float:
    """Return how long what is done has taken."""
    return max(state.progress.minutes, state.history.minutes[-1] if len(state.history) else 0.0)


class TrainingLoop:
    """Trains one epoch after another, until the plan is done or something else ends it.

    Parameters
    ----------
    state : TrainingState
        How far the training is; it is kept up to date.
    checkpoint : Checkpoint
        Gets the state after every epoch.
    started : float
        When this program's training began, by time.monotonic().
    processes : Processes
        Those that train together.
    """

    def __init__(
        self,
        setup: Setup,
        state: TrainingState,
        checkpoint: Checkpoint,
        *,
        started: float,
        say: Say,
        on_epoch: OnEpoch | None,
        processes: Processes,
    ) -> None:
        self.setup = setup
        self.state = state
        self.checkpoint = checkpoint
        self.say = say
        self.on_epoch = on_epoch
        self.processes = processes
        # On processors, one is enough: the next batch is ready when a step ends.
        self._workers = available_cpus() if backend().accelerators() else 1
        # As if the epochs before an interruption had been done just now.
        self._began = started - 60 * _minutes(state)
        self._budget_s = math.inf if setup.config.epochs else 60 * setup.config.minutes

    def run(self, make_bar: MakeBar) -> str:
        """Train until the end, and return its reason: "done", "time", "patience" or "interrupted"."""
        state, n_steps = self.state, self.setup.batches.n_steps
        if state.ended:
            return state.ended
        bar = make_bar(state.n_epochs * n_steps)
        bar.update(len(state.history) * n_steps + state.progress.n_steps)
        try:
            while len(state.history) < state.n_epochs:
                self._run_epoch(bar.update)
                if not self.setup.config.epochs:
                    state.n_epochs = replan_epochs(state.n_epochs, state.history, budget_s=self._budget_s)
                    bar.total = state.n_epochs * n_steps
                if self.processes.number == 0:
                    self.checkpoint.take(self.setup.train_step, state)
                    if self.on_epoch:
                        self.on_epoch(self.setup, state)
                    self._report_epoch()
                if self._is_time_up():
                    return "time"
                if self._is_patience_over():
                    return "patience"
        except (KeyboardInterrupt, BrokenPipeError):
            if not len(state.history):
                raise  # no epoch has been scored: an older model stays
            if self.processes.number == 0:
                with suppress(BrokenPipeError):
                    self.checkpoint.try_to_save()  # if there is no space for it, the best epoch is still kept
            return "interrupted"
        except Exception as error:
            if is_out_of_memory(error) and (len(state.history) or state.progress.n_steps):
                raise InputError(
                    "There is too little memory on the device for the next step, though there was enough before: end "
                    "other programs that use it, and go on with --resume."
                ) from error
            raise
        finally:
            bar.close()
        return "done"

    def _run_epoch(self, update_bar: Callable[[], object]) -> None:
        """Train one epoch, validate it, add it to the history, and keep its weights if they are the best."""
        setup, state = self.setup, self.state
        epoch, n_steps, n_done = len(state.history), setup.batches.n_steps, state.progress.n_steps
        steps = range(epoch * n_steps, (epoch + 1) * n_steps)
        rates = [learning_rate(step, state.n_epochs * n_steps, setup.config.learning_rate) for step in steps]
        rng = np.random.default_rng([setup.config.seed, 2, epoch])
        self.processes.meet()
        training_db = setup.train_step.take_steps(
            islice(setup.batches.epoch(rng, workers=self._workers), n_done, None),
            rates[n_done:],
            on_step=partial(self._end_step, update_bar),
            describe_batch=setup.batches.describe_last,
            progress=state.progress,
        )
        score = setup.validation.score_averages()
        state.history.add(
            minutes=self.processes.agree(self._minutes_since_start()),
            learning_rate=rates[-1],
            training_db=training_db,
            validation_db=score.error_db,
            validation_loss=score.loss,
        )
        state.progress = EpochProgress()
        if score.loss < state.best_score.loss:
            state.best_weights, state.best_score = setup.train_step.averages(), score
            state.best_epoch = len(state.history)

    def _end_step(self, update_bar: Callable[[], object]) -> None:
        """Report a step, and keep what is learned in an epoch that takes long."""
        update_bar()
        if self.processes.number == 0 and self.checkpoint.is_due and self.setup.train_step.is_finite():
            self.state.progress.minutes = self._minutes_since_start()
            self.checkpoint.take(self.setup.train_step, self.state)
        self.processes.meet()

    def _minutes_since_start(self) -> float:
        return (time.monotonic() - self._began) / 60

    def _report_epoch(self) -> None:
        """Report the first epoch, and one in each tenth of the plan."""
        history, baseline = self.state.history, self.setup.baseline_score
        if history.is_tenth(self.state.n_epochs):
            self.say(
                f"Epoch {len(history):>4}: {history.training_db[-1]:.3f} dB on training, "
                f"{history.validation_db[-1]:.3f} dB on validation (baseline {baseline.error_db:.3f}), "
                f"loss {history.validation_loss[-1]:.4f} (baseline {baseline.loss:.4f}), "
                f"{duration(60 * history.minutes[-1])}."
            )

    def _is_time_up(self) -> bool:
        """Return whether the budget is spent before the plan is done."""
        history = self.state.history
        return len(history) < self.state.n_epochs and 60 * history.minutes[-1] > self._budget_s

    def _is_patience_over(self) -> bool:
        """Return whether the last gain is long ago.

        The schedule gains most at its end, so that a long one deserves more patience. A codec's prices move until its
        end, so that its losses cannot be compared.
        """
        history = self.state.history
        patience = max(self.setup.config.patience, self.state.n_epochs // _PATIENCE_DIVISOR)
        last_gain = max(history.best_epoch, self.state.continued_at)
        return not self.setup.codec and len(history) - last_gain >= patience

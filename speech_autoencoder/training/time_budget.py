"""How many epochs fit a budget of time."""

import time

import numpy as np

from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.training.history import History
from speech_autoencoder.training.train_step import Batches, TrainStep

# Steps that are timed, and then undone, to plan as many epochs as the budget allows; the first ones compile.
_TIMED_STEPS, _COMPILING_STEPS = 16, 4
# The part of the budget that is planned; the rest is for saving. Epochs by whose pace the plan is kept up to date.
_PLANNED, _RECENT_EPOCHS = 0.97, 5


def plan(learner: TrainStep, batches: Batches, held_out: Batches, config: TrainingConfig, spent_s: float) -> int:
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


def replan(n_epochs: int, history: History, budget_s: float) -> int:
    """The epochs that fit the budget by what the last ones took: other programs come and go."""
    recent = history.minutes[-_RECENT_EPOCHS - 1 :]
    if len(recent) < 2:
        return n_epochs
    # The median: the first epoch, and the first after a resumption, pay for the start too.
    epoch_s = max(1e-3, 60 * float(np.median(np.diff(recent))))
    left_s = _PLANNED * budget_s - 60 * history.minutes[-1]
    return len(history) + max(0, int(left_s / epoch_s))

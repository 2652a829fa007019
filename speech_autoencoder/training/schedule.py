"""How long training takes, and how fast it learns on the way."""

import time

import numpy as np

from speech_autoencoder.config import DEFAULT_SIZE, ModelConfig, TrainingConfig, size_of
from speech_autoencoder.system.wording import counted
from speech_autoencoder.training.batches import Batches
from speech_autoencoder.training.history import History
from speech_autoencoder.training.train_step import TrainStep

# Steps that are taken and undone to plan the number of epochs.
_TRIED_STEPS = 16
# The first of them, whose time does not count: they compile.
_COMPILING_STEPS = 4
# The share of the budget that is planned: the rest is for saving.
_PLANNED_SHARE = 0.97
# Sequences up to which a larger network was worse than the small one after the same time: 1,000 steps of 16
# (docs/sizes.md).
_FEW_SEQUENCES = 16_000
# Epochs whose pace keeps the plan up to date.
_RECENT_EPOCHS = 5
# The most steps of the warm-up, except where a twentieth of all steps is more.
_WARM_UP_STEPS = 30


def learning_rate(step: int, n_steps: int, peak: float) -> float:
    """Return the learning rate of a step: a linear warm-up, then a linear fall to zero.

    The warm-up takes a twentieth of the n_steps, or 30 steps, or a quarter of fewer than 120.
    """
    warm_up = max(1, min(_WARM_UP_STEPS, n_steps // 4), n_steps // 20)
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * max(0.0, 1 - (step - warm_up) / max(1, n_steps - warm_up))


def plan_epochs(
    train_step: TrainStep, batches: Batches, held_out: Batches, config: TrainingConfig, *, spent_s: float
) -> int:
    """Return the number of epochs that fit the budget, of which spent_s are spent, from the time of some steps.

    These steps are undone: `train_step` is left as it was.
    """
    before = train_step.state()
    rng = np.random.default_rng([config.seed, 3])
    seconds: list[float] = []
    while len(seconds) < _TRIED_STEPS:
        for batch in batches.epoch(rng):
            start = time.monotonic()
            train_step.step(*batch)
            seconds.append(time.monotonic() - start)
            if len(seconds) == _TRIED_STEPS:
                break
    train_step.restore(before)
    # A validation step is one forward pass; a training step is a forward pass and a backward pass of about twice that.
    epoch_s = np.mean(seconds[_COMPILING_STEPS:]) * (batches.n_steps + held_out.n_steps / 3)
    left_s = 60 * config.minutes * _PLANNED_SHARE - spent_s - sum(seconds)
    return max(1, int(left_s / epoch_s))


def advice_on_size(model: ModelConfig, *, n_steps: int, batch_size: int) -> str:
    """Return a sentence if another size learns more in the time that so many steps of this one take, else ""."""
    size = size_of(model)
    if size in (None, DEFAULT_SIZE) or n_steps * batch_size > _FEW_SEQUENCES:
        return ""
    return (
        f"A training of {counted(n_steps, 'step')} is short for --size {size}: in the same time, --size {DEFAULT_SIZE} "
        "takes more steps and learned more (docs/sizes.md)."
    )


def replan_epochs(n_epochs: int, history: History, *, budget_s: float) -> int:
    """Return the number of epochs that fit the budget, from the time of the last ones: other programs come and go."""
    recent = history.minutes[-_RECENT_EPOCHS - 1 :]
    if len(recent) < 2:
        return n_epochs
    # The median: the first epoch, and the first after a resumption, include the start.
    epoch_s = max(1e-3, 60 * float(np.median(np.diff(recent))))
    left_s = _PLANNED_SHARE * budget_s - 60 * history.minutes[-1]
    return len(history) + max(0, int(left_s / epoch_s))

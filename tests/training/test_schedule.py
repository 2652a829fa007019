"""The learning rate of each step, and the plan of a budget, which follows a machine that slows down."""

import itertools
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from speech_autoencoder import config
from speech_autoencoder.config import SIZES, model_config
from speech_autoencoder.training import loop
from speech_autoencoder.training.schedule import advice_on_size, learning_rate
from speech_autoencoder.training.train_step import TrainStep
from tests.helpers.common import TINY, TINY_MODEL, TINY_TRAINING, raise_at, train_tiny


@pytest.mark.parametrize("n_steps", [1, 2, 19, 20, 400])
def test_learning_rate_is_never_negative_nor_above_peak(n_steps):
    rates = [learning_rate(step, n_steps, 1e-3) for step in range(n_steps)]
    assert all(0 < rate <= 1e-3 for rate in rates)
    assert max(rates) == pytest.approx(1e-3)


def test_learning_rate_warms_up_then_falls_to_nearly_zero():
    rates = np.array([learning_rate(step, 400, 1e-3) for step in range(400)])
    assert rates[0] < 1e-4
    peak = int(rates.argmax())
    assert 0 < peak < 40
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak + 1 :]) < 0).all()
    assert rates[-1] < 1e-5


def test_learning_rate_past_the_plan_stays_small():
    """A resumed training never asks, but a longer one than planned must not climb again or turn negative."""
    assert 0 <= learning_rate(400, 400, 1e-3) < 1e-9


@pytest.mark.parametrize("size", SIZES)
def test_advice_on_size_is_given_where_small_learns_more(size):
    model = model_config(TINY, 100, size)
    few, many = (advice_on_size(model, n_steps=n, batch_size=16) for n in (1_000, 1_001))
    assert (f"--size {size}:" in few) == (size != "small")
    assert many == ""


def test_advice_on_size_counts_what_a_step_learns_from():
    model = model_config(TINY, 100, "large")
    assert advice_on_size(model, n_steps=100, batch_size=16)
    assert not advice_on_size(model, n_steps=100, batch_size=256)


def test_train_of_few_steps_says_that_a_smaller_size_learns_more(forty, tmp_path, monkeypatch):
    monkeypatch.setitem(config._WIDTHS, "medium", TINY_MODEL.width)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(forty, tmp_path, replace(TINY_TRAINING, epochs=1), say=raise_at(".* is short for --size medium"))


def test_plan_epochs_fills_the_minutes_and_leaves_no_trace(forty, tmp_path, monkeypatch):
    lines, steps = [], []

    def stop(self, *args, **options):
        steps.append(int(self.optimizer.iterations.numpy()))
        raise StopIteration

    monkeypatch.setattr(TrainStep, "take_steps", stop)
    with pytest.raises(StopIteration):
        train_tiny(forty, tmp_path, replace(TINY_TRAINING, minutes=100.0, epochs=0), say=lines.append)
    planned = int(re.match(r"Training for ([\d,]+) epochs", lines[-1])[1].replace(",", ""))
    assert 100 < planned < 1_000_000
    assert steps == [0]


def test_replan_epochs_follows_a_machine_that_slows_down(forty, tmp_path, monkeypatch):
    """A plan made on an idle machine must not end in the middle of its schedule, where the learning rate is high."""
    monkeypatch.setattr(loop, "plan_epochs", lambda *args, **options: 100_000)
    # The loop looks at the clock once an epoch.
    ticks = itertools.accumulate(itertools.chain(5 * [0.5], itertools.repeat(1.5)))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    result = train_tiny(forty, tmp_path, replace(TINY_TRAINING, minutes=0.5, epochs=0, patience=100_000))
    assert result.ended == "done"
    assert 15 < len(result.history) == result.n_epochs < 30
    assert result.history.learning_rate[-1] < 0.01 * max(result.history.learning_rate)
    assert result.history.minutes[-1] < 0.5

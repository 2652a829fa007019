"""The plan of a budget: it fills the minutes, and follows a machine that slows down."""

import re
from dataclasses import replace

import pytest

from speech_autoencoder.training import time_budget as planning
from speech_autoencoder.training.train_step import TrainStep
from tests.helpers.common import TINY_TRAINING, train_tiny


def test_train_plan_fills_the_minutes_and_leaves_no_trace(forty, tmp_path, monkeypatch):
    lines, steps = [], []

    def stop(self, *args):
        steps.append(int(self.optimizer.iterations.numpy()))
        raise StopIteration

    monkeypatch.setattr(TrainStep, "learn", stop)
    with pytest.raises(StopIteration):
        train_tiny(forty, tmp_path, replace(TINY_TRAINING, minutes=100.0, epochs=0), say=lines.append)
    planned = int(re.match(r"Training for (\d+) epochs", lines[-1])[1])
    assert 100 < planned < 1_000_000
    assert steps == [0]


def test_train_plan_follows_a_machine_that_slows_down(forty, tmp_path, monkeypatch):
    """A plan made on an idle machine must not end in the middle of its schedule, where the learning rate is high."""
    monkeypatch.setattr(planning, "plan", lambda *args: 100_000)
    result = train_tiny(forty, tmp_path, replace(TINY_TRAINING, minutes=0.25, epochs=0, patience=100_000))
    assert result.ended == "done"
    assert len(result.history) == result.n_epochs < 100_000
    assert result.history.learning_rate[-1] < 0.01 * max(result.history.learning_rate)
    assert result.history.minutes[-1] < 0.4

"""How a training went, as a file that others read."""

import csv

import numpy as np
import pytest

from speech_autoencoder.training.history import History, draw_history, write_history
from tests.helpers.common import png_size


def test_write_history_has_a_line_per_epoch(tmp_path):
    history = History()
    for epoch in range(4):
        history.add(
            minutes=0.1 * (epoch + 1),
            learning_rate=1e-3 / (epoch + 1),
            training_db=4.56789 - epoch,
            validation_db=5.0 - epoch,
            validation_loss=0.123456 / (epoch + 1),
        )
    write_history(tmp_path / "history.csv", history)
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    for name in ("minutes", "learning_rate", "training_db", "validation_db", "validation_loss"):
        assert [float(row[name]) for row in rows] == pytest.approx(getattr(history, name), rel=1e-5)


def test_best_epoch_has_the_least_loss():
    assert History(validation_loss=[3.0, 1.0, 2.0]).best_epoch == 2
    assert History().best_epoch == 0


@pytest.mark.parametrize("n_epochs", [0, 1, 30])
def test_draw_history_any_count_of_epochs_is_figure(tmp_path, n_epochs):
    errors = list(np.linspace(5, 3, n_epochs))
    history = History([1.0] * n_epochs, [1e-3] * n_epochs, errors, errors, errors)
    draw_history(tmp_path / "history.png", history, 4.5, n_epochs)
    assert min(png_size(tmp_path / "history.png")) >= 200


def test_draw_history_shows_the_history(tmp_path):
    for name, errors in (("one", [5.0, 3.0]), ("other", [3.0, 5.0])):
        draw_history(tmp_path / name, History([1.0, 2.0], [1e-3] * 2, errors, errors, errors), 4.5, 2)
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()

"""How a training went, as a file that others read."""

import csv

import pytest

from speech_autoencoder.training.history import History, write_history


def test_write_history_has_a_line_an_epoch(tmp_path):
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


def test_history_best_is_the_epoch_of_least_error():
    assert History(validation_loss=[3.0, 1.0, 2.0]).best == 2
    assert History().best == 0

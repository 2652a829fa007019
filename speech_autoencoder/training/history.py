"""How a training went, epoch by epoch."""

import csv
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speech_autoencoder.system.figures import new_figure, own_settings, save_figure
from speech_autoencoder.system.files import atomic_write


class Score(NamedTuple):
    """The loss on held-out recordings, and the RMS error of log-mel in dB."""

    loss: float
    error_db: float


@dataclass
class History:
    """One entry per epoch in each column.

    Attributes
    ----------
    minutes : list[float]
        The time since training began, at the end of the epoch.
    learning_rate : list[float]
        The learning rate of the last step.
    training_db, validation_db : list[float]
        The RMS error of log-mel in dB.
    validation_loss : list[float]
        The loss on validation, by which epochs are compared.
    """

    minutes: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    training_db: list[float] = field(default_factory=list)
    validation_db: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.validation_loss)

    @property
    def best_epoch(self) -> int:
        """The epoch (from 1) with the least loss on validation; 0 before the first epoch."""
        return int(np.argmin(self.validation_loss)) + 1 if self.validation_loss else 0

    def is_tenth(self, n_epochs: int) -> bool:
        """Return whether the last epoch is the first one, or one in each tenth of a plan of n_epochs."""
        return len(self) == 1 or len(self) % max(1, n_epochs // 10) == 0

    def add(self, **epoch: float) -> None:
        """Add an epoch: a value for every column."""
        for column in fields(self):
            getattr(self, column.name).append(epoch[column.name])


def write_history(path: Path, history: History) -> None:
    """Write the history as CSV, one line per epoch."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file)
        columns = asdict(history)
        writer.writerow(["epoch", *columns])
        for epoch, row in enumerate(zip(*columns.values(), strict=True), 1):
            writer.writerow([epoch, *(f"{value:.6g}" for value in row)])


@own_settings()
def draw_history(path: Path, history: History, baseline_db: float, best_epoch: int) -> None:
    """Write a figure of the errors by epoch, beside that of the PCA baseline.

    best_epoch is 0 if no epoch was better than the start.
    """
    figure, axes = new_figure(1, 1, (7, 4))
    epochs = np.arange(1, len(history) + 1)
    axes.axhline(baseline_db, color="#999999", linestyle="--", label="PCA baseline, validation")
    axes.plot(epochs, history.training_db, color="#d55e00", marker=".", label="training")
    axes.plot(epochs, history.validation_db, color="#0072b2", marker=".", label="validation")
    if best_epoch:
        axes.axvline(best_epoch, color="#0072b2", alpha=0.3, label=f"best epoch, {best_epoch}")
    axes.set(xlabel="epoch", ylabel="RMS log-mel error (dB)", title="Training history")
    axes.legend()
    save_figure(figure, path)

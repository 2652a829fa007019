"""How a training went, epoch by epoch."""

import csv
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np

from speech_autoencoder.system.figures import new_figure, save_figure
from speech_autoencoder.system.files import atomic_write


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

    def add(self, **epoch: float) -> None:
        """Nothing; one epoch more, of which every column is told."""
        for column in fields(self):
            getattr(self, column.name).append(epoch[column.name])


def write_history(path: Path, history: History) -> None:
    """Nothing; path holds the history as CSV, one line an epoch."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file)
        columns = asdict(history)
        writer.writerow(["epoch", *columns])
        for epoch, row in enumerate(zip(*columns.values(), strict=True), 1):
            writer.writerow([epoch, *(f"{value:.6g}" for value in row)])


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

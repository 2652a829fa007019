"""What a training is resumed from: all that its next step depends on, and the best that it has found."""

import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import atomic_write, explain, printable
from speech_autoencoder.training.history import History

if TYPE_CHECKING:  # the trainer reads a budget before it starts TensorFlow
    from speech_autoencoder.training.train_step import TrainStep

_FORMAT = 3
# Seconds between checkpoints: what a crash can cost.
_EVERY_S = 30


@dataclass
class TrainingState:
    """How far a training is: the epochs that are planned, those that were, and the best weights, their loss and error.

    best_loss and best_db (dB) are of validation.
    """

    n_epochs: int
    history: History
    best: list[np.ndarray]
    best_loss: float
    best_db: float


class Checkpoint:
    """The file at path, for trainings of the same identity: taken after every epoch, written at times."""

    def __init__(self, path: Path, identity: tuple, config: TrainingConfig, say: Callable[[str], None]):
        self.path, self.identity, self.config, self.say = path, repr((_FORMAT, *identity)), config, say
        self.arrays, self.saved = {}, time.monotonic()

    def take(self, learner: "TrainStep", standing: TrainingState) -> None:
        """Nothing; this is what `save` writes from now on, and the file is written when the last time is long ago."""
        arrays = {f"history_{key}": np.array(value) for key, value in asdict(standing.history).items()}
        arrays |= {f"best_{i}": value for i, value in enumerate(standing.best)}
        arrays |= {"identity": np.array(self.identity), "n_epochs": np.array(standing.n_epochs)}
        arrays |= {"minutes": np.array(self.config.minutes), "epochs": np.array(self.config.epochs)}
        arrays |= {"best_loss": np.array(standing.best_loss), "best_db": np.array(standing.best_db)}
        self.arrays = learner.state() | arrays
        if time.monotonic() - self.saved > _EVERY_S:
            self.try_to_save()
            self.saved = time.monotonic()

    def try_to_save(self) -> None:
        """Nothing; the file holds what was taken last, whole. Where it cannot, that is said: no reason to lose what
        has been learned.
        """
        try:
            if self.arrays:
                with atomic_write(self.path) as temporary:
                    np.savez(temporary, **self.arrays)
        except InputError as error:
            self.say(f"No checkpoint could be written ({error})")

    def load(self, learner: "TrainStep") -> TrainingState:
        """How far the training was; the learner is as it was then.

        Raises InputError when there is no file, or it is damaged or of another identity.
        """
        with _opened(self.path) as arrays:
            if str(arrays["identity"]) != self.identity:
                raise InputError(
                    f"{printable(self.path)} is of other data or settings: resume with the same ones, or without --resume."
                )
            learner.restore(arrays)
            return TrainingState(
                n_epochs=int(arrays["n_epochs"]),
                history=History(**{key: arrays[f"history_{key}"].tolist() for key in asdict(History())}),
                best=[arrays[f"best_{i}"] for i in range(len(learner.average))],
                best_loss=float(arrays["best_loss"]),
                best_db=float(arrays["best_db"]),
            )

    def remove(self) -> None:
        """Nothing; there is no file."""
        self.path.unlink(missing_ok=True)


def budget(path: Path) -> tuple[float, int]:
    """The minutes and the epochs (0: as many as the minutes allow) of the training that the file at path is of.

    Raises InputError when there is no file, or it is damaged.
    """
    with _opened(path) as arrays:
        return float(arrays["minutes"]), int(arrays["epochs"])


@contextmanager
def _opened(path: Path) -> Iterator:
    """The arrays in the file at path. Raises InputError when there is none, or what is read of it is damaged."""
    name = printable(path)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except FileNotFoundError:
        raise InputError(f"There is nothing to resume ({name} is missing): run without --resume.") from None
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    except (KeyError, ValueError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{name} is damaged ({error}): run without --resume.") from error

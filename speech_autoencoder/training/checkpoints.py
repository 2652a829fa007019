"""The file that an interrupted training resumes from: everything that its next step depends on, and its best epoch.

TensorFlow is not needed here: a script reads the budget of a checkpoint before it starts TensorFlow.
"""

import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import atomic_write, explain, printable
from speech_autoencoder.training.history import History, Score

# Changes when the arrays of the file do.
_FORMAT = 4
# Seconds between two checkpoints: what a crash can cost.
_EVERY_S = 30


@dataclass
class TrainingState:
    """How far a training is.

    Attributes
    ----------
    n_epochs : int
        The epochs that are planned.
    history : History
        The epochs that are done.
    best_weights : list[np.ndarray]
        The averaged weights of the best epoch, or those at the start.
    best_score : Score
        Their score on validation.
    """

    n_epochs: int
    history: History
    best_weights: list[np.ndarray]
    best_score: Score


class Resumable(Protocol):
    """Something that can be put back into an earlier state, such as a `TrainStep`."""

    def averages(self) -> list[np.ndarray]:
        """Return copies of the averaged weights."""

    def state(self) -> dict[str, np.ndarray]:
        """Return copies of everything that the next step depends on."""

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to when `state` returned this. Raise ValueError if it is the state of something else."""


class Checkpoint:
    """The checkpoint of one training: taken after every epoch, written from time to time.

    Parameters
    ----------
    path : Path
        The file, an .npz.
    identity : tuple
        What must be the same when training is resumed.
    config : TrainingConfig
        The budget is kept in the file, see `budget`.
    say : Callable
        Reports that the file could not be written.
    """

    def __init__(self, path: Path, identity: tuple, config: TrainingConfig, say: Callable[[str], None]) -> None:
        self.path = path
        self._identity = repr(identity)
        self._config = config
        self._say = say
        self._arrays: dict[str, np.ndarray] = {}
        self._saved_at = time.monotonic()

    def take(self, train_step: Resumable, state: TrainingState) -> None:
        """Keep the training as it is now, for `try_to_save`; write it if the last file is half a minute old."""
        values = {
            "format": _FORMAT,
            "identity": self._identity,
            "minutes": self._config.minutes,
            "epochs": self._config.epochs,
            "n_epochs": state.n_epochs,
            "best_loss": state.best_score.loss,
            "best_error_db": state.best_score.error_db,
            **{f"history_{column}": values for column, values in asdict(state.history).items()},
        }
        self._arrays = {
            **train_step.state(),
            **{name: np.array(value) for name, value in values.items()},
            **{f"best_weights_{i}": weights for i, weights in enumerate(state.best_weights)},
        }
        if time.monotonic() - self._saved_at > _EVERY_S:
            self.try_to_save()
            self._saved_at = time.monotonic()

    def try_to_save(self) -> None:
        """Write what was taken last, completely or not at all.

        A failure is reported, not raised: a full disk must not cost what has been learned.
        """
        try:
            if self._arrays:
                with atomic_write(self.path) as temporary:
                    np.savez(temporary, **self._arrays)  # type: ignore[arg-type]  # the stubs see an option
        except InputError as error:
            self._say(f"No checkpoint could be written ({error})")

    def load(self, train_step: Resumable) -> TrainingState:
        """Put the train step back to where the file's training was, and return how far it was.

        Raises
        ------
        InputError
            If there is no file, or it is damaged, of another version or of another training.
        """
        with _opened(self.path) as arrays:
            if str(arrays["identity"]) != self._identity:
                raise InputError(
                    f"{printable(self.path)} belongs to other data or settings: resume with the same ones, or train "
                    "without --resume."
                )
            train_step.restore(arrays)
            return TrainingState(
                n_epochs=int(arrays["n_epochs"]),
                history=History(**{column: arrays[f"history_{column}"].tolist() for column in asdict(History())}),
                best_weights=[arrays[f"best_weights_{i}"] for i in range(len(train_step.averages()))],
                best_score=Score(float(arrays["best_loss"]), float(arrays["best_error_db"])),
            )

    def remove(self) -> None:
        """Delete the file, if there is one."""
        self.path.unlink(missing_ok=True)


def budget(path: Path) -> tuple[float, int]:
    """Return the minutes, and the epochs (0: as many as the minutes allow), that a checkpoint's training was given.

    Raises
    ------
    InputError
        If there is no file, or it is damaged or of another version.
    """
    with _opened(path) as arrays:
        return float(arrays["minutes"]), int(arrays["epochs"])


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open the arrays of a checkpoint; raise InputError if there is none, or what is read of it is damaged."""
    name = printable(path)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if "format" not in arrays or int(arrays["format"]) != _FORMAT:
                raise InputError(f"{name} was written by another version of this program: train without --resume.")
            yield arrays
    except FileNotFoundError:
        raise InputError(f"There is nothing to resume ({name} is missing): train without --resume.") from None
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    except (KeyError, ValueError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{name} is damaged, or not a checkpoint: train without --resume.") from error

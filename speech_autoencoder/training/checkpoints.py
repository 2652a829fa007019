"""The file that a training is resumed from: everything that its next step depends on, its best epoch, its settings.

TensorFlow is not needed here: a script reads the settings in a checkpoint before it starts TensorFlow.
"""

import ast
import json
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from speech_autoencoder.config import CodecConfig, FeatureConfig, LossConfig, ModelConfig, TrainingConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.copies import local
from speech_autoencoder.system.files import atomic_write, explain, printable, require_content
from speech_autoencoder.training.history import History, Score

# Changes when the arrays of the file do.
_FORMAT = 7
# 6 is without what is not trained, the model to start from, and the best epoch; 5 also without the progress within an
# epoch; 4 also had the settings as Python's repr of a tuple, without the way to validate.
_OLD_FORMATS = (4, 5, 6)
_OLD_SETTINGS = ("data", "features", "model", "loss", "codec", "training", "split")
# Seconds between two checkpoints: what a crash can cost.
_EVERY_S = 30
# What a resumed training may have otherwise than before: how long it takes.
BUDGET = ("minutes", "epochs", "patience")


@dataclass(frozen=True)
class Settings:
    """What a training is: its data and everything that was chosen for it.

    Attributes
    ----------
    data : str
        The fingerprint of the array.
    features, model, loss, codec, training
        The configurations; codec is None for a model that is not trained as a codec.
    split : str
        How recordings were held out, in words.
    validation : str
        The same as it was asked for, one of VALIDATION_SPLITS; "" if it is not known.
    started_from : dict or None
        The `origin_of` the model that training started from; None: it started at PCA.
    """

    data: str
    features: FeatureConfig
    model: ModelConfig
    loss: LossConfig
    codec: CodecConfig | None
    training: TrainingConfig
    split: str
    validation: str = ""
    started_from: dict[str, Any] | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a training to be resumed."""
        values = asdict(self)
        del values["validation"]
        values["training"] = {key: value for key, value in values["training"].items() if key not in BUDGET}
        return values


@dataclass
class EpochProgress:
    """How far an epoch is.

    Attributes
    ----------
    n_steps : int
        The steps that are done.
    squares, n_frames : float
        The sum of the mean square errors of their batches, by their frames that count; and those frames.
    minutes : float
        The time since training began.
    """

    n_steps: int = 0
    squares: float = 0.0
    n_frames: float = 0.0
    minutes: float = 0.0


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
    best_epoch : int
        The best epoch, from 1; 0: none was better than the start.
    ended : str
        Why the training is finished, see `result.Result`; "" while it is not.
    continued_at : int
        The epochs that were done when a finished training was last given a larger budget.
    progress : EpochProgress
        How far the epoch is that is not in the history yet.
    """

    n_epochs: int
    history: History
    best_weights: list[np.ndarray]
    best_score: Score
    best_epoch: int = 0
    ended: str = ""
    continued_at: int = 0
    progress: EpochProgress = field(default_factory=EpochProgress)


class Resumable(Protocol):
    """Something that can be put back into an earlier state, such as a `TrainStep`."""

    def averages(self) -> list[np.ndarray]:
        """Return copies of the averaged weights."""

    def state(self) -> dict[str, np.ndarray]:
        """Return copies of everything that the next step depends on."""

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to when `state` returned this. Raise ValueError if it is the state of something else."""


class Checkpoint:
    """The checkpoint of one training: taken after every epoch, and within a long one; written from time to time.

    Parameters
    ----------
    path : Path
        The file, an .npz.
    settings : Settings
        Those of the training, which the file holds, and with which alone it is resumed.
    say : Callable
        Reports that the file could not be written.
    """

    def __init__(self, path: Path, settings: Settings, say: Callable[[str], None]) -> None:
        self.path = path
        self._settings = settings
        self._say = say
        self._arrays: dict[str, np.ndarray] = {}
        self._saved_at = time.monotonic()
        # Whether the file is of this training; before, there may be one of an earlier training.
        self._is_current = False

    @property
    def is_due(self) -> bool:
        """Whether the last file is half a minute old."""
        return time.monotonic() - self._saved_at > _EVERY_S

    def take(self, train_step: Resumable, state: TrainingState) -> None:
        """Keep the training as it is now, for `try_to_save`; write it if the last file is half a minute old."""
        values = {
            "format": _FORMAT,
            "settings": json.dumps(asdict(self._settings)),
            "n_epochs": state.n_epochs,
            "continued_at": state.continued_at,
            "best_loss": state.best_score.loss,
            "best_error_db": state.best_score.error_db,
            "best_epoch": state.best_epoch,
            **{f"history_{column}": values for column, values in asdict(state.history).items()},
            **{f"progress_{name}": value for name, value in asdict(state.progress).items()},
        }
        self._arrays = {
            **train_step.state(),
            **{name: np.array(value) for name, value in values.items()},
            **{f"best_weights_{i}": weights for i, weights in enumerate(state.best_weights)},
        }
        if self.is_due:
            self.try_to_save()
            self._saved_at = time.monotonic()

    def try_to_save(self, *, ended: str = "") -> None:
        """Write what was taken last, completely or not at all; `ended` says why the training is finished.

        A failure is reported, not raised: a full disk must not cost what has been learned. The file of an earlier
        training is deleted then: resumed, it would replace the model of this one.
        """
        try:
            if self._arrays:
                self._arrays["ended"] = np.array(ended)
                with atomic_write(self.path) as temporary:
                    np.savez(temporary, **self._arrays)  # type: ignore[arg-type]  # the stubs see an option
                self._is_current = True
        except InputError as error:
            if not self._is_current:
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
            self._say(f"No checkpoint could be written ({error})")

    def load(self, train_step: Resumable) -> tuple[TrainingState, Settings]:
        """Put the train step back to where the file's training was; return how far it was, and its settings.

        Raises
        ------
        InputError
            If there is no file, or it is damaged, of another version or of another training.
        """
        with _opened(self.path) as arrays:
            settings = _settings(arrays)
            require_same(self.path, settings, self._settings)
            self._is_current = True
            train_step.restore(arrays)
            history, best_loss = _history(arrays), float(arrays["best_loss"])
            # Before format 7: an epoch whose loss is the best one, or the start.
            best_epoch = history.best_epoch if best_loss in history.validation_loss else 0
            state = TrainingState(
                n_epochs=int(arrays["n_epochs"]),
                history=history,
                best_weights=[arrays[f"best_weights_{i}"] for i in range(len(train_step.averages()))],
                best_score=Score(best_loss, float(arrays["best_error_db"])),
                best_epoch=int(arrays.get("best_epoch", best_epoch)),
                ended=str(arrays["ended"]) if "ended" in arrays else "",
                continued_at=int(arrays["continued_at"]) if "continued_at" in arrays else 0,
                progress=_progress(arrays),
            )
            return state, settings


def read_settings(path: Path) -> Settings:
    """Return the settings of the training in a checkpoint.

    Raises
    ------
    InputError
        If there is no file, or it is damaged or of another version.
    """
    with _opened(path) as arrays:
        return _settings(arrays)


def require_same(path: Path, theirs: Settings, mine: Settings) -> None:
    """Raise InputError, with what differs, unless the training in the checkpoint `path` can be resumed with `mine`."""
    before, now = theirs.identity, mine.identity
    differing = [key for key in now if before[key] != now[key]]
    if not differing:
        return
    name = printable(path)
    if "data" in differing or "features" in differing:
        raise InputError(
            f"{name} belongs to other data or settings (another array, or other recordings in it): resume with the "
            "array that it was trained on, or train without --resume."
        )
    changes = "; ".join(change for key in differing for change in _changes(key, before[key], now[key]))
    raise InputError(
        f"{name} belongs to other data or settings ({changes}): resume with the same ones, or train without --resume."
    )


def _changes(key: str, before: Any, now: Any) -> Iterator[str]:
    """Yield what differs between two values of a setting, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in now:
            if before[name] != now[name]:
                yield f"{name} was {before[name]}, is {now[name]}"
    elif before is None or now is None:
        yield f"{key} was {'off' if before is None else 'on'}, is {'off' if now is None else 'on'}"
    else:
        yield f"{key} was {before}, is {now}"


def _history(arrays: Mapping[str, np.ndarray]) -> History:
    """Return the epochs that a checkpoint's training has done."""
    return History(**{column: arrays[f"history_{column}"].tolist() for column in asdict(History())})


def _progress(arrays: Mapping[str, np.ndarray]) -> EpochProgress:
    """Return how far a checkpoint's training is in its epoch."""
    values = asdict(EpochProgress())
    return EpochProgress(**{name: type(value)(arrays.get(f"progress_{name}", value)) for name, value in values.items()})


def _settings(arrays: Mapping[str, np.ndarray]) -> Settings:
    """Return the settings in a checkpoint; raise one of the errors that `_opened` expects if they are damaged."""
    if "settings" in arrays:
        values = json.loads(str(arrays["settings"]))
    else:
        values = _old_settings(str(arrays["identity"]))
        values["training"] |= {"minutes": float(arrays["minutes"]), "epochs": int(arrays["epochs"])}
    codec, origin = values.pop("codec"), values.get("started_from")
    if origin and not all(isinstance(origin[key], str) for key in ("name", "sha256")):
        raise ValueError("expected the name and the digest of a model")
    try:
        return Settings(
            features=FeatureConfig.from_json(values.pop("features")),
            model=ModelConfig.from_json(values.pop("model")),
            loss=LossConfig.from_json(values.pop("loss")),
            codec=codec and CodecConfig.from_json(codec),
            training=TrainingConfig.from_json(values.pop("training")),
            **values,
        )
    except InputError as error:
        raise ValueError(str(error)) from error


def _old_settings(text: str) -> dict[str, Any]:
    """Return the settings that format 4 has as Python's repr of a tuple, with the configurations as calls."""
    expression = ast.parse(text, mode="eval").body
    if not isinstance(expression, ast.Tuple):
        raise ValueError("expected a tuple")
    values = [
        {keyword.arg: ast.literal_eval(keyword.value) for keyword in item.keywords}
        if isinstance(item, ast.Call)
        else ast.literal_eval(item)
        for item in expression.elts
    ]
    return dict(zip(_OLD_SETTINGS, values, strict=True))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open the arrays of a checkpoint; raise InputError if there is none, or what is read of it is damaged."""
    name = printable(path)
    require_content(path)
    try:
        with np.load(local(path), allow_pickle=False) as arrays:
            if "format" not in arrays or int(arrays["format"]) not in (*_OLD_FORMATS, _FORMAT):
                raise InputError(f"{name} was written by another version of this program: train without --resume.")
            yield arrays
    except InputError:  # which is a ValueError
        raise
    except FileNotFoundError:
        raise InputError(
            f"There is nothing to resume ({name} is missing): name the model that was in training with --model, or "
            "train without --resume."
        ) from None
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    except (
        AttributeError,
        KeyError,
        SyntaxError,
        ValueError,
        EOFError,
        TypeError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(
            f"{name} is damaged, or not a checkpoint: train without --resume, but with --overwrite."
        ) from error

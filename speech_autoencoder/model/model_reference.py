"""A model's file as other processes load it: by its path, and only if it holds the same model."""

import hashlib
import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file, pretrained
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.system.files import explain, printable

# An evaluation has a model, and one to compare with.
_MOST_KEPT = 2


@dataclass(frozen=True)
class ModelReference:
    """What another process needs to load a model.

    Attributes
    ----------
    path : Path or None
        The absolute path of its file; None for the model that comes with the program, wherever that is installed.
    digest : str
        Of the bytes of the file.
    """

    path: Path | None
    digest: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the reference of a model's file that can be read here."""
        found = pretrained.resolve(path)
        return cls(None if found == pretrained.PATH else found.absolute(), _digest(found))

    def load(self) -> TrainedModel:
        """Return the model, which is kept for further calls in the same process.

        Raises
        ------
        InputError
            If this computer does not see the file, or sees another one.
        """
        return _load(self)


@lru_cache(maxsize=_MOST_KEPT)
def _load(reference: ModelReference) -> TrainedModel:
    """Return the model of a reference."""
    path = reference.path or pretrained.PATH
    try:
        digest = _digest(path)
    except OSError as error:
        raise InputError(
            f"The worker on {platform.node()} cannot read {printable(path)} ({explain(error)}): put the model into a "
            "folder that all workers see."
        ) from error
    if digest != reference.digest:
        raise InputError(
            f"{printable(path)} is another file on {platform.node()}, where a worker runs, than here: put the model "
            "into a folder that all workers share, and do not change it while they run."
        )
    return model_file.load(path)


def _digest(path: Path) -> str:
    """Return a digest of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

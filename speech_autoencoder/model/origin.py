"""What a model tells of the one that its training started from, and of those before that one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from speech_autoencoder.model import pretrained
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.model_reference import ModelReference
from speech_autoencoder.storage.copies import local
from speech_autoencoder.system.files import printable

# The key of a description that holds an origin.
KEY = "started_from"
# What an origin has of the model's own description: its recordings, whose they are, and its own origin.
_KEPT = ("data", "source", KEY)


def origin_of(path: Path, model: TrainedModel) -> dict[str, Any]:
    """Return what a model that starts from this one tells of it, as JSON's own types.

    Parameters
    ----------
    path
        The file that the model was loaded from.

    Returns
    -------
    dict
        The `name` of the file, the `sha256` of its bytes, the model's `fingerprint` and, as far as its description has
        them, `data`, `source` and `started_from`.
    """
    found = pretrained.resolve(path)
    return {
        "name": pretrained.NAME if found == pretrained.PATH else printable(path.name),
        "sha256": ModelReference.of(local(found)).digest,
        "fingerprint": model.fingerprint.hex(),
        **{key: model.description[key] for key in _KEPT if model.description.get(key)},
    }


def origins(description: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the origin in a model's description, then its origin, and so on, as far as they have names."""
    origin = description.get(KEY)
    while isinstance(origin, dict) and isinstance(origin.get("name"), str):
        yield origin
        origin = origin.get(KEY)

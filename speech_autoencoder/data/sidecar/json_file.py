"""The JSON beside an array."""

from pathlib import Path
from typing import Any

from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import is_regular, printable, read_json

FORMAT = "speech-autoencoder clips 3"
# A sidecar has some 400 bytes for each recording. One of more bytes than this, and than this fraction (1 / 16) of its
# array more, was not written by this program, and parsing it could exhaust the memory.
_SIDECAR_BYTES = 4 << 20
_SIDECAR_PART = 16


def sidecar_path(array_path: Path) -> Path:
    """Return the path of an array's description: of `train_data.npy`, it is `train_data.json`."""
    return array_path.with_suffix(".json")


def read_sidecar(array_path: Path, made_by: str) -> dict[str, Any]:
    """Return the JSON object beside an array; raise InputError if it is missing, damaged or far too large."""
    path = sidecar_path(array_path)
    n_bytes = size_of(path)
    if n_bytes > _SIDECAR_BYTES + size_of(array_path) // _SIDECAR_PART:
        raise InputError(f"{printable(path)} is too large ({n_bytes:,} bytes) for its array: run {made_by} again.")
    return read_json(path, made_by)


def features_in(sidecar: dict[str, Any], name: str, made_by: str) -> FeatureConfig:
    """Return the features in the sidecar of this name."""
    try:
        return FeatureConfig.from_json(sidecar.get("features"))
    except InputError as error:
        raise InputError(f"{name} is damaged ({str(error).rstrip('.')}): run {made_by} again.") from error


def size_of(path: Path) -> int:
    """Return the size of a file in bytes, 0 if it is unknown; raise InputError for a pipe or a device."""
    try:
        status = path.stat()
        is_file = is_regular(status) or path.is_dir()
    except OSError:
        return 0  # reading it reports why
    if not is_file:
        raise InputError(f"{printable(path)} is not a regular file: name one that a script has made.")
    return status.st_size

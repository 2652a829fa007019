"""The JSON beside an array, which holds the columns of its recordings; of many recordings, a file beside it does."""

from contextlib import suppress
from operator import eq
from pathlib import Path
from typing import Any

from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.data.sidecar.columns import GROUPS
from speech_autoencoder.data.sidecar.columns_file import MAGIC, ColumnsFile, write_columns
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.copies import local
from speech_autoencoder.system.files import (
    atomic_write,
    explain,
    is_regular,
    printable,
    read_json,
    require_content,
    write_json,
)

FORMAT = "speech-autoencoder clips 3"
# The columns are in a file beside the JSON.
_FORMAT_WITH_FILE = "speech-autoencoder clips 4"
FORMATS = (FORMAT, _FORMAT_WITH_FILE)
# Up to this many recordings, the columns are in the JSON: some 20 MB, which take 0.1 GB of memory to read.
_MOST_IN_JSON = 50_000
# A sidecar has some 400 bytes for each recording. One of more bytes than this, and than this fraction (1 / 16) of its
# array more, was not written by this program, and parsing it could exhaust the memory.
_SIDECAR_BYTES = 4 << 20
_SIDECAR_PART = 16
# An index is that of up to _MOST_IN_JSON recordings, or has a line for each of some 10,000 parts.
_INDEX_BYTES = 64 << 20
INDEX_NAME = "index"


def sidecar_path(array_path: Path) -> Path:
    """Return the path of an array's description: of `train_data.npy`, it is `train_data.json`.

    That of an array in parts, which is a folder, is its index.
    """
    return (array_path / INDEX_NAME if array_path.is_dir() else array_path).with_suffix(".json")


def columns_path(array_path: Path) -> Path:
    """Return the path of the columns of many recordings: of `train_data.npy`, it is `train_data.columns`."""
    return sidecar_path(array_path).with_suffix(".columns")


def write_sidecar(array_path: Path, sidecar: dict[str, Any]) -> None:
    """Write the sidecar of an array, and of many recordings the file of their columns, each whole or not at all.

    `sidecar` has the columns as dicts of sequences or arrays, as `read_sidecar` returns them.

    Raises
    ------
    InputError
        If the operating system refuses.
    """
    path, beside = sidecar_path(array_path), columns_path(array_path)
    if len(sidecar["recordings"]["path"]) <= _MOST_IN_JSON:
        write_json(path, {key: value for key, value in sidecar.items() if key != "columns"} | {"format": FORMAT})
        if _holds_columns(beside):  # of an earlier array
            with suppress(OSError):
                beside.unlink()
        return
    with atomic_write(beside) as temporary:
        stored = write_columns(temporary, {group: sidecar[group] for group in GROUPS})
        others = {key: value for key, value in sidecar.items() if key not in GROUPS}
        write_json(path, others | {"format": _FORMAT_WITH_FILE, "columns": stored})


def are_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two sidecars say the same, wherever their columns are."""
    others = [{key: value for key, value in sidecar.items() if key not in GROUPS} for sidecar in (one, other)]
    return others[0] == others[1] and all(_are_same_columns(one[group], other[group]) for group in GROUPS)


def _are_same_columns(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether the columns of a group are the same."""
    return one.keys() == other.keys() and all(
        len(one[key]) == len(other[key]) and all(map(eq, one[key], other[key])) for key in one
    )


def _holds_columns(path: Path) -> bool:
    """Return whether a file is one of columns."""
    with suppress(OSError):
        if is_regular(path.stat()):  # opening another may block
            with path.open("rb") as file:
                return file.read(len(MAGIC)) == MAGIC
    return False


def read_sidecar(array_path: Path, made_by: str) -> dict[str, Any]:
    """Return the JSON object beside an array; raise InputError if it is missing, damaged or far too large."""
    path = sidecar_path(array_path)
    n_bytes = size_of(path)
    most = _INDEX_BYTES if array_path.is_dir() else _SIDECAR_BYTES + size_of(array_path) // _SIDECAR_PART
    if n_bytes > most:
        raise InputError(f"{printable(path)} is too large ({n_bytes:,} bytes) for its array: run {made_by} again.")
    sidecar = read_json(path, made_by)
    return (
        sidecar | _stored_columns(array_path, sidecar, made_by)
        if sidecar.get("format") == _FORMAT_WITH_FILE
        else sidecar
    )


def _stored_columns(array_path: Path, sidecar: dict[str, Any], made_by: str) -> dict[str, Any]:
    """Return the columns in the file beside the JSON, by group; raise InputError if it is missing or damaged."""
    path, stored = columns_path(array_path), sidecar.get("columns")
    name, of_json = printable(path), printable(sidecar_path(array_path))
    size_of(path)
    require_content(path)

    def damaged(reason: str) -> InputError:
        return InputError(f"{name} and {of_json} do not belong together ({reason}): run {made_by} again.")

    if not isinstance(stored, dict):
        raise damaged("the JSON does not describe it")
    try:
        file = ColumnsFile(local(path), stored, damaged)
    except FileNotFoundError:
        raise InputError(f"{name} is missing, which belongs to {of_json}: run {made_by} again.") from None
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    return {group: file.columns(group, kinds) for group, kinds in GROUPS.items()}


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

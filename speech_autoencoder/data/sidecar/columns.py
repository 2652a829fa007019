"""The columns of a sidecar: what it says of each recording."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.data.sidecar.columns_file import Texts

# What the sidecar says of each recording: one list a column, in the array's order.
COLUMNS: dict[str, type] = {
    "path": str,
    "size": int,
    "mtime_ns": int,
    "digest": int,
    "sr": int,
    "n_samples": int,
    "n_frames": int,
    # The columns of `Levels`, of the recording as mono at its own rate.
    "peak": float,
    "power": float,
    "clipped": int,
    "quiet": float,
}
# Columns that sidecars of earlier versions do not have: what else tells whether a file is the same, and what its name
# tells, "" where unknown.
FILE_COLUMNS: dict[str, type] = {"inode": int, "ctime_ns": int}
NAME_COLUMNS: dict[str, type] = {"speaker": str, "label": str}
# Columns that there are only where a recording is a part of a file: the file, and the first sample of the part in it.
PART_COLUMNS: dict[str, type] = {"file": str, "start": int}
_LATER_COLUMNS = FILE_COLUMNS | NAME_COLUMNS | PART_COLUMNS
# What it says of each row of the array.
_ROW_COLUMNS: dict[str, type] = {"recording": int, "offset": int, "valid_frames": int}
# All columns, as they are grouped in the sidecar.
GROUPS = {"recordings": COLUMNS | _LATER_COLUMNS, "rows": _ROW_COLUMNS}


def columns_in(sidecar: dict[str, Any]) -> dict[str, Any]:
    """Return the sidecar's columns, lists or those of a file; raise TypeError or KeyError if one is missing or damaged.

    Those of a file were checked when it was opened.
    """
    recordings = sidecar["recordings"]
    kinds = COLUMNS | {key: kind for key, kind in _LATER_COLUMNS.items() if key in recordings}
    columns = {key: recordings[key] for key in kinds}
    for key, column in columns.items():
        if isinstance(column, np.ndarray | Texts):
            continue
        if type(column) is not list or not all(type(value) is kinds[key] for value in column):
            raise TypeError(f"{key} is not a list of {kinds[key].__name__}")
    return columns


def numbers_in(columns: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the columns of numbers as arrays; raise OverflowError if one is too large."""
    kinds = {key: kind for key, kind in GROUPS["recordings"].items() if kind is not str and key in columns}
    return {
        key: columns[key] if isinstance(columns[key], np.ndarray) else np.array(columns[key], kind)
        for key, kind in kinds.items()
    }


def how_names_are_read(told: Understanding) -> dict[str, str]:
    """Return what the sidecar holds of how names are read."""
    return {"pattern": told.pattern, "source": told.source}


def name_columns(told: Understanding) -> dict[str, Sequence[str]]:
    """Return the columns of what names tell, NAME_COLUMNS."""
    return dict(zip(NAME_COLUMNS, (told.speakers, told.labels), strict=True))


def understanding_in(sidecar: dict[str, Any], columns: dict[str, Any]) -> Understanding | None:
    """Return what the sidecar says that the names tell, None if it is of an earlier version."""
    if not NAME_COLUMNS.keys() <= columns.keys():
        return None
    how = sidecar["names"]
    return Understanding(columns["speaker"], columns["label"], str(how["pattern"]), str(how["source"]))

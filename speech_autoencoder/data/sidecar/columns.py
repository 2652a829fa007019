"""The columns of a sidecar: what it says of each recording."""

from typing import Any

from speech_autoencoder.data.recording_names import Understanding

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


def columns_in(sidecar: dict[str, Any]) -> dict[str, list]:
    """Return the sidecar's columns; raise TypeError or KeyError if one is damaged or missing."""
    recordings = sidecar["recordings"]
    later = FILE_COLUMNS | NAME_COLUMNS | PART_COLUMNS
    kinds = COLUMNS | {key: kind for key, kind in later.items() if key in recordings}
    columns = {key: recordings[key] for key in kinds}
    for key, column in columns.items():
        if type(column) is not list or not all(type(value) is kinds[key] for value in column):
            raise TypeError(f"{key} is not a list of {kinds[key].__name__}")
    return columns


def how_names_are_read(told: Understanding) -> dict[str, str]:
    """Return what the sidecar holds of how names are read."""
    return {"pattern": told.pattern, "source": told.source}


def name_columns(told: Understanding) -> dict[str, list[str]]:
    """Return the columns of what names tell, NAME_COLUMNS."""
    return dict(zip(NAME_COLUMNS, (told.speakers, told.labels), strict=True))


def understanding_in(sidecar: dict[str, Any], columns: dict[str, list]) -> Understanding | None:
    """Return what the sidecar says that the names tell, None if it is of an earlier version."""
    if not NAME_COLUMNS.keys() <= columns.keys():
        return None
    how = sidecar["names"]
    return Understanding(columns["speaker"], columns["label"], str(how["pattern"]), str(how["source"]))

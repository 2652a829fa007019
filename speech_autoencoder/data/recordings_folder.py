"""Where the recordings of an array are: stored in its sidecar so that it holds from anywhere, and found again."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speech_autoencoder.storage.remote_path import RemotePath, of_text
from speech_autoencoder.storage.urls import is_url

# Recordings that are looked for in each folder that may be the right one.
_SAMPLE = 8


def stored(audio_dir: Path, array_path: Path) -> dict[str, str]:
    """Return what a sidecar holds of the folder of its recordings: its path from the sidecar's folder, and its own.

    Examples
    --------
    >>> stored(Path("/data/speech/training"), Path("/data/train_data.npy"))
    {'audio_dir': 'speech/training', 'audio_dir_absolute': '/data/speech/training'}
    """
    if isinstance(audio_dir, RemotePath) or isinstance(array_path, RemotePath):  # neither is beside the other
        return dict.fromkeys(("audio_dir", "audio_dir_absolute"), str(audio_dir.absolute()))
    absolute, parent = audio_dir.absolute(), array_path.parent.absolute()
    try:
        if absolute.is_relative_to(parent) and os.pardir not in absolute.parts:
            relative = absolute.relative_to(parent)
        else:  # `..` leaves a linked folder where that is, not where the link is
            relative = Path(os.path.relpath(absolute.resolve(), parent.resolve()))
    except ValueError:  # on another drive of Windows
        relative = absolute
    return {"audio_dir": relative.as_posix(), "audio_dir_absolute": os.fspath(absolute)}


def find(sidecar: dict[str, Any], array_path: Path, names: Sequence[str], sizes: Sequence[int]) -> Path:
    """Return the folder that holds the recordings of an array, or else the one where they should be.

    It is looked for relative to the sidecar's folder, then where it was, then, as sidecars of earlier versions mean it,
    relative to the working directory.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the sidecar holds no such paths, or not a size for each name.
    """
    relative, absolute = sidecar["audio_dir"], sidecar.get("audio_dir_absolute", sidecar["audio_dir"])
    if is_url(absolute) or isinstance(array_path, RemotePath):
        return of_text(absolute)
    parent = array_path.parent
    beside = parent / relative
    if relative.startswith(os.pardir):  # what leads out of a resolved path needs no look at the disk
        beside = Path(os.path.normpath(parent.resolve() / relative))
    folders = [beside, array_path.resolve().parent / relative, Path(absolute), Path(relative)]
    if len(names) != len(sizes):
        raise ValueError(f"{len(names):,} names, but {len(sizes):,} sizes")
    step = max(1, len(names) // _SAMPLE)
    some = [(names[i], sizes[i]) for i in range(0, len(names), step)]
    best = max(folders, key=lambda folder: sum(_size(folder / name) == size for name, size in some))
    if any(_size(best / name) == size for name, size in some):
        return best
    return next((folder for folder in folders if _is_folder(folder)), folders[0])


def _size(path: Path) -> int:
    """Return the size of a file in bytes, -1 where there is none."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):  # a name from a damaged sidecar may hold a zero byte
        return -1


def _is_folder(path: Path) -> bool:
    """Return whether there is such a folder."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False

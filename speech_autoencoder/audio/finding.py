"""Find the recordings below a folder."""

import os
from collections.abc import Collection
from pathlib import Path

from speech_autoencoder.audio.formats.kinds import FORMATS, OTHER_FORMATS, SUFFIXES
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.remote_path import RemotePath
from speech_autoencoder.system.files import explain, is_regular, printable

# What messages call recordings.
_RECORDING = f"recording ({', '.join((*FORMATS, *OTHER_FORMATS))})"
# Suffixes of other files that a message names.
_MOST_NAMED = 5


def find_recordings(folder: Path, suffixes: Collection[str] = SUFFIXES, what: str = _RECORDING) -> list[str]:
    """Return the names of the recordings in a folder and its subfolders, relative to it and sorted.

    Hidden files and pipes are skipped. Links to folders are followed, each folder once. A subfolder that cannot be
    read is among the names, so that it is reported as an unreadable recording is.

    Files whose suffixes, in lower case, are not in `suffixes` are skipped. `what` is what messages call the others.

    Raises
    ------
    InputError
        If the folder is missing, cannot be read or holds no such file.
    """
    found, others = _listed(folder, suffixes) if isinstance(folder, RemotePath) else _walked(folder, suffixes)
    if not found:
        suffixes_there = ", ".join(sorted(filter(None, others))[:_MOST_NAMED])
        but = f", only files called {printable(suffixes_there)}" if suffixes_there else ""
        raise InputError(f"{printable(folder)} holds no {what}{but}: put some in it, or name another folder.")
    return sorted(found)


def _listed(folder: RemotePath, suffixes: Collection[str]) -> tuple[list[str], set[str]]:
    """Return the names of the recordings in a remote folder, and the suffixes of its other files."""
    try:
        names = folder.find()
    except OSError as error:
        raise InputError(f"{printable(folder)} could not be read: {explain(error)}.") from error
    if not names:  # a bucket has no folders but those of its files
        raise _no_folder(folder)
    found: list[str] = []
    others: set[str] = set()
    for name in names:
        suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - quicker, for a million names
        if not name.startswith(".") and "/." not in name:
            found.append(name) if suffix in suffixes else others.add(suffix)
    return found, others


def _walked(folder: Path, suffixes: Collection[str]) -> tuple[list[str], set[str]]:
    """Return the names of the recordings in a folder, and the suffixes of its other files."""
    try:
        if not folder.exists():
            raise _no_folder(folder)
        if not folder.is_dir():
            raise InputError(f"{printable(folder)} is not a folder: name the folder that holds the recordings.")
    except OSError as error:  # a parent that cannot be entered, a name that is too long
        raise InputError(f"{printable(folder)} could not be read: {explain(error)}.") from error
    found: list[str] = []
    others: set[str] = set()
    seen: set[tuple[int, int]] = set()

    def report(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise InputError(f"{printable(folder)} could not be read: {explain(error)}.") from error
        found.append(Path(error.filename).relative_to(folder).as_posix())

    for parent, folders, names in os.walk(folder, followlinks=True, onerror=report):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(parent, name)
            if name.startswith("."):
                continue
            if path.suffix.lower() in suffixes and _is_file(path):
                found.append(path.relative_to(folder).as_posix())
            else:
                others.add(path.suffix.lower())
    return found, others


def _no_folder(folder: Path) -> InputError:
    """Return the error of a folder that is missing."""
    return InputError(f"There is no folder {printable(folder)}: make it and put recordings in it, or name another.")


def _is_file(path: Path) -> bool:
    """Return whether the path is a regular file, or a broken link: reading that one reports it."""
    try:
        return is_regular(path.stat())
    except OSError:
        return path.is_symlink()

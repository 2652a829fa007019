"""Find the recordings below a folder."""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
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
    return sorted(_find(folder, suffixes, what).names)


def find_recordings_in_order(folder: Path, *, most: int) -> Iterable[str]:
    """Return what `find_recordings` does; where there are more than `most`, they are found once more, in order.

    Only the names in one folder, and in those that it is in, are then in memory at once.
    """
    found = _find(folder, SUFFIXES, _RECORDING, most)
    return _in_order(folder, "", found) if len(found.names) > most and found.folders else sorted(found.names)


@dataclass
class _Found:
    """What is below a folder.

    Attributes
    ----------
    names : list of str
        Recordings, and folders that cannot be read.
    others : set of str
        The suffixes of other files.
    folders, unreadable : set of str
        The folders that were entered, without the first one, and those that could not be read.
    """

    names: list[str] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)


def _find(folder: Path, suffixes: Collection[str], what: str, most: int | None = None) -> _Found:
    """Return what is below a folder; once there are more recordings than `most`, only its folders."""
    found = _listed(folder, suffixes) if isinstance(folder, RemotePath) else _walked(folder, suffixes, most)
    if not found.names:
        suffixes_there = ", ".join(sorted(filter(None, found.others))[:_MOST_NAMED])
        but = f", only files called {printable(suffixes_there)}" if suffixes_there else ""
        raise InputError(f"{printable(folder)} holds no {what}{but}: put some in it, or name another folder.")
    return found


def _in_order(folder: Path, inside: str, found: _Found) -> Iterator[str]:
    """Yield the recordings in a folder below the first one, whose name `inside` ends with a slash, in their order.

    The order is that of whole names: a folder stands where its name with the slash does.
    """
    try:
        with os.scandir(folder / inside) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{printable(folder / inside)} could not be read: {explain(error)}.") from error
    for name in sorted(f"{name}/" if f"{inside}{name}" in found.folders else name for name in names):
        whole = f"{inside}{name}"
        if name.endswith("/"):
            yield from _in_order(folder, whole, found)
        elif whole in found.unreadable or (Path(name).suffix.lower() in SUFFIXES and _is_file(folder / whole)):
            yield whole


def _listed(folder: RemotePath, suffixes: Collection[str]) -> _Found:
    """Return the recordings in a remote folder, and the suffixes of its other files."""
    try:
        names = folder.find()
    except OSError as error:
        raise InputError(f"{printable(folder)} could not be read: {explain(error)}.") from error
    if not names:  # a bucket has no folders but those of its files
        raise _no_folder(folder)
    found = _Found()
    for name in names:
        suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - quicker, for a million names
        if not name.startswith(".") and "/." not in name:
            found.names.append(name) if suffix in suffixes else found.others.add(suffix)
    return found


def _walked(folder: Path, suffixes: Collection[str], most: int | None) -> _Found:
    """Return what is below a folder; once there are more recordings than `most`, only its folders."""
    try:
        if not folder.exists():
            raise _no_folder(folder)
        if not folder.is_dir():
            raise InputError(f"{printable(folder)} is not a folder: name the folder that holds the recordings.")
    except OSError as error:  # a parent that cannot be entered, a name that is too long
        raise InputError(f"{printable(folder)} could not be read: {explain(error)}.") from error
    found = _Found()
    seen: set[tuple[int, int]] = set()

    def report(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise InputError(f"{printable(folder)} could not be read: {explain(error)}.") from error
        name = Path(error.filename).relative_to(folder).as_posix()
        found.names.append(name)
        found.unreadable.add(name)

    for parent, folders, names in os.walk(folder, followlinks=True, onerror=report):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found.folders.add(Path(parent).relative_to(folder).as_posix())
        if most is not None and len(found.names) > most:
            continue
        for name in names:
            path = Path(parent, name)
            if name.startswith("."):
                continue
            if path.suffix.lower() in suffixes and _is_file(path):
                found.names.append(path.relative_to(folder).as_posix())
            else:
                found.others.add(path.suffix.lower())
    return found


def _no_folder(folder: Path) -> InputError:
    """Return the error of a folder that is missing."""
    return InputError(f"There is no folder {printable(folder)}: make it and put recordings in it, or name another.")


def _is_file(path: Path) -> bool:
    """Return whether the path is a regular file, or a broken link: reading that one reports it."""
    try:
        return is_regular(path.stat())
    except OSError:
        return path.is_symlink()

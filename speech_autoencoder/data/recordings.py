"""The recordings that an array is made of: the files of a folder, or files and parts of files that a list names."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Self

from speech_autoencoder.audio.finding import find_recordings_in_order
from speech_autoencoder.audio.parts import Part
from speech_autoencoder.data.parts.spool import MOST_IN_MEMORY, kept
from speech_autoencoder.data.recording_names import Understanding, understand
from speech_autoencoder.storage.remote_path import RemotePath, joined, of_text
from speech_autoencoder.storage.urls import is_url
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.spelling import on_disk, same_spelling

# The source of an understanding that a list tells; see `Understanding`.
LISTED = "list"
# Where Common Voice has the recordings of its lists.
_SUBFOLDER = "clips"


@dataclass(frozen=True)
class Recordings:
    """Recordings with unique names.

    Attributes
    ----------
    folder : Path
        The folder that paths are relative to.
    names : sequence of str
        Sorted by path and time: the path of a file, or `Part.name`.
    parts : mapping
        The parts of files, by their names; the other names are paths.
    speakers, labels : sequence of str, optional
        Of each recording as a list tells them, "" where unknown; None if it has no such column.
    rows : mapping
        {name: its row in the list}, empty for a folder.
    listed_in : str
        What messages call the list, "" for a folder.
    addresses : mapping
        Of files that a list names by URLs which give access to them, those URLs; the names are without it.
    """

    folder: Path
    names: Sequence[str]
    parts: Mapping[str, Part] = field(default_factory=dict)
    speakers: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    listed_in: str = ""
    addresses: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of_folder(cls, folder: Path) -> Self:
        """Return the recordings in a folder and its subfolders; raise InputError if there are none."""
        return cls(folder, kept(find_recordings_in_order(folder, most=MOST_IN_MEMORY), str))

    def file(self, name: str) -> str:
        """Return the path of the file of a recording, from the folder."""
        part = self.parts.get(name)
        return part.file if part else name

    def path(self, name: str) -> Path:
        """Return the path of the file of a recording."""
        file = self.file(name)
        return self.addresses.get(file) or joined(self.folder, file)

    def files(self) -> Sequence[str]:
        """Return the path of the file of each recording, from the folder."""
        return [self.file(name) for name in self.names] if self.parts else self.names

    def where(self, name: str) -> str:
        """Return where a recording is listed, to begin a message with; "" for a folder."""
        return f"{self.listed_in}, row {self.rows[name]}: " if self.listed_in else ""

    def columns(self, names: Iterable[str], sr: Iterable[int]) -> dict[str, list]:
        """Return the sidecar's columns of parts (PART_COLUMNS) of recordings at these rates, {} without any."""
        if not self.parts:
            return {}
        pairs = [(name, self.parts.get(name), int(rate)) for name, rate in zip(names, sr, strict=True)]
        return {
            "file": [part.file if part else name for name, part, _ in pairs],
            "start": [part.span(rate)[0] if part else 0 for _, part, rate in pairs],
        }

    def understand(self, read_names: Callable[[Sequence[str]], Understanding] = understand) -> Understanding:
        """Return the speakers and labels: those of the list, where it has a column, otherwise what paths tell.

        `read_names` returns what the paths of recordings tell.
        """
        if self.speakers is None and self.labels is None:
            return read_names(self.files())
        is_told = self.speakers is not None and self.labels is not None
        told = Understanding([], []) if is_told else read_names(self.files())
        speakers = told.speakers if self.speakers is None else list(self.speakers)
        labels = told.labels if self.labels is None else list(self.labels)
        return replace(told, speakers=speakers, labels=labels, pattern="", source=LISTED)


class ListedFiles:
    """Finds files by the paths that a list in a folder has for them.

    Attributes
    ----------
    folder : Path
    addresses : dict
        See `Recordings`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.addresses = folder, dict[str, Path]()
        self._folder = str(folder)
        self._inside = f"{folder.absolute()}".rstrip(os.sep) + ("/" if isinstance(folder, RemotePath) else os.sep)
        self._listing = lru_cache(_listing)

    def find(self, text: str) -> tuple[str, str]:
        """Return the path of a file from the folder, and what is wrong with it, if anything.

        A URL stays one, unless it is in the folder; reading it reports if there is nothing.
        """
        path = of_text(text) if is_url(text) else None
        if isinstance(path, RemotePath):
            file = str(path).removeprefix(self._inside)
            if path.gives_access:
                self.addresses[file] = path
            return file, ""
        if isinstance(self.folder, RemotePath):
            return self._find_remote(self.folder, text)
        text = str(path or text)
        slashed = text.replace("\\", "/")
        spellings = [_normal(text), _normal(slashed)]
        if slashed.startswith("~"):
            spellings.append(os.path.expanduser(slashed))  # noqa: PTH111 - unlike Path's method, it raises nothing
        spellings.append(f"{_SUBFOLDER}/{slashed}")
        for spelling in dict.fromkeys(spellings):
            is_folder = _is_folder(os.path.join(self._folder, spelling))  # noqa: PTH118 - quicker, for a million rows
            if is_folder is not None:
                file = spelling.removeprefix(self._inside)
                return file, f"{printable(file)} is a folder" if is_folder else ""
        file = self._spelled(_normal(slashed))
        return file, "" if file else f"there is no file {printable(text)}"

    def _find_remote(self, folder: RemotePath, text: str) -> tuple[str, str]:
        """Return the path of a file from a remote folder, and what is wrong with it; the folder is listed once."""
        slashed = _normal(text.replace("\\", "/"))
        if folder.statuses is None:
            with suppress(OSError):  # where nothing can be listed, reading a file reports whether it is there
                folder.find()
        names = folder.statuses
        file = next((x for x in (slashed, f"{_SUBFOLDER}/{slashed}") if names is None or x in names), "")
        return file, "" if file else f"there is no file {printable(text)}"

    def _spelled(self, path: str) -> str:
        """Return a path with accents and capital letters as the disk has them, "" if there is none like it."""
        parent, name = os.path.split(path)
        folder, names = self._listing(self._folder, parent)
        same = names.get(same_spelling(name)) or names.get(same_spelling(name).casefold())
        return os.path.join(folder, same).removeprefix(os.path.join(self._folder, "")) if same else ""  # noqa: PTH118


def _normal(path: str) -> str:
    """Return a path without . and double slashes."""
    return PurePosixPath(path).as_posix() if "./" in path or "//" in path or path.endswith("/") else path


def _is_folder(path: str) -> bool | None:
    """Return whether a path is a folder, None if there is nothing."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - quicker, for a million rows
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError:  # reading it reports why
        return False


def _listing(root: str, parent: str) -> tuple[str, dict[str, str]]:
    """Return a folder as the disk spells it, and the names in it.

    They are by their one spelling, and by that in lower case where no other is alike.
    """
    try:
        folder = os.fspath(on_disk(Path(root, parent)))
        names = {same_spelling(name): name for name in os.listdir(folder)}  # noqa: PTH208
    except (OSError, ValueError):
        return "", {}
    lower = Counter(name.casefold() for name in names)
    return folder, {key.casefold(): name for key, name in names.items() if lower[key.casefold()] == 1} | names

"""The recordings that an array is made of: the files of a folder, or files and parts of files that a list names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.parts import Part
from speech_autoencoder.data.recording_names import Understanding, understand

# The source of an understanding that a list tells; see `Understanding`.
LISTED = "list"


@dataclass(frozen=True)
class Recordings:
    """Recordings with unique names.

    Attributes
    ----------
    folder : Path
        The folder that paths are relative to.
    names : list of str
        Sorted by path and time: the path of a file, or `Part.name`.
    parts : mapping
        The parts of files, by their names; the other names are paths.
    speakers, labels : sequence of str, optional
        Of each recording as a list tells them, "" where unknown; None if it has no such column.
    rows : mapping
        {name: its row in the list}, empty for a folder.
    listed_in : str
        What messages call the list, "" for a folder.
    """

    folder: Path
    names: list[str]
    parts: Mapping[str, Part] = field(default_factory=dict)
    speakers: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    listed_in: str = ""

    @classmethod
    def of_folder(cls, folder: Path) -> Self:
        """Return the recordings in a folder and its subfolders; raise InputError if there are none."""
        return cls(folder, find_recordings(folder))

    def file(self, name: str) -> str:
        """Return the path of the file of a recording, from the folder."""
        part = self.parts.get(name)
        return part.file if part else name

    def path(self, name: str) -> Path:
        """Return the path of the file of a recording."""
        return self.folder / self.file(name)

    def files(self) -> list[str]:
        """Return the path of the file of each recording, from the folder."""
        return [self.file(name) for name in self.names] if self.parts else self.names

    def where(self, name: str) -> str:
        """Return where a recording is listed, to begin a message with; "" for a folder."""
        return f"{self.listed_in}, row {self.rows[name]}: " if self.listed_in else ""

    def columns(self, names: Iterable[str], sr: Iterable[int]) -> dict[str, list]:
        """Return the sidecar's columns of parts (dataset.PART_COLUMNS) of recordings at these rates, {} without any."""
        if not self.parts:
            return {}
        pairs = [(name, self.parts.get(name), int(rate)) for name, rate in zip(names, sr, strict=True)]
        return {
            "file": [part.file if part else name for name, part, _ in pairs],
            "start": [part.span(rate)[0] if part else 0 for _, part, rate in pairs],
        }

    def understand(self, read_names: Callable[[list[str]], Understanding] = understand) -> Understanding:
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

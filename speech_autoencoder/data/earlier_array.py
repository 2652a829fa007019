"""The array of an earlier run, whose clips are used again where recordings are still the same."""

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.data import recordings_folder
from speech_autoencoder.data.analysis import Analysed, digest_of, stamp
from speech_autoencoder.data.dataset import (
    COLUMNS,
    FILE_COLUMNS,
    NAME_COLUMNS,
    Dataset,
    Progress,
    how_names_are_read,
    load,
    name_columns,
    read_sidecar,
    sidecar_path,
)
from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import write_json
from speech_autoencoder.system.parallel import in_order


class EarlierArray:
    """The array of an earlier run, as far as it can be used again."""

    def __init__(self, dataset: Dataset | None = None, sidecar: dict[str, Any] | None = None) -> None:
        self.dataset = dataset
        self.sidecar = sidecar or {"recordings": {key: [] for key in COLUMNS}, "left_out": []}
        self.columns: dict[str, list] = self.sidecar["recordings"]
        self.left_out = {
            str(entry["path"]): entry | {"reason": str(entry["reason"])} for entry in self.sidecar["left_out"]
        }
        self.notes: dict[str, str] = {str(name): str(note) for name, note in self.sidecar.get("notes", {}).items()}
        self.index = {name: i for i, name in enumerate(self.columns["path"])}
        # The columns of the recordings that are still the same, with the file as it is now; see `find_unchanged`.
        self.unchanged: dict[str, dict[str, Any]] = {}

    @classmethod
    def load(cls, array_path: Path, features: FeatureConfig, code: str, progress: Progress) -> Self:
        """Return what is at array_path if the code of this digest made it with these features, else nothing to use."""
        try:
            dataset = load(array_path, "", progress=progress)
            sidecar = read_sidecar(array_path, "")
            if dataset.features != features or sidecar.get("code") != code:
                return cls()
            return cls(dataset, sidecar)
        except (InputError, KeyError, TypeError, AttributeError):
            return cls()

    def find_unchanged(self, audio_dir: Path, names: list[str], workers: int) -> None:
        """Find the recordings that are the same as those of the array."""
        known = [name for name in names if name in self.index]
        for name, entry in zip(known, in_order(partial(self._entry, audio_dir), known, workers), strict=True):
            if entry:
                self.unchanged[name] = entry

    def _entry(self, audio_dir: Path, name: str) -> dict[str, Any] | None:
        """Return the columns of a recording if its file is the same, or another one with the same bytes."""
        index, now = self.index[name], stamp(audio_dir / name)
        entry = {key: column[index] for key, column in self.columns.items() if key not in NAME_COLUMNS}
        if not now or now.items() <= entry.items():
            return entry if now else None
        with suppress(OSError):  # `analyse` reports what is wrong with it
            if now["size"] == entry["size"] and digest_of(audio_dir / name) == entry["digest"]:
                return entry | now
        return None

    def is_current(self, audio_dir: Path, names: list[str]) -> bool:
        """Return whether the recordings, and those that were left out, are the same and unchanged."""
        used = [name for name in names if name not in self.left_out]
        return (
            self.dataset is not None
            and self.columns["path"] == used == list(self.unchanged)
            and len(used) + len(self.left_out) == len(names)
            and all(stamp(audio_dir / name).items() <= entry.items() for name, entry in self.left_out.items())
        )

    def write_sidecar(self, array_path: Path, audio_dir: Path, told: Understanding) -> dict[str, list]:
        """Write the sidecar if the files, their folder or what their names tell are others, and return its columns."""
        columns = {key: [entry[key] for entry in self.unchanged.values()] for key in COLUMNS | FILE_COLUMNS}
        columns |= name_columns(told)
        sidecar = self.sidecar | recordings_folder.stored(audio_dir, array_path)
        sidecar |= {"names": how_names_are_read(told), "recordings": columns}
        if sidecar != self.sidecar:
            write_json(sidecar_path(array_path), sidecar)
        return columns

    def analysed(self, name: str) -> Analysed | None:
        """Return the clips of a recording if its file has not changed since."""
        entry = self.unchanged.get(name)
        if entry is None or self.dataset is None:
            return None
        first_row, index = self.dataset.first_row, self.index[name]
        clips = self.dataset.clips[first_row[index] : first_row[index + 1]]
        return Analysed(entry, clips, is_new=False, note=self.notes.get(name, ""))

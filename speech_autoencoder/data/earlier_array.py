"""The array of an earlier run, whose clips are used again where recordings are still the same."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Self

from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.data import recordings_folder
from speech_autoencoder.data.analysis import Analysed, digest_of, stamp
from speech_autoencoder.data.dataset import Dataset, load
from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.data.sidecar.clips_file import Progress, RemoteClips
from speech_autoencoder.data.sidecar.columns import COLUMNS, FILE_COLUMNS, how_names_are_read, name_columns
from speech_autoencoder.data.sidecar.json_file import are_same, features_in, read_sidecar, write_sidecar
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.remote_path import RemotePath
from speech_autoencoder.system.parallel import in_order


class EarlierArray:
    """The array of an earlier run, as far as it can be used again."""

    def __init__(
        self,
        dataset: Dataset | None = None,
        sidecar: dict[str, Any] | None = None,
        fetch: Callable[[], Dataset] | None = None,
    ) -> None:
        self.dataset = dataset
        self._fetch = fetch  # a remote array, once it is needed
        self.sidecar = sidecar or {"recordings": {key: [] for key in COLUMNS}, "left_out": []}
        self.columns: dict[str, Any] = self.sidecar["recordings"]
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
            sidecar = read_sidecar(array_path, "")
            if sidecar.get("code") != code:
                return cls()
            fetch = partial(load, array_path, "", progress=progress)
            if isinstance(array_path, RemotePath):
                is_usable = features_in(sidecar, "", "") == features and _has_size(array_path, sidecar)
                return cls(None, sidecar, fetch) if is_usable else cls()
            dataset = fetch()
            return cls(dataset, sidecar) if dataset.features == features else cls()
        except (InputError, OSError, KeyError, TypeError, AttributeError):
            return cls()

    def find_unchanged(self, recordings: Recordings, workers: int) -> None:
        """Find the recordings that are the same as those of the array."""
        known = (name for name in recordings.names if name in self.index)
        files = [list(names) for _, names in groupby(known, recordings.file)]
        for names, entries in zip(files, in_order(partial(self._entries, recordings), files, workers), strict=True):
            self.unchanged |= {name: entry for name, entry in zip(names, entries, strict=True) if entry}

    def _entries(self, recordings: Recordings, names: list[str]) -> list[dict[str, Any] | None]:
        """Return the columns of recordings of one file if it is the same, or another one with the same bytes."""
        path = recordings.path(names[0])
        now = stamp(path)
        digest: int | None = None
        entries: list[dict[str, Any] | None] = []
        for name in names:
            index = self.index[name]
            entry = {key: self.columns[key][index] for key in COLUMNS | FILE_COLUMNS if key in self.columns}
            if now and not now.items() <= entry.items():
                with suppress(OSError):  # `analyse` reports what is wrong with it
                    if now["size"] == entry["size"]:
                        digest = digest_of(path) if digest is None else digest
                entry = entry | now if digest == entry["digest"] else {}
            entries.append(entry if now and entry else None)
        return entries

    def is_current(self, recordings: Recordings) -> bool:
        """Return whether the recordings, and those that were left out, are the same and unchanged."""
        used = [name for name in recordings.names if name not in self.left_out]
        return (
            (self.dataset is not None or self._fetch is not None)
            and list(self.index) == used == list(self.unchanged)
            and len(used) + len(self.left_out) == len(recordings.names)
            and all(stamp(recordings.path(name)).items() <= entry.items() for name, entry in self.left_out.items())
        )

    def open(self) -> None:
        """Fetch a remote array, where clips of it are used; if it turns out to be damaged, nothing of it is used."""
        if self._fetch is not None and self.unchanged:
            try:
                self.dataset = self._fetch()
            except InputError:
                self.unchanged = {}

    def write_sidecar(
        self, array_path: Path, recordings: Recordings, told: Understanding, part: dict[str, Any] | None
    ) -> dict[str, Sequence]:
        """Write the sidecar if the files, their folder or what is known of them are others, and return its columns."""
        kept = self.unchanged.values()
        columns: dict[str, Sequence] = {key: [entry[key] for entry in kept] for key in COLUMNS | FILE_COLUMNS}
        columns |= recordings.columns(columns["path"], columns["sr"]) | name_columns(told)
        sidecar = self.sidecar | recordings_folder.stored(recordings.folder, array_path)
        sidecar |= {"names": how_names_are_read(told), "recordings": columns}
        sidecar |= {"part": part} if part else {}
        if not are_same(sidecar, self.sidecar):
            write_sidecar(array_path, sidecar)
        return columns

    def analysed(self, name: str) -> Analysed | None:
        """Return the clips of a recording if its file has not changed since."""
        entry = self.unchanged.get(name)
        if entry is None or self.dataset is None:
            return None
        first_row, index = self.dataset.first_row, self.index[name]
        clips = self.dataset.clips[first_row[index] : first_row[index + 1]]
        return Analysed(entry, clips, is_new=False, note=self.notes.get(name, ""))


def _has_size(path: RemotePath, sidecar: dict[str, Any]) -> bool:
    """Return whether a remote array has the shape that its sidecar says, and is whole."""
    clips = RemoteClips(path, "")
    return list(clips.shape) == sidecar["array"]["shape"] and path.stat().st_size == clips.n_bytes

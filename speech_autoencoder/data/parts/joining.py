"""Parts -> the one array of the same recordings, byte for byte."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from speech_autoencoder.data import recordings_folder
from speech_autoencoder.data.building import write_header
from speech_autoencoder.data.parts.clips import open_parts
from speech_autoencoder.data.sidecar.clips_file import Progress
from speech_autoencoder.data.sidecar.columns import columns_in
from speech_autoencoder.data.sidecar.json_file import sidecar_path, write_sidecar
from speech_autoencoder.system.files import atomic_write

_ROWS_AT_ONCE = 256


def join(folder: Path, array_path: Path, made_by: str, progress: Progress = lambda items, total: items) -> None:
    """Write the array that the parts in a folder make, and its sidecar; only some clips are in memory at once.

    Parameters
    ----------
    made_by
        The script to run again if a part is damaged.
    progress
        `progress(items, total)` wraps the loop over the clips.

    Raises
    ------
    InputError
        If a part is missing or damaged, or the array cannot be written.
    """
    clips, index = open_parts(folder, made_by)
    columns = columns_in(index)
    files = columns.get("file", columns["path"])
    audio_dir = recordings_folder.find(index, sidecar_path(folder), files, columns["size"])
    with suppress(OSError):  # the same folder without a way through the one of the parts
        stored = Path(index["audio_dir_absolute"])
        audio_dir = stored if stored.samefile(audio_dir) else audio_dir.resolve()
    with atomic_write(array_path) as temporary:
        with temporary.open("wb") as file:
            write_header(file, clips.shape)
            starts = range(0, len(clips), _ROWS_AT_ONCE)
            for start in progress(starts, len(starts)):
                file.write(np.ascontiguousarray(clips[start : start + _ROWS_AT_ONCE]).data)
        sidecar = {key: value for key, value in index.items() if key != "parts"}
        write_sidecar(array_path, sidecar | recordings_folder.stored(audio_dir, array_path))

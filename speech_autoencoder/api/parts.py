"""Recordings -> an array in parts, all of them or one of them; parts -> their index, or one array."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from speech_autoencoder.api.reports import Reports
from speech_autoencoder.data import building
from speech_autoencoder.data.building import Summary
from speech_autoencoder.data.parts.folder import files_of_part, numbers_of_parts, part_path
from speech_autoencoder.data.parts.index import gather
from speech_autoencoder.data.parts.making import Made, Making, Run, make_part, make_parts
from speech_autoencoder.data.parts.shares import Shares, sizes_of
from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.data.sidecar.columns import columns_in, understanding_in
from speech_autoencoder.data.sidecar.json_file import read_sidecar
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import lock, locks_released, printable
from speech_autoencoder.system.wording import counted


def divide(recordings: Recordings, told: Understanding, folder: Path, count: int | None) -> Shares:
    """Return the shares of recordings for the parts in a folder: so many, or as their size decides.

    Recordings stay in the parts that an earlier run with the same count has put them into.

    Raises
    ------
    InputError
        If there are fewer recordings than parts.
    """
    n_recordings = len(recordings.names)
    if count is not None and count > n_recordings:
        raise InputError(
            f"{recordings.listed_in or printable(recordings.folder)} holds {counted(n_recordings, 'recording')}: give "
            f"at most as many parts, not {count:,}."
        )
    firsts: list[str] = []
    with suppress(InputError, KeyError, TypeError):
        earlier = read_sidecar(folder, "")["parts"]
        if earlier["count"] == count and all(type(first) is str for first in earlier["first"]):
            firsts = earlier["first"]
    return Shares(recordings, told, sizes_of(recordings), count=count, firsts=firsts)


def build_all(making: Making, shares: Shares, *, workers: int, report: Reports, run: Run | None = None) -> Summary:
    """Make the parts that are missing or not up to date, and the index; return what the array holds.

    Parameters
    ----------
    run
        Makes parts elsewhere than in threads of this process, see `making.make_parts`.

    Raises
    ------
    InputError
        If a part cannot be written, or no recording can be used.
    """
    folder, made = making.folder_of_parts(), list[Made]()
    with report.start_bar("features", len(shares.recordings.names)) as bar:
        source = make_parts(shares, making, run) if run else _in_threads(shares, making, workers, bar.update)
        for part in source:
            made.append(part)
            if run:
                bar.update(shares.count(part.share.number))
    left_out = [entry for part in made for entry in part.left_out]
    if not any(part.n_clips for part in made):
        _remove(folder, numbers_of_parts(folder))
        raise building.none_usable(shares.recordings, left_out)
    surplus = [number for number in numbers_of_parts(folder) if number >= len(shares)]
    _remove(folder, surplus)
    gather(folder, making.command, check=False)
    return replace(_summary(folder, made, making), written=bool(surplus) or any(part.written for part in made))


def build_one(making: Making, shares: Shares, number: int, *, workers: int, report: Reports) -> Summary:
    """Make one part, if it is missing or not up to date; return what it holds."""
    path = part_path(making.folder_of_parts(), number)
    lock(path)
    with report.start_bar("features", shares.count(number)) as bar:
        made = make_part(shares.items(number), making=making, workers=workers, done=bar.update)
    return _summary(path, [made], making)


def _summary(path: Path, made: list[Made], making: Making) -> Summary:
    """Return what parts hold that were made: those of a folder, or the one at a path."""
    sidecar = read_sidecar(path, making.command)
    columns = columns_in(sidecar)
    return building.summarise(
        any(part.written for part in made),
        columns,
        sum(part.n_computed for part in made),
        making.features,
        [entry for part in made for entry in part.left_out],
        {name: note for part in made for name, note in part.notes.items()},
        understanding_in(sidecar, columns) or Understanding([], []),
    )


def _in_threads(shares: Shares, making: Making, workers: int, done: Callable[[float], object]) -> Iterator[Made]:
    """Yield the parts, made one after another by threads of this process."""
    for number in range(len(shares)):
        with locks_released():
            lock(part_path(making.folder_of_parts(), number))
            yield make_part(shares.items(number), making=making, workers=workers, done=done)


def _remove(folder: Path, numbers: list[int]) -> None:
    """Remove parts from a folder, and the folder if nothing else is in it."""
    for number in numbers:
        for path in files_of_part(folder, number):
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()

"""Recordings -> an array in parts, all of them or one of them; parts -> their index, or one array."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from speech_autoencoder.api.array_reports import content_of, describe_corpus
from speech_autoencoder.api.reports import Reports, StartBar, reports
from speech_autoencoder.cli.messages import describe_left_out
from speech_autoencoder.cli.origins import IsOurs, is_columns, is_sidecar
from speech_autoencoder.cli.outputs import array_outputs, require_outputs, require_suffix
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.cli.session import settings_kept
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.data import building
from speech_autoencoder.data.building import LeftOut, Summary
from speech_autoencoder.data.parts.folder import files_of_part, folder_of, has_parts, numbers_of_parts, part_path
from speech_autoencoder.data.parts.index import gather
from speech_autoencoder.data.parts.joining import join
from speech_autoencoder.data.parts.making import Made, Making, Run, make_part, make_parts
from speech_autoencoder.data.parts.shares import Shares, sizes_of
from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.data.sidecar.columns import columns_in, understanding_in
from speech_autoencoder.data.sidecar.json_file import columns_path, read_sidecar, sidecar_path
from speech_autoencoder.errors import InputError
from speech_autoencoder.script_names import TEST_DATA_GENERATOR, TRAIN_DATA_GENERATOR
from speech_autoencoder.storage.remote_path import expanded
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
    left_out = [entry for part in made for entry in part.left_out]
    notes = {name: note for part in made for name, note in part.notes.items()}
    summary = _described(read_sidecar(path, making.command), making.features, left_out, notes)
    is_written, n_computed = any(part.written for part in made), sum(part.n_computed for part in made)
    return replace(summary, written=is_written, n_computed=n_computed)


def _described(sidecar: dict[str, Any], features: FeatureConfig, left_out: LeftOut, notes: dict[str, str]) -> Summary:
    """Return what an array of this sidecar holds, written without computing any of it."""
    columns = columns_in(sidecar)
    told = understanding_in(sidecar, columns) or Understanding([], [])
    return building.summarise(True, columns, 0, features, left_out, notes, told)


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


@settings_kept()
@locks_released()
def merge_parts(
    folder: str | PathLike,
    output: str | PathLike | None = None,
    *,
    overwrite: bool = False,
    say: Say | None = None,
    warn: Say | None = None,
    progress: StartBar | None = None,
) -> Summary:
    """Write the index of a folder of parts, once all of them are there, and join them into one array if asked to.

    Parameters
    ----------
    folder
        The folder, or the name of the array with ``.npy``.
    output
        The array to write, a ``.npy``; None: none.
    overwrite
        Replace files that exist and were not made by this program.
    say, warn, progress
        Where to report to, as for `train`.

    Returns
    -------
    Summary
        What the array holds.

    Raises
    ------
    InputError
        If parts are missing, damaged or do not belong together, or something cannot be written.
    """
    report, folder = reports(say, warn, progress), folder_of(expanded(folder))
    array_path = None if output is None else expanded(output)
    if not has_parts(folder):
        what = "there is no such folder" if not folder.exists() else "it holds no parts of an array"
        raise InputError(f"{printable(folder)}: {what}; run {TRAIN_DATA_GENERATOR} --parts, or --part I/N, first.")
    lock(folder)
    files: list[tuple[Path, IsOurs]] = [(sidecar_path(folder), is_sidecar), (columns_path(folder), is_columns)]
    if array_path:
        require_suffix(array_path, ".npy")
        lock(array_path)
        files += array_outputs(array_path)
    require_outputs(files, inputs=[], overwrite=overwrite)
    gather(folder, TRAIN_DATA_GENERATOR)
    sidecar = read_sidecar(folder, TRAIN_DATA_GENERATOR)
    left_out = [(entry["path"], entry["reason"]) for entry in sidecar["left_out"]]
    summary = _described(sidecar, FeatureConfig.from_json(sidecar["features"]), left_out, sidecar["notes"])
    n_parts, command = len(sidecar["parts"]["n_clips"]), sidecar["parts"]["command"]
    report.say(f"Wrote {printable(sidecar_path(folder))} of {counted(n_parts, 'part')}: {content_of(summary)}.")
    describe_left_out(summary.left_out, "left out", report.say)
    describe_corpus(summary, report.say, for_training="--like" not in command and TEST_DATA_GENERATOR not in command)
    if array_path:
        join(folder, array_path, command, report.progress("joining"))
        report.say(f"Wrote {printable(array_path)} and {printable(sidecar_path(array_path))}, of all parts.")
    return summary

"""Make an array of recordings, of a folder or as a list names them, and report what is in it."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from speech_autoencoder.api.arguments import number, optional
from speech_autoencoder.api.array_reports import describe_array, describe_corpus
from speech_autoencoder.api.engines import engine_of, require_engine
from speech_autoencoder.api.parts import build_all, build_one, divide
from speech_autoencoder.api.reports import Reports, StartBar, reports
from speech_autoencoder.cli.outputs import array_outputs, require_outputs, require_parts_folder, require_suffix
from speech_autoencoder.cli.process import blas_threads
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.cli.session import settings_kept
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.config import preset as features_by_name
from speech_autoencoder.data import building, dataset, recording_names
from speech_autoencoder.data.audio_list import TESTING, TRAINING, read_audio_list
from speech_autoencoder.data.labels_file import find_labels, read_labels
from speech_autoencoder.data.parts.by_engine import analyser_on, pieces_of, remove_leftovers, remove_pieces, run_on
from speech_autoencoder.data.parts.folder import array_at, folder_of, has_parts, part_path
from speech_autoencoder.data.parts.making import Making
from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.engines.engine import THREADS, Engine
from speech_autoencoder.errors import InputError
from speech_autoencoder.script_names import PROGRAM, TEST_DATA_GENERATOR, TRAIN_DATA_GENERATOR
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.files import lock, locks_released, printable
from speech_autoencoder.system.processors import available_cpus
from speech_autoencoder.system.wording import counted


def features_of_preset(name: str, recordings: Recordings) -> FeatureConfig:
    """Return the features of a preset; those of `fine` depend on the most common sample rate of the recordings."""
    return features_by_name(name, building.most_common_rate(recordings) if name == "fine" else 0)


def find_recordings(
    audio_dir: Path | None, audio_list: Path | None, split: str | None, say: Say, *, strict: bool
) -> Recordings:
    """Return the recordings of a folder, or those of a split that a list names; report what is to be said of that.

    Raises
    ------
    InputError
        If there are none, if both or neither is given, or, with `strict`, if a row of the list cannot be used.
    """
    if audio_dir and not audio_list:
        return Recordings.of_folder(audio_dir)
    if audio_dir or not audio_list:
        raise InputError("Recordings are in a folder, --audio-dir, or in a list, --audio-list: give one of the two.")
    listed = read_audio_list(audio_list, split, strict=strict)
    for note in listed.notes:
        say(note)
    if n_bad := listed.problems.count:
        say(f"{counted(n_bad, 'row')} of {printable(audio_list)} {'was' if n_bad == 1 else 'were'} left out:")
        for line in listed.problems.lines():
            say(f"  {line}")
    return listed.recordings


def read_names(
    names: Sequence[str], *, audio_dir: Path | None, pattern: str | None, training_array: Path | None
) -> Understanding:
    """Return what the names of recordings tell: as a pattern or labels.csv says, as in training, or as they show.

    `audio_dir` is the folder that may have a labels.csv, None if that is not asked; `training_array` is the array whose
    names those of testing are likely to follow.
    """
    if pattern is not None:
        return recording_names.understand(names, pattern)
    training = dataset.understanding_of(training_array) if training_array else None
    told = recording_names.understand_as(names, training) if training else recording_names.understand(names)
    path = find_labels(audio_dir) if audio_dir else None
    try:
        table = read_labels(path) if path else None
    except InputError:
        return told  # an evaluation, which needs the file, reports it
    if table is None or "speaker" not in table.columns:
        return told
    speakers = table.values("speaker", list(dict.fromkeys(names)))  # several may be parts of one file
    return replace(told, speakers=[speakers.get(name, "") for name in names], pattern="", source="table")


@settings_kept()
@locks_released()
def build_dataset(
    audio_dir: str | PathLike | None,
    output: str | PathLike,
    *,
    audio_list: str | PathLike | None = None,
    preset: str | None = None,
    like: str | PathLike | None = None,
    names: str | None = None,
    workers: int | None = None,
    engine: str = THREADS,
    strict: bool = False,
    salvage: bool = False,
    parts: int | bool | None = None,
    part: tuple[int, int] | None = None,
    overwrite: bool = False,
    say: Say | None = None,
    warn: Say | None = None,
    progress: StartBar | None = None,
) -> building.Summary:
    """Make an array of recordings: clips of log-mel, described in a sidecar beside it.

    Recordings that an existing array holds already, and that have not changed, are not read again.

    Parameters
    ----------
    audio_dir
        The recordings, in this folder and its subfolders; None where a list names them.
    output
        The array to write, a ``.npy``, for `train` or `evaluate`.
    audio_list
        A table (CSV or JSON lines) of the recordings, or of parts of them, in place of a folder: paths, and where
        given start, end, speaker, label and split. With `like`, the rows of testing are taken, otherwise those of
        training.
    preset
        The features, ``"classic"`` or ``"fine"``; by default those of `like`, or classic.
    like
        The array of the training recordings, for testing: its features are taken, and names are read as they were.
    names
        What the names of recordings tell, such as ``"{label}_{speaker}_{take}"``; by default what they show.
    workers
        Threads; by default as many as processors.
    engine
        Where recordings are analysed: in ``"threads"`` of this process, or by ``"dask"``, the Dask cluster at
        ``DASK_SCHEDULER_ADDRESS`` or, without that, as many processes as `workers`. The array is the same.
    strict
        Raise InputError for a recording that cannot be used, instead of leaving it out.
    salvage
        Use what can be decoded of recordings that are cut short or damaged.
    parts
        Write the array in parts, into the folder `output`, of which ``.npy`` is dropped: True for parts of about an
        hour each, or how many. Functions that take an array take the folder.
    part
        Write one of these parts, ``(3, 8)`` for the third of eight; the command ``merge`` writes their index.
    overwrite
        Replace files that exist and were not made by this program.
    say, warn, progress
        Where to report to, as for `train`.

    Returns
    -------
    Summary
        What the array holds, and which recordings were left out, with reasons.

    Raises
    ------
    InputError
        If no recording can be used, or the array cannot be written or would replace what this program has not made.

    Examples
    --------
    >>> import speech_autoencoder as sa
    >>> summary = sa.build_dataset("recordings", "train_data.npy")
    >>> summary.n_recordings, summary.left_out
    (2, [])
    >>> summary = sa.build_dataset("recordings", "test_data.npy", like="train_data.npy")
    """
    report, workers = reports(say, warn, progress), optional("workers", workers, int)
    require_engine(engine)
    if part and engine != THREADS:
        raise InputError(
            f"One part is made by threads of this process: leave out engine {engine}, or ask for all parts."
        )
    array_path, count, in_parts = expanded(output), _count(parts, part), bool(parts or part)
    folder, list_path, training_path = (None if x is None else expanded(x) for x in (audio_dir, audio_list, like))
    if training_path:
        training_path = array_at(training_path, report.say)
    training_features, inputs = None, []
    if training_path and preset is None:
        training_features = dataset.features_of(training_path, TRAIN_DATA_GENERATOR)
        inputs = [training_path, dataset.sidecar_path(training_path)]
    if in_parts:
        array_path = folder_of(array_path)
    elif has_parts(array_path):
        raise InputError(f"{printable(array_path)} holds the parts of an array: add --parts, or choose another name.")
    else:
        require_suffix(array_path, ".npy")
    if not part:
        lock(array_path)
    split = TESTING if training_path else TRAINING
    recordings = find_recordings(folder, list_path, split, report.say, strict=strict)
    features = training_features or features_of_preset(preset or "classic", recordings)
    # Arrays are no recordings: only a file that is not ours can be one.
    inputs += [recordings.path(name) for name in recordings.names] if overwrite else []
    inputs += [list_path] if list_path else []
    if in_parts:
        require_parts_folder(array_path, inputs=inputs, overwrite=overwrite)
    else:
        require_outputs(array_outputs(array_path), inputs=inputs, overwrite=overwrite)
    labels_dir = recordings.folder if recordings.speakers is None else None
    n_workers = workers or available_cpus()
    read = partial(read_names, audio_dir=labels_dir, pattern=names, training_array=training_path)
    with blas_threads(1), _opened(engine, n_workers, recordings, array_path, report, in_parts=in_parts) as opened:
        told = recordings.understand(read)
        if in_parts:
            shares = divide(recordings, told, array_path, count)
            command = _command(folder, list_path, array_path, like, features, names, strict=strict, salvage=salvage)
            making = Making.of(
                recordings,
                shares.told,
                array_path,
                features,
                strict=strict,
                salvage=salvage,
                count=count,
                command=command,
                pieces=pieces_of(array_path),
            )
            if part:
                summary = build_one(making, shares, part[0] - 1, workers=n_workers, report=report)
            else:
                run = run_on(opened, recordings) if opened else None
                summary = build_all(making, shares, workers=n_workers, report=report, run=run)
        else:
            given = recordings, told, array_path, features
            summary = building.build(
                recordings,
                array_path,
                features,
                workers=n_workers,
                strict=strict,
                salvage=salvage,
                told=told,
                progress=report.progress("features"),
                analyser=analyser_on(opened, *given, strict=strict, salvage=salvage) if opened else None,
            )
    path, of = array_path, ""
    if part:
        path, of = part_path(array_path, part[0] - 1), f", part {part[0]:,} of {part[1]:,},"
    elif in_parts:
        of = f" in {counted(len(shares), 'part')}"
    describe_array(summary, recordings, path, features, report.say, of=of)
    if part:
        report.say(f"When all {part[1]:,} parts are there: {PROGRAM} merge {printable(array_path)}")
    else:
        describe_corpus(summary, report.say, for_training=training_path is None)
    if in_parts:
        array_at(array_path.with_suffix(".npy"), report.say)
    return summary


@contextmanager
def _opened(
    name: str, workers: int, recordings: Recordings, array_path: Path, report: Reports, *, in_parts: bool
) -> Iterator[Engine | None]:
    """Lend an engine to make an array with, or its parts; None for threads of this process.

    Pieces that a killed run has left are removed once the array is whole.
    """
    if name == THREADS:
        yield None
    else:
        reads = [recordings.path(recordings.names[i]) for i in (0, -1)]
        writes = [pieces_of(array_path), *([array_path] if in_parts else [])]
        try:
            with engine_of(name, workers=workers, say=report.say, reads=reads, writes=writes) as engine:
                yield engine
        finally:
            for folder in writes:
                remove_leftovers(folder)
    remove_pieces(array_path)


def _count(parts: Any, part: Any) -> int | None:
    """Return how many parts are asked for, None if that is left to their size; raise InputError for no such numbers."""
    if parts and part:
        raise InputError("parts makes all of them, part one of them: give one of the two.")
    if part:
        try:
            i, n = part
        except (TypeError, ValueError):
            i = n = None
        if not (type(i) is int and type(n) is int and 1 <= i <= n):
            raise InputError(f"part is {part!r}: expected which of how many, such as (3, 8), counted from 1.")
        return n
    return None if parts is None or isinstance(parts, bool) else number("parts", parts, int)


def _command(
    folder: Path | None,
    audio_list: Path | None,
    output: Path,
    like: str | PathLike | None,
    features: FeatureConfig,
    names: str | None,
    *,
    strict: bool,
    salvage: bool,
) -> str:
    """Return the command that makes parts, without --parts and --part."""
    script = str(TEST_DATA_GENERATOR if like else TRAIN_DATA_GENERATOR)
    of_training = ["--like", printable(expanded(like))] if like else []
    words = [script] if script.endswith(".py") else [PROGRAM, "features", *of_training]
    words += ["--audio-dir", printable(folder)] if folder else []
    words += ["--audio-list", printable(audio_list)] if audio_list else []
    words += ["--output", printable(output), "--preset", features.preset]
    words += ["--names", names] if names is not None else []
    words += [option for option, is_on in (("--strict", strict), ("--salvage", salvage)) if is_on]
    return shlex.join(words)

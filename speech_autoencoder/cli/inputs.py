"""What command lines read: recordings, and models that are codecs. To be imported after --help: it needs NumPy."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, suppress
from functools import partial
from glob import glob, has_magic
from pathlib import Path
from typing import Any, TypeVar

from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import describe
from speech_autoencoder.cli.origins import IsOurs
from speech_autoencoder.cli.outputs import require_outputs
from speech_autoencoder.cli.process import STATUS_PARTLY_DONE, warn
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.engines.engine import Lost
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.script_names import PREDICTOR
from speech_autoencoder.storage.remote_path import RemotePath, expanded, joined
from speech_autoencoder.storage.urls import is_url_of_path
from speech_autoencoder.system.files import printable, require_writable
from speech_autoencoder.system.wording import counted

# What AUDIO_PATH says in the script that comes with the project; other recordings may have taken its place.
SHIPPED_RECORDING = Path("speechdata/testing/en-allison/70_allison_digits.flac")
# What Python makes of backslashes in quotes, and what was written.
_ESCAPED = str.maketrans({0: r"\0", 7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r"})
Result = TypeVar("Result")
_EXAMPLE = 'AUDIO_PATH = Path("recordings/hello.wav")'


def load_codec(path: Path) -> TrainedModel:
    """Return the model in `path`; raise InputError if it was not trained as a codec."""
    model = model_file.load(path)
    model.require_entropy(printable(path))
    return model


def load_decoder(path: Path) -> TrainedModel:
    """Return the codec in `path` to decode with; the message of an error does not advise to train it again."""
    try:
        return load_codec(path)
    except InputError as error:
        reason, _, _ = str(error).rpartition(": ")
        raise InputError(
            f"{reason}: name the very model that the files were encoded with (--model); no other can decode them, not "
            "even one that is trained anew in the same way."
        ) from error


# ---- which recordings


def edited_recordings(value: Any, say: Say) -> list[Path]:
    """Return the recordings that AUDIO_PATH names, in whatever way people write them.

    If it is as it comes with the project, and that recording is gone, the first of its folder is taken instead.

    Parameters
    ----------
    value
        A path, a pattern such as "*.wav", a folder, or several of them.
    say
        Reports which recording is taken instead.

    Raises
    ------
    InputError
        If it is none of these.
    """
    paths = recordings_of(_texts(value))
    if paths == [SHIPPED_RECORDING] and not SHIPPED_RECORDING.exists():
        folder = SHIPPED_RECORDING.parents[1]
        with suppress(InputError, StopIteration):  # reading the one that is gone reports it
            paths = [next(filter(_is_readable, recordings_of([folder])))]
            say(
                f"{SHIPPED_RECORDING} is not there: this is {printable(paths[0])}, the first recording of {folder}. "
                f"Put another one's path into AUDIO_PATH, at the top of {PREDICTOR}."
            )
    return paths


def _texts(value: Any) -> list[str | RemotePath]:
    """Return the paths that AUDIO_PATH holds, as text, but for URLs that are read already."""
    is_one = isinstance(value, str | bytes | os.PathLike) or not isinstance(value, Iterable)
    values = [value] if is_one or isinstance(value, Mapping) else list(value)
    for each in values or [value]:
        if not isinstance(each, str | bytes | os.PathLike) or _text(each).strip() in ("", "."):
            raise InputError(
                f"AUDIO_PATH is {value!r} in {PREDICTOR}: write the path of a recording, as in {_EXAMPLE}, or name it "
                "on the command line."
            )
    return [each if isinstance(each, RemotePath) else os.fsdecode(each) for each in values]


def _text(path: str | bytes | os.PathLike) -> str:
    """Return a path as text."""
    return str(path) if isinstance(path, RemotePath) else os.fsdecode(path)


def recordings_of(names: Iterable[str | os.PathLike]) -> list[Path]:
    """Return the recordings that are named, by their own paths or by those of their folders, see `named_files`."""
    paths = named_files(names)
    return [each for path in paths for each in (_recordings_in(path) if _is_folder(path) else [path])]


def _recordings_in(folder: Path) -> list[Path]:
    """Return the recordings in a folder."""
    names = find_recordings(folder)
    return [joined(folder, name) for name in names]


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder; if a server does not tell it, reading reports why."""
    try:
        return path.is_dir()
    except OSError:
        return False


def named_files(names: Iterable[str | os.PathLike]) -> list[Path]:
    """Return the files and folders that are named, by their paths or by patterns that no shell has expanded.

    A path of nothing stays one, which reading it reports.
    """
    return [path for name in names for path in _named_files(name)]


def _named_files(name: str | os.PathLike) -> list[Path]:
    """Return the files and folders that a text names."""
    path = expanded(name)
    if isinstance(path, RemotePath):
        return _matching(path)
    text = os.fspath(name)
    if is_url_of_path(text) and not _exists(Path(text)):  # file://
        return [path]
    spellings = [text, text.translate(_ESCAPED), text.translate(_ESCAPED).replace("\\", "/")]
    found = next((path for path in map(expanded, spellings) if _exists(path)), None)
    if found is not None:
        return [found]
    if not text.isprintable():
        raise InputError(
            f"There is no file {printable(text)}: if its name has backslashes, as on Windows, put an r before the "
            f'quotes, as in AUDIO_PATH = r"{text.translate(_ESCAPED)}", or write / for \\.'
        )
    matches = sorted(glob(os.fspath(path), recursive=True)) if has_magic(text) else []  # noqa: PTH207 - may be absolute
    return [Path(name) for name in matches] or [path]


def _matching(path: RemotePath) -> list[Path]:
    """Return the remote files that a pattern names, or the path as it is if it is none."""
    folder = next(parent for parent in (path, *path.parents) if not has_magic(str(parent)))
    if folder == path or path.exists():
        return [path]
    return sorted(folder.glob(path.relative_to(folder).as_posix())) or [path]


def _exists(path: Path) -> bool:
    """Return whether there is a file or a folder; False too if its name cannot be one."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_readable(path: Path) -> bool:
    """Return whether the header of a recording can be read."""
    try:
        describe(path)
    except InputError:
        return False
    return True


def duration_s(path: Path, *, salvage: bool = False, warn: Say = warn) -> float:
    """Return the duration of a recording, and report what is to be said of it, by default on stderr.

    Raises
    ------
    InputError
        If it cannot be used, or is not whole and may not be salvaged.
    """
    recording = describe(path, salvage=salvage)
    if recording.note:
        warn(f"{printable(path)}: {recording.note}")
    return recording.duration_s


# ---- one after another


class Batch:
    """Inputs, and the output of each, that are done one after another.

    One that cannot be used is left out, and named at the end; the run stops there if it is the only one, or if strict.

    Attributes
    ----------
    pairs : list[tuple[Path, Path]]
        The inputs that are not left out, and their outputs.
    left_out : list[tuple[Path, str]]
        The inputs that are left out, and the reasons.
    """

    def __init__(self, paths: Iterable[Path], outputs: Iterable[Path], *, strict: bool) -> None:
        self.pairs = list(zip(paths, outputs, strict=True))
        self._inputs = [path for path, _ in self.pairs]
        self._n_inputs = len(self.pairs)
        self._stops = strict or self._n_inputs == 1
        self.left_out: list[tuple[Path, str]] = []

    def each(self, do: Callable[[Path, Path], Result]) -> list[Result]:
        """Return what `do` returns for every input and its output; those that it raises InputError for are left out."""
        return self._each(partial(do, *pair) for pair in self.pairs)

    def each_by(self, outcomes: Generator[Result | InputError | Lost]) -> list[Result]:
        """Return what an engine's `outcomes` hold for every input; those with an error, or lost, are left out.

        An error that the engine raises ends the run.
        """
        with closing(outcomes):
            pairs = zip(self.pairs, outcomes, strict=True)
            return self._each(partial(_result_of, path, outcome) for (path, _), outcome in pairs)

    def _each(self, attempts: Iterable[Callable[[], Result]]) -> list[Result]:
        """Return the result of an attempt for every input; those that one raises InputError for are left out."""
        pairs, results = [], []
        for (path, output), attempt in zip(self.pairs, attempts, strict=True):
            try:
                results.append(attempt())
            except InputError as error:
                if self._stops:
                    raise
                name = printable(path)
                self.left_out.append((path, f"{error}" if name in str(error) else f"{name}: {error}"))
            else:
                pairs.append((path, output))
        if not pairs:
            raise InputError(f"None of {counted(self._n_inputs, 'file')} could be used: {self.left_out[0][1]}")
        self.pairs = pairs
        return results

    def require_free(self, is_ours: IsOurs, model_path: Path, *also: tuple[Path, IsOurs], overwrite: bool) -> None:
        """Check, before long work, that every output can be written, and that nothing is lost by it.

        Parameters
        ----------
        is_ours
            Returns whether an output that exists was made by this program, see `outputs.require_outputs`.
        model_path
            A further input.
        also
            Further outputs, each with such a function.
        overwrite
            Whether files that this program did not make may be replaced.

        Raises
        ------
        InputError
            If something would be lost. An output that cannot be written is left out instead.
        """
        self.each(lambda path, output: require_writable(output))
        require_outputs(
            [*((output, is_ours) for _, output in self.pairs), *also],
            inputs=[*self._inputs, model_path],
            overwrite=overwrite,
        )

    def name_left_out(self, warn: Say = warn) -> None:
        """Name what was left out, by default on stderr."""
        for _, reason in self.left_out:
            warn(f"left out: {reason}")
        if self.left_out:
            n_left_out = len(self.left_out)
            warn(
                f"{n_left_out} of {counted(self._n_inputs, 'file')} {'was' if n_left_out == 1 else 'were'} left out; "
                "the others were done."
            )

    def end(self) -> None:
        """Name what was left out on stderr; raise SystemExit if something was."""
        self.name_left_out()
        if self.left_out:
            sys.exit(STATUS_PARTLY_DONE)


def _result_of(path: Path, outcome: Result | InputError | Lost) -> Result:
    """Return the result that an outcome is; raise InputError if it is none."""
    if isinstance(outcome, Lost):
        raise InputError(f"{printable(path)}: {outcome.reason}.")
    if isinstance(outcome, InputError):
        raise outcome
    return outcome

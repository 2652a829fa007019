"""A list of recordings: a table or JSON with a path in each row, and times, speaker, label and split where given."""

import os
import re
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from speech_autoencoder.audio.parts import US, Part, seconds
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.data.tables import Problems, Row, read_rows, row_ranges
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.spelling import on_disk, same_spelling
from speech_autoencoder.system.wording import counted

TRAINING, VALIDATION, TESTING = "training", "validation", "testing"
# What columns are called, the preferred name first. In names, blanks, brackets and the like count as `_`.
_NAMES = {
    "path": "path file filename file_name filepath file_path audio audio_path audio_file audio_filepath audio_filename "
    "wav wav_path wav_file wav_filename recording",
    "start": "start start_time begin begin_time onset offset from tmin",
    "end": "end end_time stop stop_time to tmax",
    "duration": "duration dur",
    "speaker": "speaker speaker_id speakerid speaker_name spk spk_id spkr client_id",
    "label": "label word text transcript transcription sentence command",
    "split": "split set subset partition",
}
_COLUMNS = {role: names.split() for role, names in _NAMES.items()}
_TIMES = ("start", "end", "duration")
# The units of times that the names of their columns may end in, in microseconds.
_UNITS = {
    "s sec secs seconds in_s in_sec in_seconds": US,
    "ms msec milliseconds in_ms in_milliseconds": US // 1_000,
}
_UNIT_US = {f"_{unit}": size for units, size in _UNITS.items() for unit in units.split()}
_SPLITS = {
    TRAINING: {"train", "training", "trn", "tr"},
    VALIDATION: {"valid", "validation", "val", "dev", "development"},
    TESTING: {"test", "testing", "tst", "eval", "evaluation"},
}
_SPLIT_OF = {word: split for split, words in _SPLITS.items() for word in words}
_NUMBER = re.compile(r"([+-]?)(?:(?:(\d+):)?(\d+):)?(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,2}))? ?s?", re.ASCII)
_MOST_S = 1e9
# Where Common Voice has the recordings of its lists.
_SUBFOLDER = "clips"
_MOST_QUOTED = 40  # characters of a value
_MOST_FILES = 1 << 16  # whose places are remembered


@dataclass(frozen=True)
class AudioList:
    """What a list of recordings holds.

    Attributes
    ----------
    recordings : Recordings
        Those of the rows that can be used.
    problems : Problems
        The rows that cannot.
    notes : list of str
        What is to be said of the list: the rows and columns that are used, and what is missing in them.
    """

    recordings: Recordings
    problems: Problems
    notes: list[str]


def read_audio_list(path: Path, split: str | None = None, *, strict: bool = False) -> AudioList:
    """Read a list of recordings, as a table (see `tables.read_table`) or as JSON, an object on each line.

    Parameters
    ----------
    path : Path
        The list. Paths in it are relative to its folder.
    split : str, optional
        TRAINING or TESTING: the rows to take, if the list has a column of splits. None takes all.
    strict : bool
        Raise InputError for a row that cannot be used, instead of leaving it out.

    Raises
    ------
    InputError
        If it is no such list, or no row can be used.
    """
    table = read_rows(path, lambda columns: "path" in _roles(tuple(columns)), "column path")
    reader = _Reader(path, split, has_decimal_commas=table.separator in (";", "\t", "|"))
    for row in table.rows:
        reader.add(row)
        if strict and reader.problems.count:
            break
    reader.finish()
    name = printable(path)
    if strict and reader.problems.count:
        raise InputError(f"{name}, {reader.problems.first}.")
    if not reader.names:
        raise InputError(f"{name} {reader.why_empty()}.")
    return AudioList(reader.recordings(), reader.problems, reader.notes())


class _Reader:
    """The rows of a list, as they are read."""

    def __init__(self, path: Path, split: str | None, *, has_decimal_commas: bool) -> None:
        self.path, self.split = path, split
        self.problems = Problems()
        self.names: list[str] = []
        self._has_decimal_commas = has_decimal_commas
        self._find = lru_cache(_MOST_FILES)(_Folder(path.parent).find)
        self._parts: dict[str, Part] = {}
        self._rows: dict[str, int] = {}
        self._values: dict[str, list[str]] = {"speaker": [], "label": []}
        self._texts: dict[str, str] = {}  # each distinct text once
        self._used: dict[str, str] = {}  # {what a column is: its name}
        self._n_rows = 0
        self._counts: Counter[str] = Counter()  # of rows, by their split, "" for none
        self._without_split: set[str] = set()

    def add(self, row: Row) -> None:
        """Take a row, or note what is wrong with it."""
        roles = _roles(tuple(row.values))
        self._n_rows += 1
        try:
            values = {role: row.values[key] for role, (key, _) in roles.items()}
            split = self._split_of(values, row.problem)
            if self.split and split not in (self.split, ""):
                return
            if row.problem:
                raise _Bad("row", row.problem)
            name, part = self._recording(values, roles)
            told = {role: _text(role, values.get(role, "")) for role in self._values}
            earlier = self._rows.get(name)
            if earlier is not None:
                raise _Bad("again", f"{printable(name)} is in row {earlier} already")
        except _Bad as bad:
            self.problems.add(bad.kind, row.number, bad.reason)
            return
        if part:
            self._parts[name] = part
        if not split:
            self._without_split.add(name)
        self._rows[name] = row.number
        self.names.append(name)
        for role, text in told.items():
            self._values[role].append(self._texts.setdefault(text, text))
        for role, (key, _) in roles.items():
            self._used.setdefault(role, key)

    def _split_of(self, values: dict[str, Any], problem: str) -> str:
        """Return the split of a row, "" if it names none, and count it."""
        word = "" if problem else _text("split", values.get("split", "")).casefold()
        split = _SPLIT_OF.get(word, "")
        if word and not split:
            expected = "train, validation or test"
            raise _Bad("split", f"the split is {_quoted(word)}: expected {expected}")
        self._counts[split] += 1
        return split

    def _recording(self, values: dict[str, Any], roles: dict[str, tuple[str, int]]) -> tuple[str, Part | None]:
        """Return the name of the recording of a row, and the part of its file that it is, if it is one."""
        text = _text("path", values.get("path", ""))
        if not text:
            raise _Bad("path", "it has no path" if "path" in values else "it has no column path")
        start, end, duration = (self._time(role, values, roles) for role in _TIMES)
        file, problem = self._find(text)
        if problem:
            raise _Bad("file", problem)
        begin = start or 0
        if begin < 0:
            raise _Bad("times", f"{printable(file)} starts at {begin / US:g} s: expected 0 or more")
        if end is None and duration is not None:
            if duration <= 0:
                raise _Bad("times", f"the duration of {printable(file)} is {duration / US:g} s: expected more than 0")
            end = begin + duration
        if end is not None and end <= begin:
            times = f"starts at {seconds(begin)} s and ends at {end / US:g} s"
            raise _Bad("times", f"{printable(file)} {times}: expected an end after the start")
        if end is None and not begin:
            return self._texts.setdefault(file, file), None
        part = Part(self._texts.setdefault(file, file), begin, end)
        return part.name, part

    def _time(self, role: str, values: dict[str, Any], roles: dict[str, tuple[str, int]]) -> int | None:
        """Return a time in microseconds, None where there is none."""
        value = values.get(role)
        if value is None or value == "":
            return None
        number = _number(value, self._has_decimal_commas)
        if number is None or not abs(number) < _MOST_S:
            raise _Bad("times", f"the {role} is {_quoted(value)}: expected seconds, such as 12.5, or 1:02:03.5")
        return round(number * roles[role][1])

    def finish(self) -> None:
        """Leave out rows without a split, if others have one."""
        if self.split and set(self._counts) - {""} and self._without_split:
            kept = [name not in self._without_split for name in self.names]
            for name in self.names:
                if name in self._without_split:
                    self.problems.add("no split", self._rows[name], "it has no split, and other rows have one")
            self.names = _chosen(self.names, kept)
            self._values = {role: _chosen(values, kept) for role, values in self._values.items()}

    def why_empty(self) -> str:
        """Return why no row can be used."""
        others = [f"{counted(n, 'row')} of {split}" for split, n in self._counts.items() if split]
        if self.problems.count:
            folder = printable(self.path.parent.absolute())
            text = f"has {counted(self._n_rows, 'row')}, none of which can be used; the first is {self.problems.first}"
            return f"{text} (paths are relative to {folder})"
        return f"has no row of {self.split}, only {' and '.join(others)}" if others else "has no rows below its first"

    def recordings(self) -> Recordings:
        """Return the recordings, sorted by path and time."""
        parts = self._parts
        if parts:
            last = _MOST_S * US

            def key(i: int) -> tuple[str, int, float]:
                part = parts.get(self.names[i])
                return (part.file, part.start_us, part.end_us or last) if part else (self.names[i], -1, 0)

            order = sorted(range(len(self.names)), key=key)
        else:
            order = sorted(range(len(self.names)), key=self.names.__getitem__)
        told = {
            role: [values[i] for i in order] if role in self._used and any(values) else None
            for role, values in self._values.items()
        }
        return Recordings(
            self.path.parent,
            [self.names[i] for i in order],
            parts,
            told["speaker"],
            told["label"],
            self._rows,
            printable(self.path),
        )

    def notes(self) -> list[str]:
        """Return what is to be said of the list."""
        name = printable(self.path)
        columns = ", ".join(
            role if key == role else f"{role} from {printable(key)}" for role, key in self._used.items()
        )
        verb = "is" if len(self.names) == 1 else "are"
        notes = [f"{name}: {counted(len(self.names), 'row')} {verb} used, with {columns}."]
        others = {split: n for split, n in self._counts.items() if split and split != self.split} if self.split else {}
        if others:
            listed = " and ".join(f"{n:,} of {split}" for split, n in others.items())
            verb = "is" if sum(others.values()) == 1 else "are"
            why = ": training chooses the recordings that validate by itself" if VALIDATION in others else ""
            notes.append(f"{name}: {counted(sum(others.values()), 'row')} {verb} not for {self.split} ({listed}){why}.")
        for role, values in self._values.items():
            missing = [self._rows[each] for each, value in zip(self.names, values, strict=True) if not value]
            if missing and role in self._used:
                verb = "has" if len(missing) == 1 else "have"
                notes.append(f"{name}: {len(missing):,} of {len(values):,} {verb} no {role}: {row_ranges(missing)}.")
        return notes


class _Bad(Exception):
    """A row that cannot be used."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


class _Folder:
    """Finds files by the paths that a list in a folder has for them."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.fspath(folder)
        self._inside = os.path.join(folder.absolute(), "")  # noqa: PTH118 - Path drops the last /
        self._listing = lru_cache(_listing)

    def find(self, text: str) -> tuple[str, str]:
        """Return the path of a file from the folder, and what is wrong with it, if anything."""
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


@lru_cache
def _roles(columns: tuple[str, ...]) -> dict[str, tuple[str, int]]:
    """Return {what a column is: (its name, its unit of time in microseconds)} of those that are known."""
    plain = {re.sub(r"[\W_]+", "_", column.casefold()).strip("_"): column for column in reversed(columns)}
    roles: dict[str, tuple[str, int]] = {}
    for role, names in _COLUMNS.items():
        units = {"": US} | (_UNIT_US if role in _TIMES else {})
        found = [(plain[name + unit], size) for name in names for unit, size in units.items() if name + unit in plain]
        if found:
            roles[role] = found[0]
    if {"onset", "offset"} <= plain.keys() and "end" not in roles:  # where a sound begins and ends
        roles |= {"start": (plain["onset"], US), "end": (plain["offset"], US)}
    return roles


def _text(role: str, value: Any) -> str:
    """Return a value of a row as text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        text = "" if value is None else str(value)
        if "\n" not in text and "\r" not in text:
            return text
        raise _Bad("row", f"the {role} has a line break ({_quoted(text)}): expected one line; is a quote missing?")
    raise _Bad("row", f"the {role} is {_quoted(value)}: expected text")


def _number(value: Any, has_decimal_commas: bool) -> float | None:
    """Return the seconds that a value of a row is, written as a number or as 1:02:03.5, None if it is none."""
    if isinstance(value, int | float):
        return float(value) if not isinstance(value, bool) and abs(value) < _MOST_S * US else None
    text = value if isinstance(value, str) else ""
    if has_decimal_commas or ":" in text:
        text = text.replace(",", ".")
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    sign, hours, minutes, number, exponent = found.groups()
    if minutes is not None and (float(number) >= 60 or exponent or (hours is not None and int(minutes) >= 60)):
        return None
    total = 3_600 * float(hours or 0) + 60 * float(minutes or 0) + float(f"{number}e{exponent or 0}")
    return -total if sign == "-" else total


def _quoted(value: Any) -> str:
    """Return the beginning of a value, printable."""
    text = value if isinstance(value, str) else repr(value)
    return printable(text[:_MOST_QUOTED]) + ("..." if len(text) > _MOST_QUOTED else "")


def _chosen(values: Sequence[str], is_chosen: Sequence[bool]) -> list[str]:
    """Return some of the values."""
    return [value for value, chosen in zip(values, is_chosen, strict=True) if chosen]

"""A list of recordings: a table or JSON with a path in each row, and times, speaker, label and split where given."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from speech_autoencoder.audio.parts import US, Part, seconds
from speech_autoencoder.data.recordings import ListedFiles, Recordings
from speech_autoencoder.data.tables import Problems, Row, read_rows, row_ranges
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable
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
        self._files = ListedFiles(path.parent)
        self._find = lru_cache(_MOST_FILES)(self._files.find)
        self._parts: dict[str, Part] = {}
        self._rows: dict[str, int] = {}
        self._values: dict[str, list[str]] = {"speaker": [], "label": []}
        self._texts: dict[str, str] = {}  # each distinct text once
        self._used: dict[str, str] = {}  # {what a column is: its name}
        self._n_rows = 0
        self._columns: tuple[str, ...] = ()
        self._roles: dict[str, _Column] = {}
        self._counts: Counter[str] = Counter()  # of rows, by their split, "" for none
        self._without_split: set[str] = set()

    def add(self, row: Row) -> None:
        """Take a row, or note what is wrong with it."""
        self._n_rows += 1
        if row.columns is not self._columns:
            self._columns, self._roles = row.columns, _roles(row.columns)
        roles, values = self._roles, row.values
        try:
            split = self._split_of(values, row.problem)
            if self.split and split not in (self.split, ""):
                return
            if row.problem:
                raise _Bad("row", row.problem)
            name, part = self._recording(values)
            told = [_text(role, values[roles[role].place]) if role in roles else "" for role in self._values]
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
        for kept, text in zip(self._values.values(), told, strict=True):
            kept.append(self._texts.setdefault(text, text))
        if not roles.keys() <= self._used.keys():
            self._used = {role: row.columns[column.place] for role, column in roles.items()} | self._used

    def _split_of(self, values: Sequence[Any], problem: str) -> str:
        """Return the split of a row, "" if it names none, and count it."""
        column = None if problem else self._roles.get("split")
        word = _text("split", values[column.place]).casefold() if column else ""
        split = _SPLIT_OF.get(word, "")
        if word and not split:
            raise _Bad("split", f"the split is {_quoted(word)}: expected train, validation or test")
        self._counts[split] += 1
        return split

    def _recording(self, values: Sequence[Any]) -> tuple[str, Part | None]:
        """Return the name of the recording of a row, and the part of its file that it is, if it is one."""
        column = self._roles.get("path")
        text = _text("path", values[column.place]) if column else ""
        if not text:
            raise _Bad("path", "it has no path" if column else "it has no column path")
        file, problem = self._find(text)
        if problem:
            raise _Bad("file", problem)
        start, end, duration = (self._time(role, values) for role in _TIMES)
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
            return file, None
        part = Part(file, begin, end)
        return part.name, part

    def _time(self, role: str, values: Sequence[Any]) -> int | None:
        """Return a time in microseconds, None where there is none."""
        column = self._roles.get(role)
        value = values[column.place] if column else None
        if column is None or value is None or value == "":
            return None
        number = _number(value, self._has_decimal_commas)
        if number is None or not abs(number) < _MOST_S:
            raise _Bad("times", f"the {role} is {_quoted(value)}: expected seconds, such as 12.5, or 1:02:03.5")
        return round(number * column.unit_us)

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
            self._files.folder,
            [self.names[i] for i in order],
            parts,
            told["speaker"],
            told["label"],
            self._rows,
            printable(self.path),
            self._files.addresses,
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


class _Column(NamedTuple):
    """A column that is used: its place among the values of a row, and its unit if it has times, in microseconds."""

    place: int
    unit_us: int


@lru_cache
def _roles(columns: tuple[str, ...]) -> dict[str, _Column]:
    """Return the columns that are known, by what they are."""
    plain = [re.sub(r"[\W_]+", "_", column.casefold()).strip("_") for column in columns]
    roles: dict[str, _Column] = {}
    for role, names in _COLUMNS.items():
        units = {"": US} | (_UNIT_US if role in _TIMES else {})
        found = [
            _Column(plain.index(x), size)
            for name in names
            for unit, size in units.items()
            if (x := name + unit) in plain
        ]
        if found:
            roles[role] = found[0]
    if {"onset", "offset"} <= {*plain} and "end" not in roles:  # where a sound begins and ends
        roles |= {"start": _Column(plain.index("onset"), US), "end": _Column(plain.index("offset"), US)}
    return roles


def _text(role: str, value: Any) -> str:
    """Return a value of a row as text."""
    if isinstance(value, str):
        if value.isprintable() or not ("\n" in value or "\r" in value):
            return value
        raise _Bad("row", f"the {role} has a line break ({_quoted(value)}): expected one line; is a quote missing?")
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        raise _Bad("row", f"the {role} is {_quoted(value)}: expected text")
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _number(value: Any, has_decimal_commas: bool) -> float | None:
    """Return the seconds that a value of a row is, written as a number or as 1:02:03.5, None if it is none."""
    if isinstance(value, int | float):
        return float(value) if not isinstance(value, bool) and abs(value) < _MOST_S * US else None
    text = value if isinstance(value, str) else ""
    if text.replace(".", "", 1).isdecimal():  # most are
        return float(text)
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

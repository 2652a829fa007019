"""labels.csv: the label of each recording, and its speaker if there is such a column, as spreadsheets write them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from speech_autoencoder.data.name_patterns import without_suffix
from speech_autoencoder.data.tables import read_table
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.remote_path import joined
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.spelling import same_spelling
from speech_autoencoder.system.wording import counted

LABELS_NAME = "labels.csv"
_PATH, _LABEL, _SPEAKER = "path", "label", "speaker"


@dataclass(frozen=True)
class Row:
    """A row of the table: its number in the file, counted from 1, the path, and the values of the other columns."""

    number: int
    path: str
    values: dict[str, str]


@dataclass(frozen=True)
class LabelsFile:
    """The rows of a table, and which of the columns path, label and speaker it has."""

    path: Path
    columns: list[str]
    rows: list[Row]

    def values(
        self, column: str, names: Sequence[str], say: Callable[[str], None] = lambda text: None
    ) -> dict[str, str]:
        """Return {name: value} of the recordings to which a row gives a value of this column.

        A row belongs to the recording whose relative path is the same, in any of the ways in which paths are written
        (`_SPELLINGS`), also where one of the two has more folders. The most exact match counts.

        Parameters
        ----------
        names
            The recordings' relative paths.
        say
            Called with how many rows matched, and the first that did not.

        Raises
        ------
        InputError
            If no row matches, or two rows give a recording different values.
        """
        file, matcher = printable(self.path), _Matcher(names)
        found: dict[str, tuple[int, Row]] = {}
        rows = [row for row in self.rows if row.values.get(column)]
        unmatched = []
        for row in rows:
            rank, name = matcher.match(row.path)
            if name is None:
                unmatched.append(row)
                continue
            earlier_rank, earlier = found.get(name, (rank + 1, row))
            if earlier_rank == rank and earlier.values[column] != row.values[column]:
                one, other = (f"{printable(each.values[column])} in row {each.number}" for each in (earlier, row))
                raise InputError(
                    f"{file} gives {printable(name)} two values of {column}: {one}, and {other}: remove one row."
                )
            if rank < earlier_rank:
                found[name] = rank, row
        if rows and not found:
            raise InputError(
                f"No row of {file} matches a recording: row {rows[0].number} has the path {printable(rows[0].path)}, a "
                f"recording is {printable(names[0])}: write paths as they are below the folder of recordings."
            )
        if rows:
            text = f"{file}: {len(rows) - len(unmatched):,} of {counted(len(rows), 'row')} match"
            text += f"; {len(found):,} of {counted(len(names), 'recording')} have a {column}."
            if unmatched:
                first = unmatched[0]
                text += f" The first row that matches none, or several, is row {first.number}, {printable(first.path)}."
            say(text)
        return {name: row.values[column] for name, (_, row) in found.items()}


def find_labels(folder: Path) -> Path | None:
    """Return the path of labels.csv in a folder, whatever the case of its name, or None if there is none."""
    path = joined(folder, LABELS_NAME)
    try:
        if path.is_file():
            return path
        return next((other for other in sorted(folder.iterdir()) if other.name.lower() == LABELS_NAME), None)
    except OSError:
        return None


def read_labels(path: Path) -> LabelsFile:
    """Read a table with a column `path` and a column `label`, `speaker` or both.

    Whatever spreadsheets write is read, see `tables.read_table`.

    Raises
    ------
    InputError
        If it cannot be read, or has no such columns.
    """

    def is_header(columns: list[str]) -> bool:
        return _PATH in columns and bool({_LABEL, _SPEAKER} & {*columns})

    table = read_table(path, is_header, "columns path and label")
    rows = []
    for row in table.rows:
        values = dict(zip(row.columns, row.values, strict=False))
        if values.get(_PATH):
            rows.append(Row(row.number, values[_PATH], values))
    return LabelsFile(path, table.columns, rows)


def _plain(path: str) -> str:
    r"""Return a path with / for \, é as one character, and no ./ or blanks around it."""
    return PurePosixPath(same_spelling(path).replace("\\", "/").strip()).as_posix()


def _any_case(path: str) -> str:
    """Return a plain path, the same for every case of its letters."""
    return _plain(path).casefold()


def _any_suffix(path: str) -> str:
    """Return a plain path in any case without its suffix."""
    return without_suffix(_any_case(path))


def _as_is(path: str) -> str:
    return path


# How the paths of recordings, and those of rows, are spelled to be compared, the most exact first.
_SPELLINGS: tuple[tuple[Callable[[str], str], Callable[[str], str]], ...] = (
    (_as_is, _as_is),
    (_plain, _plain),
    (_any_case, _any_case),
    (_any_suffix, _any_case),
    (_any_suffix, _any_suffix),
)


class _Matcher:
    """Finds recordings by their paths."""

    def __init__(self, names: Sequence[str]) -> None:
        # For each spelling: {a path: the recordings that have it, and those whose paths end so}.
        self._whole: list[dict[str, list[str]]] = [{} for _ in _SPELLINGS]
        self._ends: list[dict[str, list[str]]] = [{} for _ in _SPELLINGS]
        for i, (spell, _) in enumerate(_SPELLINGS):
            for name in names:
                path, *ends = _ends_of(spell(name))
                self._whole[i].setdefault(path, []).append(name)
                for end in ends:
                    self._ends[i].setdefault(end, []).append(name)

    def match(self, path: str) -> tuple[int, str | None]:
        """Return how exact the best match of a path is (0: most), and the recording, None if there is none or several.

        A path that has fewer folders than the recording's, or more, counts less than the whole one.
        """
        for i, (_, spell) in enumerate(_SPELLINGS):
            whole, *ends = _ends_of(spell(path))
            some = [self._whole[i].get(whole), self._ends[i].get(whole), *(self._whole[i].get(end) for end in ends)]
            for rank, found in enumerate(some):
                if found:
                    return 3 * i + min(rank, 2), found[0] if len(found) == 1 else None
        return 3 * len(_SPELLINGS), None


def _ends_of(path: str) -> list[str]:
    """Return the path, the path without its first folder, and so on to the file's name alone."""
    parts = path.split("/")
    return ["/".join(parts[i:]) for i in range(len(parts))]

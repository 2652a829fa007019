"""Tables as spreadsheets write them (CSV, TSV), and JSON with an object for each row, read row by row."""

import codecs
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain, is_regular, printable, require_content

_SEPARATORS = ",;\t|"
# No table of recordings is larger, in bytes, nor has a longer line, in characters: what is read stays in memory.
_MOST_BYTES = 2 << 30
_MOST_LINE = 1 << 20
# A list in JSON's brackets is read at once.
_MOST_ARRAY_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20
_MOST_QUOTED = 40  # characters of a header
_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Rows of one problem that are explained, and ranges of further rows that are named.
_MOST_EXPLAINED = 10
_MOST_RANGES = 200
_NOT_TEXT = "is not text in UTF-8, UTF-16 or Windows-1252: export it again as CSV."


class Row(NamedTuple):
    """A row of a table.

    Attributes
    ----------
    number : int
        Counted from 1 at the beginning of the file, as spreadsheets and editors count.
    columns : tuple of str
        The names of the columns that it has values of, in lower case; the same tuple for most rows.
    values : list
        Texts without blanks around them, or what JSON has.
    problem : str
        What is wrong with the row, "" for most.
    """

    number: int
    columns: tuple[str, ...] = ()
    values: Sequence[Any] = ()
    problem: str = ""


class Problems:
    """Rows that cannot be used, with reasons, by kind: few of each kind are explained, the others only named."""

    def __init__(self) -> None:
        self._reasons: dict[str, list[str]] = {}
        self._numbers: dict[str, list[int]] = {}

    def add(self, kind: str, number: int, reason: str) -> None:
        """Add a row."""
        reasons, numbers = self._reasons.setdefault(kind, []), self._numbers.setdefault(kind, [])
        if len(reasons) < _MOST_EXPLAINED:
            reasons.append(reason)
        numbers.append(number)

    @property
    def count(self) -> int:
        """The number of rows."""
        return sum(map(len, self._numbers.values()))

    def _explained(self) -> list[tuple[int, str]]:
        """Return (row, reason) of the rows that are explained, in order."""
        return sorted(
            row for kind, reasons in self._reasons.items() for row in zip(self._numbers[kind], reasons, strict=False)
        )

    @property
    def first(self) -> str:
        """The first row, with its reason."""
        return "row {}: {}".format(*self._explained()[0])

    def lines(self) -> list[str]:
        """Return a line for each row that is explained, and one for the others of its kind."""
        more = [numbers[_MOST_EXPLAINED - 1 :] for numbers in self._numbers.values()]
        return [
            *(f"row {number}: {reason}" for number, reason in self._explained()),
            *(f"{row_ranges(others)}: as row {like}" for like, *others in filter(None, more) if others),
        ]


@dataclass(frozen=True)
class Table:
    """A table that is read while `rows` is iterated, once.

    Attributes
    ----------
    separator : str
        Between cells, "" in JSON.
    columns : list of str
        In lower case; of JSON, none: its rows have their own.
    rows : iterator of Row
        Raises InputError if the file cannot be read on.
    """

    separator: str
    columns: list[str]
    rows: Iterator[Row]


def read_table(path: Path, is_header: Callable[[list[str]], bool], expected: str) -> Table:
    """Read a table with a header, whatever spreadsheets write.

    That is: commas, semicolons, tabs or bars, also named in a first line `sep=;`; UTF-8, UTF-16 or the Windows code
    page 1252; names of columns in any case; blanks around values; empty rows.

    Parameters
    ----------
    is_header : callable
        Whether these names of columns, in lower case, are enough: it tells the separator as well.
    expected : str
        What a message calls the columns that are expected.

    Raises
    ------
    InputError
        If it cannot be read, or has no such columns.
    """
    lines = _lines(path, _encoding(path))
    n_skipped, named, header = 0, "", ""
    for header in lines:
        separator = _separator_line(header)
        if header.strip() and not separator:
            break
        n_skipped, named, header = n_skipped + 1, named or separator, ""
    name = printable(path)
    try:
        for separator in [named] if named else _SEPARATORS:
            cells = next(_records([header], separator), [])
            columns = [column.strip().lower() for column in cells]
            if is_header(columns):
                break
        else:
            received = printable(header.strip()[:_MOST_QUOTED]) or "nothing"
            raise InputError(
                f"{name} has no {expected} (its first row is {received}): write the names of its columns there."
            )
    except csv.Error as error:
        raise InputError(f"{name} is not a CSV file ({error}): export it again.") from error
    return Table(separator, columns, _rows(name, lines, separator, columns, n_skipped + 1))


def read_rows(path: Path, is_header: Callable[[list[str]], bool], expected: str) -> Table:
    """Read a table, see `read_table`, or JSON: an object on each line (JSONL), or a list of objects."""
    encoding = _encoding(path)
    first = next((text for line in _lines(path, encoding) if (text := line.strip())), "")
    if first.startswith("{"):
        return Table("", [], (_object(n, line) for n, line in enumerate(_lines(path, encoding), 1) if line.strip()))
    if first.startswith("["):
        return Table("", [], (_checked(n, value) for n, value in enumerate(_array(path, encoding), 1)))
    return read_table(path, is_header, expected)


def _array(path: Path, encoding: str) -> list:
    """Return the list that a file of JSON holds."""
    name, instead = printable(path), "write one object a line (JSONL)"
    try:
        if path.stat().st_size > _MOST_ARRAY_BYTES:
            raise InputError(f"{name} is one list in JSON of more than {_MOST_ARRAY_BYTES >> 20} MB: {instead}.")
        return json.loads(path.read_text(encoding=encoding))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} begins like a list in JSON, but is none: {instead}.") from error


def _object(number: int, line: str) -> Row:
    """Return the row that a line of JSON holds."""
    try:
        return _checked(number, json.loads(line))
    except (ValueError, RecursionError) as error:
        reason = str(error).partition(":")[0] if isinstance(error, json.JSONDecodeError) else "cannot be parsed"
        return Row(number, problem=f"is not a JSON object on one line ({reason})")


def _checked(number: int, value: Any) -> Row:
    """Return the row that a JSON object is; its texts without blanks around them."""
    if not isinstance(value, dict):
        return Row(number, problem="is not a JSON object, such as {...}")
    cells = [cell.strip() if isinstance(cell, str) else cell for cell in value.values()]
    return Row(number, tuple(key.strip().lower() for key in value), cells)


def _encoding(path: Path) -> str:
    """Return the encoding of a file, one of those that spreadsheets write; raise InputError if it is no such text."""
    name = printable(path)
    require_content(path)
    try:
        status = path.stat()
        if path.is_dir() or not is_regular(status):
            raise InputError(f"{name} is {'a folder' if path.is_dir() else 'not a regular file'}: name a CSV file.")
        if status.st_size > _MOST_BYTES:
            raise InputError(f"{name} is too large ({status.st_size:,} bytes) for a table: name a CSV file.")
        with path.open("rb") as file:
            head = file.read(2)
            if head in _BYTE_ORDER_MARKS:
                return "utf-16"
            if b"\0" in head:  # UTF-16 whose mark was lost: the header is ASCII
                return "utf-16-le" if head[1:] == b"\0" else "utf-16-be"
            if head == b"PK":
                raise InputError(f"{name} is a workbook or an archive: export it as CSV.")
            for encoding in ("utf-8-sig", "cp1252"):
                file.seek(0)
                if _decodes(iter(lambda: file.read(_CHUNK_BYTES), b""), encoding):
                    return encoding
            raise UnicodeError
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    except UnicodeError as error:
        raise InputError(f"{name} {_NOT_TEXT}") from error


def _decodes(chunks: Iterable[bytes], encoding: str) -> bool:
    """Return whether bytes without a zero are text in an encoding; raise UnicodeError if one is zero."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            if b"\0" in chunk:
                raise UnicodeError
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Yield the lines of a file with their ends; raise InputError for one that no table has."""
    name = printable(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            while line := file.readline(_MOST_LINE + 1):
                if len(line) > _MOST_LINE:
                    raise InputError(f"{name} has a line of more than {_MOST_LINE:,} characters: it is not a table.")
                yield line
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    except UnicodeError as error:
        raise InputError(f"{name} {_NOT_TEXT}") from error


def _separator_line(line: str) -> str:
    """Return the separator that a line such as `sep=;` names, or "" if it is another line."""
    text = line.strip("\r\n \"'")
    return text[4:5] if text.lower().startswith("sep=") and len(text) == 5 else "\t" if text.lower() == "sep=" else ""


def _rows(name: str, lines: Iterator[str], separator: str, columns: list[str], n_before: int) -> Iterator[Row]:
    """Yield the rows after the header that are not empty."""
    names, n_columns = tuple(columns), len(columns)
    try:
        for number, cells in enumerate(_records(lines, separator), n_before + 1):
            if any(cells):
                is_odd = len(cells) > n_columns or "\n" in (text := "".join(cells)) or "\r" in text
                problem = _problem(cells, separator, n_columns) if is_odd else ""
                of_cells = names if len(cells) >= n_columns else names[: len(cells)]
                yield Row(number, of_cells, [cell.strip() for cell in cells], problem)
    except csv.Error as error:
        raise InputError(f"{name} is not a CSV file ({error}): export it again.") from error


def _problem(cells: list[str], separator: str, n_columns: int) -> str:
    """Return what is wrong with the cells of a row that has many, or line breaks in them; "" if that may be."""
    if any(cell.strip() for cell in cells[n_columns:]):
        return f"has {len(cells)} cells, and the first row {n_columns}: put cells with {_named(separator)} in quotes"
    for cell in cells if n_columns > 1 else ():
        lines = cell.splitlines()
        if any(line.count(separator) >= n_columns - 1 for line in lines[1:]):
            return f"goes on over {len(lines)} lines: a quote is missing"
    return ""


def _named(separator: str) -> str:
    """Return what separators are called."""
    return {",": "commas", ";": "semicolons", "\t": "tabs"}.get(separator, separator)


def _records(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    """Yield the cells of each row."""
    if separator == "\t":
        return map(_tabbed, lines)
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def _tabbed(line: str) -> list[str]:
    """Return the cells of a line with tabs: most programs write texts with quotes as they are there."""
    if '"' not in line or line.count('"') % 2:
        return line.rstrip("\r\n").split("\t")
    return next(csv.reader([line], delimiter="\t"), [])


def row_ranges(numbers: Sequence[int]) -> str:
    """Return the numbers of rows, in order, as in "rows 3, 5-9"."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    texts = [f"{first}" if first == last else f"{first}-{last}" for first, last in ranges[:_MOST_RANGES]]
    more = sum(last - first + 1 for first, last in ranges[_MOST_RANGES:])
    return f"row{'s' if len(numbers) > 1 else ''} {', '.join(texts)}" + (f" and {more:,} more" if more else "")

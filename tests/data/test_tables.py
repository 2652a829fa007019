"""Tables and JSON that are read row by row, and files that are neither."""

import json
import os

import pytest

from speech_autoencoder.data import tables
from speech_autoencoder.data.tables import Problems, read_rows, read_table, row_ranges
from speech_autoencoder.errors import InputError
from tests.helpers.common import one_line_of, refused


def has_path(columns):
    return "path" in columns


def rows_of(path, content, read=read_rows):
    """Return the rows of a file with this content, text or bytes: (number, values by column, problem)."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rows = read(path, has_path, "column path").rows
    return [(row.number, dict(zip(row.columns, row.values, strict=False)), row.problem) for row in rows]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "list.csv"


def test_read_rows_of_json_lines_have_the_numbers_of_lines(path):
    lines = [json.dumps({"Path": " é.wav ", "start": 1.5}), "", json.dumps({"path": "b.wav", "n": None})]
    expected = [(1, {"path": "é.wav", "start": 1.5}, ""), (3, {"path": "b.wav", "n": None}, "")]
    assert rows_of(path, "\n".join(lines)) == expected
    assert rows_of(path, "\ufeff" + "\r\n".join(lines)) == expected
    assert rows_of(path, "\n".join(lines).encode("utf-16")) == expected


def test_read_rows_of_a_list_in_json_are_counted(path):
    values = [{"path": "a.wav"}, 3, {"path": "b.wav"}]
    assert [(n, problem != "") for n, _, problem in rows_of(path, json.dumps(values, indent=2))] == [
        (1, False),
        (2, True),
        (3, False),
    ]


def test_read_rows_lines_that_are_no_objects_are_problems(path):
    found = rows_of(path, '{"path": "a.wav"}\n{"path": \n[1]\n' + "[" * 100_000 + "\n" + '{"n": ' + "9" * 5_000 + "}")
    assert [number for number, _, problem in found if problem] == [2, 3, 4, 5]
    assert all("not a JSON object" in problem for _, _, problem in found[1:])


def test_read_table_numbers_are_those_of_a_spreadsheet_also_after_a_cell_of_several_lines(path):
    found = rows_of(path, 'path,note\na,"one\ntwo\nthree"\n\nb,x\n', read_table)
    assert [(number, values["path"], problem) for number, values, problem in found] == [(2, "a", ""), (4, "b", "")]


def test_read_table_missing_quote_is_a_problem_of_its_row(path):
    found = rows_of(path, 'path,label\na,yes\nb,"no\nc,yes\nd,yes\n', read_table)
    assert [(number, bool(problem)) for number, _, problem in found] == [(2, False), (3, True)]
    assert "a quote is missing" in found[1][2]


def test_read_table_more_cells_than_columns_are_a_problem_unless_empty(path):
    found = rows_of(path, "path,label\na,oh, no\nb,yes,,\n", read_table)
    assert "has 3 cells, and the first row 2: put cells with commas in quotes" in found[0][2]
    assert found[1] == (3, {"path": "b", "label": "yes"}, "")


def test_read_table_quotes_of_tabbed_texts_are_not_those_of_cells(path):
    found = rows_of(path, 'path\tsentence\na\t"Oh\nb\tthe 5" disk\nc\t"yes"\td\n', read_table)
    assert [values["sentence"] for _, values, _ in found] == ['"Oh', 'the 5" disk', "yes"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"path,a\n" + b"x" * 2_000_000, "has a line of more than 1,048,576 characters"),
        (b"{" + b" " * 2_000_000, "has a line of more than"),
        (b"path,a\n\0\0\0", "is not text"),
        (b"RIFF\xff\xff\0\0WAVE", "is not text"),
        (b"PK\3\4....", "is a workbook or an archive: export it as CSV"),
        (b"\xff\xfe\0\xd8", "is not text"),
        (b"[1, 2", "begins like a list in JSON, but is none: write one object a line"),
        (b'path,a\n"' + b"x,y\n" * 50_000, "is not a CSV file"),
        (b"", "no column path (its first row is nothing)"),
    ],
)
def test_read_rows_of_what_is_no_table_is_refused(path, content, words):
    refused("list.csv", words, do=lambda: rows_of(path, content))


def test_read_rows_of_what_is_too_large_or_no_file_is_refused(path, tmp_path, monkeypatch):
    with path.open("wb") as file:
        file.truncate(10 << 30)
    refused("list.csv", "too large (10,737,418,240 bytes)", do=lambda: read_rows(path, has_path, ""))
    refused("a folder", do=lambda: read_rows(tmp_path, has_path, ""))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        refused("not a regular file", do=lambda: read_rows(tmp_path / "pipe", has_path, ""))
    monkeypatch.setattr(tables, "_MOST_ARRAY_BYTES", 10)
    refused("one list in JSON", "one object a line", do=lambda: rows_of(path, json.dumps([{"path": "a.wav"}])))


def test_problems_explain_some_rows_of_each_kind_and_name_all():
    problems = Problems()
    for number in (*range(2, 20), 25):
        problems.add("file", number, f"no file {number}")
    problems.add("times", 15, "ends before its start")
    assert problems.count == 20
    assert problems.first == "row 2: no file 2"
    lines = problems.lines()
    assert lines[9:] == ["row 11: no file 11", "row 15: ends before its start", "rows 12-19, 25: as row 11"]


def test_row_ranges_are_short_however_many_rows_there_are():
    assert row_ranges([3]) == "row 3"
    assert row_ranges(range(5, 1_000_000)) == "rows 5-999999"
    text = row_ranges(range(1, 100_000, 2))
    assert len(text) < 2_000
    assert text.endswith("399 and 49,800 more")


def test_read_table_error_is_one_line(path):
    path.write_text("a\u2028b\x1bc,d\n")
    with pytest.raises(InputError) as error:
        read_table(path, has_path, "column path")
    assert "a\\u2028b\\x1bc" in one_line_of(error)

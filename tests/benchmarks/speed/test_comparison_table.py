"""The table of the stages: goals that are missed, what became slower, and its place in docs/speed.md."""

import pytest

from benchmarks.speed.comparison_table import merge, slower, table, write_table
from benchmarks.speed.timing import compare
from tests.helpers.common import ROOT

BEFORE = [
    {"stage": "a", "against": "x", "unit": "s", "ours": 1, "theirs": 9, "ratio": 9.0, "least": 4, "note": ""},
    {"stage": "gone", "against": "x", "unit": "s", "ours": 1, "theirs": 9, "ratio": 9.0, "least": 4, "note": ""},
]


def make_row(stage, ours, theirs, least=4, against="x", unit="s", note=""):
    return compare(stage, against, unit, ours=ours, theirs=theirs, least=least, note=note)


@pytest.mark.parametrize("ours, lines", [(1.0, []), (1.1, []), (2.0, ["Slower: a, against x: 4.50, was 9.00."])])
def test_slower_names_what_is_worse_than_the_tolerance(ours, lines):
    assert slower([make_row("a", ours, 9), make_row("new", 9, 1)], BEFORE) == lines


def test_merge_keeps_what_was_not_measured():
    rows = merge([make_row("new", 1, 2, None), make_row("a", 3, 9)], BEFORE)
    assert [(row["stage"], row["ratio"]) for row in rows] == [("a", 3.0), ("gone", 9.0), ("new", 2.0)]


def test_write_table_marks_missed_goals_and_replaces_the_old_table(tmp_path):
    text = table([make_row("a", 3, 9, note="noted"), make_row("b", 100, 900, against="y", unit="MB")])
    assert "| a | 3 s | x | 9 s | **3.00** | 4 | noted |" in text
    assert "| b | 100 MB | y | 900 MB | 9.00 | 4 |  |" in text
    page = tmp_path / "speed.md"
    page.write_text((ROOT / "docs" / "speed.md").read_text())
    for _ in range(2):
        write_table(page, text)
    assert page.read_text().count(text) == 1


def test_write_table_page_without_marks_is_refused(tmp_path):
    page = tmp_path / "speed.md"
    page.write_text("nothing")
    with pytest.raises(SystemExit, match="no place"):
        write_table(page, "")

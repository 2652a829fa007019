"""The table of the stages: rendered, compared with the last one, and written into docs/speed.md."""

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import tables
from benchmarks.speed.timing import Row
from speech_autoencoder.system.files import atomic_write

TOLERANCE = 0.15  # by how much, as a share, a ratio may get worse without being reported
HEADING = tables.heading(["stage", "ours", "against", "that", "times better", "wanted", ""])
_MARKS = ("<!-- table: python -m benchmarks.speed.stages -->", "<!-- end of the table -->")


def line_of(row: Row) -> str:
    """Return the row as a line of the table; a ratio that misses its goal is bold."""
    ratio = f"{row.ratio:.2f}" if row.least is None or row.ratio >= row.least else f"**{row.ratio:.2f}**"
    least = "-" if row.least is None else f"{row.least:g}"
    ours, theirs = (f"{cost:.3g}" if cost < 100 else f"{cost:,.0f}" for cost in (row.ours, row.theirs))
    costs = (f"{ours} {row.unit}", row.against, f"{theirs} {row.unit}")
    return tables.line([row.stage, *costs, ratio, least, row.note])


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in markdown."""
    return "\n".join([HEADING, *map(line_of, rows)])


def slower(rows: Sequence[Row], before: list[dict], tolerance: float = TOLERANCE) -> list[str]:
    """Return a line for each row whose ratio got worse by more than the tolerance."""
    was = {(row["stage"], row["against"]): row["ratio"] for row in before}
    return [
        f"Slower: {row.stage}, against {row.against}: {row.ratio:.2f}, was {was[row.stage, row.against]:.2f}."
        for row in rows
        if row.ratio < (1 - tolerance) * was.get((row.stage, row.against), 0)
    ]


def merge(rows: Sequence[Row], before: list[dict]) -> list[dict]:
    """Return the rows as JSON's own types, in their old places, with the old rows of stages that were not measured."""
    now = {(row.stage, row.against): asdict(row) for row in rows}
    kept = [now.pop((row["stage"], row["against"]), row) for row in before]
    return kept + list(now.values())


def write_table(path: Path, text: str) -> None:
    """Replace the table between the marks of the page at path. Ends the process if the marks are missing."""
    start, end = map(re.escape, _MARKS)
    page, count = re.subn(
        f"({start}\n).*({end})", lambda found: f"{found[1]}\n{text}\n\n{found[2]}", path.read_text(), flags=re.DOTALL
    )
    if not count:
        sys.exit(f"{path} has no place for the table: it needs the lines {_MARKS[0]} and {_MARKS[1]}.")
    with atomic_write(path) as temporary:
        temporary.write_text(page)

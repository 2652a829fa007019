"""Tables in markdown."""

from collections.abc import Iterable, Sequence


def heading(names: Sequence[str]) -> str:
    """Return the two lines above the rows of a table with these columns."""
    return f"{line(names)}\n|{'---|' * len(names)}"


def line(cells: Iterable[str]) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cells)} |"

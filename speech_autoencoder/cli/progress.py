"""Lines on stdout, and progress bars on a terminal."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

Say = Callable[[str], None]
Progress = Callable[[Iterable, int], Iterable]


def make_say(quiet: bool) -> Say:
    """Return a function that prints a line without breaking a progress bar, or does nothing if quiet."""
    # tqdm takes a fifth of the time that --help may take: it is imported when there is something to show.
    from tqdm import tqdm

    return (lambda text: None) if quiet else (lambda text: tqdm.write(text, file=sys.stdout))


def make_progress(quiet: bool, description: str) -> Progress:
    """Return a function (items, total) -> items that shows a bar on a terminal if they take over two seconds."""
    return lambda items, total: _tqdm(items, total, quiet, description)


def make_bar(quiet: bool, description: str) -> Callable[[float], Any]:
    """Return a function total -> a bar on a terminal with update(n) and close(); total counts steps or seconds."""
    return lambda total: _tqdm(None, total, quiet, description)


def _tqdm(items: Iterable | None, total: float, quiet: bool, description: str) -> Any:
    """Return a bar that disappears when it is done."""
    from tqdm import tqdm

    return tqdm(
        items,
        description,
        total,
        delay=2,
        disable=True if quiet else None,  # None: shown on a terminal only
        leave=False,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left",
    )

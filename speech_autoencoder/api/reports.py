"""What the functions of the API report while they work: nothing, unless they are asked to."""

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from speech_autoencoder.cli.progress import Progress, Say


class Bar(AbstractContextManager, Protocol):
    """What shows progress, such as tqdm's bar."""

    total: float

    def update(self, n: float = 1) -> object:
        """Count n more as done."""

    def close(self) -> None:
        """Show no more."""


# Takes what is done, such as "training", and the total of what `update` counts: steps, recordings or seconds.
StartBar = Callable[[str, float], Bar]


class Reports(NamedTuple):
    """Where a function reports to.

    Attributes
    ----------
    say
        Takes a line about what was done.
    warn
        Takes a line about what is not as it should be.
    start_bar
        Returns a bar for a description and a total.
    """

    say: Say
    warn: Say
    start_bar: StartBar

    def bar(self, description: str) -> Callable[[float], Any]:
        """Return a function that starts the bar of this description for a total."""
        return functools.partial(self.start_bar, description)

    def progress(self, description: str) -> Progress:
        """Return a function (items, total) -> items that shows how many of them are done."""

        def progress(items: Iterable, total: int) -> Iterator:
            with self.start_bar(description, total) as bar:
                for item in items:
                    yield item
                    bar.update(1)

        return progress


def reports(say: Say | None, warn: Say | None, progress: StartBar | None) -> Reports:
    """Return where a function reports to, by its arguments; what is None is quiet, but for Python's own warnings."""
    return Reports(say or _ignore_line, warn or _warn, progress or _NoBar)


def _ignore_line(line: str) -> None:
    """Do nothing."""


def _warn(line: str) -> None:
    """Issue a warning of Python."""
    warnings.warn(line, stacklevel=2)


class _NoBar(AbstractContextManager):
    """A bar that is not shown."""

    def __init__(self, description: str, total: float) -> None:
        self.total = total

    def update(self, n: float = 1) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def __exit__(self, *error: object) -> None:
        self.close()

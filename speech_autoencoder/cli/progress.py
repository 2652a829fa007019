"""Lines on stdout, and progress: a bar on a terminal, a line now and then where there is none."""

import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from speech_autoencoder.system.wording import duration

Say = Callable[[str], None]
Progress = Callable[[Iterable, int], Iterable]

# Without a terminal, a line is due after this many seconds if the percentage has changed, and after _SAME_S anyway.
_LINE_S = 10
_SAME_S = 60
# Of long work, lines are rarer: their distance is at least this share of the time so far, but at most _SAME_S.
_LINE_SHARE = 0.1
# What loads or plans at the start does not count as speed.
_START_S = 1


def make_say(quiet: bool) -> Say:
    """Return a function that prints a line without breaking a progress bar, or does nothing if quiet."""
    # tqdm takes a fifth of the time that --help may take: it is imported when there is something to show.
    from tqdm import tqdm

    return (lambda text: None) if quiet else (lambda text: tqdm.write(text, file=sys.stdout))


def make_bar(quiet: bool, description: str) -> Callable[[float], Any]:
    """Return a function total -> what shows progress, with update(n) and close(); total counts steps or seconds.

    On a terminal it is a bar, from two seconds on, which disappears when it is done. Elsewhere it prints lines, from
    ten seconds on.
    """
    is_shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
    return lambda total: _bar(total, description) if is_shown else Lines(total, description, make_say(quiet), quiet)


def make_bars(quiet: bool) -> Callable[[str, float], Any]:
    """Return a function (description, total) -> what shows progress, see `make_bar`."""
    return lambda description, total: make_bar(quiet, description)(total)


def _bar(total: float, description: str) -> Any:
    """Return a bar."""
    from tqdm import tqdm

    return tqdm(
        None,
        description,
        total,
        delay=2,
        leave=False,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left",
    )


class Lines:
    """Progress in lines, such as "encoding: 40 % (80 s left)", which a thread prints, however long a step takes.

    Attributes
    ----------
    total : float
        What `update` counts up to; it may change.
    """

    def __init__(self, total: float, description: str, say: Say, quiet: bool) -> None:
        self.total, self._n = total, 0.0
        self._description, self._say = description, say
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        if not quiet:
            self._thread.start()

    def update(self, n: float = 1) -> None:
        """Count n more as done."""
        self._n += n

    def close(self) -> None:
        """Print no more lines."""
        self._is_closed.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _run(self) -> None:
        """Print a line whenever it is due."""
        if self._is_closed.wait(_START_S):
            return
        started, n_at_start, before, printed = time.monotonic(), self._n, None, 0.0
        wait_s: float = _LINE_S - _START_S
        while not self._is_closed.wait(wait_s):
            now = time.monotonic()
            wait_s = max(_LINE_S, min(_SAME_S, _LINE_SHARE * (now - started)))
            percent = int(100 * self._n / self.total) if self.total else None
            if percent == before and now - printed < _SAME_S:
                continue
            before, printed = percent, now
            n_done, elapsed_s = self._n - n_at_start, now - started
            note = (
                f"{duration(round(elapsed_s * max(0.0, self.total - self._n) / n_done))} left"
                if n_done > 0 and self.total
                else f"{duration(round(elapsed_s + _START_S))} so far"
            )
            text = self._description if percent is None else f"{self._description}: {min(percent, 100)} %"
            try:
                self._say(f"{text} ({note})")
            except (OSError, ValueError):  # nobody reads it any more, which the run itself finds out
                return

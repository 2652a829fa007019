"""Words that depend on numbers, and lists of names."""

from collections.abc import Sequence
from pathlib import Path

from speech_autoencoder.system.files import printable


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1.

    Examples
    --------
    >>> counted(1, "recording"), counted(2_000, "recording")
    ('1 recording', '2,000 recordings')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a duration in seconds, in minutes from two of them on, or in hours from two of them on.

    Examples
    --------
    >>> duration(0.464), duration(7.8), duration(42), duration(606), duration(9_000)
    ('0.46 s', '7.8 s', '42 s', '10.1 minutes', '2.5 hours')
    """
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 1 else f"{f'{seconds:.1f}'.removesuffix('.0')} s"
    return f"{seconds / 60:.1f} minutes" if seconds < 7_200 else f"{seconds / 3_600:,.1f} hours"


def listed(paths: Sequence[Path]) -> str:
    """Return the names of files as in a sentence.

    Examples
    --------
    >>> listed([Path("a.h5"), Path("a.csv"), Path("a.png")])
    'a.h5, a.csv and a.png'
    """
    *most, last = map(printable, paths)
    return f"{', '.join(most)} and {last}" if most else last

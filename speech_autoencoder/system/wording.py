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


def listed(paths: Sequence[Path]) -> str:
    """Return the names of files as in a sentence.

    Examples
    --------
    >>> listed([Path("a.h5"), Path("a.csv"), Path("a.png")])
    'a.h5, a.csv and a.png'
    """
    *most, last = map(printable, paths)
    return f"{', '.join(most)} and {last}" if most else last

"""What the name of a recording tells about it."""

from pathlib import Path


def label_of(name: str) -> str:
    """Return the word that a recording's name tells, the part before its first "_"; "" where there is none."""
    label, underscore, _ = Path(name).name.partition("_")
    return label if underscore else ""

"""What the name of a recording tells: its label, its speaker and its take."""

from pathlib import Path
from typing import NamedTuple


def label_of(name: str) -> str:
    """Return the part of a recording's name before its first "_", without folders, or "" if it has none.

    Examples
    --------
    >>> label_of("ann/yes_ann.flac")
    'yes'
    """
    label, underscore, _ = Path(name).name.partition("_")
    return label if underscore else ""


def folder_of(name: str) -> str:
    """Return the first folder of a recording's relative name, or "" if it is in none."""
    path = Path(name)
    return path.parts[0] if len(path.parts) > 1 else ""


def speaker_of(name: str) -> str:
    """Return the speaker that a recording's relative name tells, or "" if it tells none.

    The middle part of label_speaker_take, as in `7_jackson_32.wav`; for names of another form, the first folder.

    Examples
    --------
    >>> speaker_of("digits/7_jackson_32.wav")
    'jackson'
    >>> speaker_of("anna/monday/1.wav")
    'anna'
    """
    parts = parts_of(name)
    return parts.speaker if parts else folder_of(name)


class NameParts(NamedTuple):
    """The parts of a name of the form label_speaker_take."""

    label: str
    speaker: str
    take: str


def parts_of(name: str) -> NameParts | None:
    """Return the parts of a name of the form label_speaker_take, or None if it is of another form.

    A speaker has a name: `2024_01_02.wav` and `p225_001_mic1.wav` are of other forms.
    """
    parts = Path(name).stem.split("_")
    if len(parts) == 3 and parts[1] and not parts[1].isdigit():
        return NameParts(*parts)
    return None

"""Names with accents, which systems spell in two ways: é as one character (NFC) or as e and an accent (NFD)."""

import os
import unicodedata
from pathlib import Path

from speech_autoencoder.system.files import Elsewhere


def on_disk(path: Path) -> Path:
    """Return a path as the disk spells it: itself, unless only the other spelling of its accents exists there.

    A name that was typed, or stored on another system, may be spelled otherwise than the file. Parts that exist in
    neither spelling stay as they are, as in the path of an output.
    """
    if isinstance(path, Elsewhere):
        return path
    text = os.fspath(path)
    if text.isascii() or os.path.lexists(text):
        return path
    found = Path(path.anchor)
    for part in path.parts[1:] if path.anchor else path.parts:
        found = _spelled(found, part)
    return found


def same_spelling(text: str) -> str:
    """Return a text in the one spelling (NFC) in which texts can be compared."""
    return unicodedata.normalize("NFC", text)


def _spelled(folder: Path, name: str) -> Path:
    """Return a name in a folder as the disk spells it; as it is if there is none like it, or several."""
    path = folder / name
    if name.isascii() or os.path.lexists(path):
        return path
    try:
        alike = [other for other in folder.iterdir() if same_spelling(other.name) == same_spelling(name)]
    except (OSError, ValueError):
        return path
    return alike[0] if len(alike) == 1 else path

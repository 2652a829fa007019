"""Markdown with metadata at its top, whose last line tells whether it was edited since a program wrote it.

Some fields of the metadata are for the user to fill in: they do not count as edits.
"""

import hashlib
import re
from contextlib import suppress
from pathlib import Path

from speech_autoencoder.script_names import PROGRAM

# The fields for the user.
_FIELDS = ("license", "license_name", "license_link", "language")
_SIGNATURE = re.compile(rf"<!-- {PROGRAM} card, ([0-9a-f]{{16}}): .*-->\n?\Z")
_NOTE = "a card that was edited, but for its license and language, is not replaced"
# A larger file was not written here.
_MOST_BYTES = 1 << 20


def sign(text: str) -> str:
    """Return a text with the line that tells whether it was edited."""
    return f"{text}<!-- {PROGRAM} card, {_digest(text)}: {_NOTE} -->\n"


def is_unedited(path: Path) -> bool:
    """Return whether a file was signed here, and at most the fields for the user were edited since."""
    text = _read(path)
    found = _SIGNATURE.search(text)
    return found is not None and found[1] == _digest(text[: found.start()])


def filled_fields(path: Path) -> dict[str, str]:
    """Return the fields {name: lines} for the user in an unedited file; none from other files."""
    return _fields(_read(path)) if is_unedited(path) else {}


def _read(path: Path) -> str:
    """Return the text of a file with Unix line ends; nothing where there can be no such text."""
    with suppress(OSError, UnicodeDecodeError):
        if path.is_file() and path.stat().st_size <= _MOST_BYTES:
            return path.read_text(encoding="utf-8-sig")
    return ""


def _digest(text: str) -> str:
    """Return a digest of a text without the fields for the user."""
    head, rest = _split(text)
    for lines in _fields(text).values():
        head = head.replace(lines, "", 1)
    return hashlib.sha256((head + rest).encode("utf-8")).hexdigest()[:16]


def _split(text: str) -> tuple[str, str]:
    """Return the metadata of a text, between two lines of three dashes, and the rest."""
    end = text.find("\n---\n", 3) + 1 if text.startswith("---\n") else 0
    return text[:end], text[end:]


def _fields(text: str) -> dict[str, str]:
    """Return the fields {name: lines} for the user in a text's metadata."""
    head, _ = _split(text)
    pattern = rf"^({'|'.join(_FIELDS)}):.*\n(?:[ -].*\n)*"
    return {found[1]: found[0] for found in re.finditer(pattern, head, re.MULTILINE)}

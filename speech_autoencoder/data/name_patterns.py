"""Patterns of recordings' names, such as `{label}_{speaker}_{take}` or `{speaker}/{label}/*`."""

import re
from dataclasses import dataclass
from functools import lru_cache

from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable

# The fields that say something of a recording; the others only name a part that may be anything.
SPEAKER = "speaker"
LABEL = "label"
EXAMPLES = "{label}_{speaker}_{take} or {speaker}/{label}/*"
# Bounds that keep the comparison with names quick, as a pattern may come from a file: of its characters, of `**`, of
# what may end anywhere between two slashes.
_MOST_CHARACTERS = 200
_MOST_ANY_FOLDERS = 2
_MOST_LOOSE = 2
_TOKEN = re.compile(r"\{(\w+)\}|(\*)|([^{}*]+)|(.)", re.DOTALL)


@dataclass(frozen=True)
class Parts:
    """What a name says: its speaker and its label, "" where it says none."""

    speaker: str
    label: str


@dataclass(frozen=True)
class NamePattern:
    """A pattern as it is written, and the regular expression that it stands for; see `parse_pattern`."""

    text: str
    regex: re.Pattern[str]

    def parts_of(self, name: str) -> Parts | None:
        """Return what a recording's relative name says, or None if the pattern does not fit it.

        Examples
        --------
        >>> parse_pattern("{label}_{speaker}_{take}").parts_of("digits/7_jackson_32.wav")
        Parts(speaker='jackson', label='7')
        """
        found = self.fields_of(name)
        return None if found is None else Parts(found.get(SPEAKER, ""), found.get(LABEL, ""))

    def fields_of(self, name: str) -> dict[str, str] | None:
        """Return every field of a recording's relative name, or None if the pattern does not fit it."""
        found = self.regex.fullmatch(without_suffix(name)) or self.regex.fullmatch(name)
        return found.groupdict() if found else None


def without_suffix(name: str) -> str:
    """Return a recording's relative name without the suffix of its file."""
    folders, slash, file = name.rpartition("/")
    stem, _, suffix = file.rpartition(".")
    return folders + slash + (stem if stem and suffix else file)


@lru_cache(maxsize=256)
def parse_pattern(text: str) -> NamePattern:
    """Return the pattern that a text describes.

    `{speaker}` and `{label}` are the speaker and the label (the word that is said). Any other field, such as `{take}`,
    and `*` are parts that may be anything. A field does not contain the characters beside it, nor does one of several
    `*` between two slashes; a field that stands twice is the same both times. The pattern describes the end of a name;
    `**` stands for any folders, so that a pattern that contains it describes the whole name. The suffix of the file may
    be left out.

    Raises
    ------
    InputError
        If the text is not a pattern, or has neither `{speaker}` nor `{label}`.

    Examples
    --------
    >>> parse_pattern("{speaker}/{label}/*").parts_of("corpus/anna/yes/1.wav")
    Parts(speaker='anna', label='yes')
    >>> parse_pattern("{speaker}/**").parts_of("anna/monday/1.wav")
    Parts(speaker='anna', label='')
    """
    # Windows does not take single quotes away.
    parts = text.strip(" '\"").replace("\\", "/").removeprefix("./").split("/")
    parts = [part for part, after in zip(parts, [*parts[1:], ""], strict=True) if (part, after) != ("**", "**")]
    known: set[str] = set()
    n_any = parts.count("**")
    regex = "" if n_any else "(?:.*/)?"
    for i, part in enumerate(parts):
        if part == "**":
            regex += ".*" if i == len(parts) - 1 else "(?:[^/]+/)*"
        else:
            regex += _regex_of(part, known, text) + ("/" if i < len(parts) - 1 else "")
    if len(text) > _MOST_CHARACTERS or n_any > _MOST_ANY_FOLDERS:
        raise _wrong(text, "is too long")
    if not {SPEAKER, LABEL} & known:
        raise _wrong(text, "has neither {speaker} nor {label}")
    return NamePattern(text.strip(" '\""), re.compile(regex, re.DOTALL | re.IGNORECASE))


def _regex_of(part: str, known: set[str], text: str) -> str:
    """Return the regular expression of a part of a pattern between slashes; add its fields to those that are known."""
    tokens = [match.groups() for match in _TOKEN.finditer(re.sub(r"\{\w+\}", lambda field: field[0].lower(), part))]
    literals = ["", *(literal or "" for _, _, literal, _ in tokens), ""]
    n_stars, n_loose, regex = part.count("*"), 0, ""
    for i, (field, star, literal, wrong) in enumerate(tokens):
        before, after = literals[i][-1:], literals[i + 2][:1]
        beside = {c for c in before + after if not c.isalnum()}
        inside = f"[^{re.escape(''.join(sorted(beside | {'/'})))}]"
        # What may hold the character after it may end at any of several places.
        n_loose += bool(field or star) and bool(after) and (after not in beside or (n_stars == 1 and bool(star)))
        if wrong:
            raise _wrong(text, f"has a {wrong} without the other brace")
        if field and not field.isidentifier():
            raise _wrong(text, f"has a field {field!r}, which is not a name")
        if (field or star) and not after and i < len(tokens) - 1:
            raise _wrong(text, "has two fields with nothing between them")
        if field in known:
            regex += f"(?P={field})"
        elif field:
            known.add(field)
            regex += f"(?P<{field}>{inside}+)"
        elif star:
            regex += "[^/]*" if n_stars == 1 else f"{inside}*"
        else:
            regex += re.escape(literal)
    if n_loose > _MOST_LOOSE:
        raise _wrong(text, "has too many parts that may end anywhere")
    return regex


def _wrong(text: str, why: str) -> InputError:
    """Return the error for a text that is not a pattern."""
    return InputError(f"The pattern {printable(text[:_MOST_CHARACTERS])!r} {why}: write one such as {EXAMPLES}.")

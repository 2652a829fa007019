"""What the names of a corpus tell: the speaker and the label (the word) of each recording.

One name tells nothing: `rec_from_phone.wav` looks like `7_jackson_32.wav`. What is claimed is what the whole corpus
shows: the layout of a corpus that many people use, or parts of names that repeat across one another.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import PurePosixPath

from speech_autoencoder.data.name_layouts import LEAST_FIT, known_layout
from speech_autoencoder.data.name_patterns import (
    EXAMPLES,
    LABEL,
    SPEAKER,
    NamePattern,
    Parts,
    parse_pattern,
    without_suffix,
)
from speech_autoencoder.data.name_words import NOT_WORDS, Kind, are_conditions, are_dates, is_person, kind_of
from speech_autoencoder.data.parts.spool import kept, new_column
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.wording import counted

# The layout that this project asks for, FSDD's: 7_jackson_32.wav
CONVENTION = "{label}_{speaker}_{take}"
# The share of the cells of a grid that must be filled for two parts to count as crossed: each speaker says each word.
_LEAST_FILLED = 0.75
# Of a larger corpus, this many names, drawn at random, show the pattern.
_MOST_SHOWN = 10_000
# Folders that divide a corpus, and are neither speakers nor words.
_DIVISIONS = re.compile(
    r"(train|test|dev|valid|validation|val|eval|evaluation)(ing)?([-_].*)?|wavs?|flac|audio|clips|dr\d", re.IGNORECASE
)
# Names that are read before the next ones are looked at.
_NAMES_AT_ONCE = 1 << 13
_NO_PARTS = Parts("", "")
_MOST_EXAMPLES = 2
_MOST_QUOTED = 32  # characters of each
_HOW = {
    "names": "Names are read as {pattern}",
    "pattern": "Names are read as {pattern} (--names)",
    "training": "Names are read as {pattern}, as those of training",
    "table": "labels.csv tells",
    "list": "The list tells",
}
# Sources that say it themselves: there is no pattern to correct.
_TOLD = ("pattern", "list")


@dataclass(frozen=True)
class Understanding:
    """What the names of recordings tell.

    Attributes
    ----------
    speakers, labels : sequence of str
        Of each recording, "" where unknown.
    pattern : str
        How the names are read; "" if they tell nothing.
    source : str
        "names" if the pattern was found in them, "pattern" if it was asked for, "training" if it is that of the
        training array, "table" if the speakers are listed in labels.csv, "list" if they or the labels are listed with
        the recordings.
    """

    speakers: Sequence[str]
    labels: Sequence[str]
    pattern: str = ""
    source: str = "names"

    @property
    def n_understood(self) -> int:
        """The number of recordings whose speaker or label is known."""
        return sum(bool(speaker or label) for speaker, label in zip(self.speakers, self.labels, strict=True))

    def select(self, chosen: Sequence[bool]) -> "Understanding":
        """Return what is known of some of the recordings."""
        speakers, labels = (
            [value for value, is_chosen in zip(values, chosen, strict=True) if is_chosen]
            for values in (self.speakers, self.labels)
        )
        return replace(self, speakers=speakers, labels=labels)


def understand(names: Sequence[str], pattern: str | None = None) -> Understanding:
    """Return what the relative names of a corpus tell, read as the pattern says or as they show themselves.

    Raises
    ------
    InputError
        If the pattern is wrong, or fits none of the names.

    Examples
    --------
    >>> understand([f"{word}_{who}_{take}.wav" for word in "01" for who in ("jo", "al") for take in "01"]).speakers[0]
    'jo'
    >>> understand(["rec_from_phone.wav", "the_red_car.wav"]).speakers
    ['', '']
    """
    if pattern is not None:
        found = _read(names, parse_pattern(pattern), "pattern")
        if not found.n_understood:
            raise InputError(
                f"--names {printable(pattern)} fits none of the {counted(len(names), 'recording')}, such as "
                f"{printable(names[0])}: write the folders and parts of such a name, as in {EXAMPLES}."
            )
        return found
    some = names
    if len(names) > _MOST_SHOWN:
        some = [names[i] for i in sorted(random.Random(0).sample(range(len(names)), _MOST_SHOWN))]
    inferred = known_layout(some) or _convention(some) or _from_parts(some) or _from_folders(some)
    return _read(names, parse_pattern(inferred), "names") if inferred else _nothing(names)


def understand_as(names: Sequence[str], training: Understanding) -> Understanding:
    """Return what the names of testing recordings tell, read as those of training where that fits.

    A pattern that was asked for is taken wherever it fits a name. One that was found in the names of training must fit
    those of testing as well, and say of most of them a speaker or a label that training has.
    """
    own = understand(names)
    if not training.pattern or own.pattern == training.pattern:
        return own
    read = _read(names, parse_pattern(training.pattern), "training")
    if training.source == "pattern":
        return read if read.n_understood else own
    if read.n_understood < LEAST_FIT * len(names):
        return own
    known_speakers, known_labels = set(training.speakers) - {""}, set(training.labels) - {""}
    n_familiar = sum(
        speaker in known_speakers or label in known_labels
        for speaker, label in zip(read.speakers, read.labels, strict=True)
    )
    return read if 2 * n_familiar >= len(names) else own


def conventional(name: str) -> dict[str, str] | None:
    """Return the label, the speaker and the take of a name of the form label_speaker_take, None of another form.

    It looks at one name alone: for corpora that are known to have such names.
    """
    fields = parse_pattern(CONVENTION).fields_of(name)
    return fields if fields and not fields["speaker"].isdecimal() else None


def folder_of(name: str) -> str:
    """Return the first folder of a recording's relative name, or "" if it is in none."""
    path = PurePosixPath(name)
    return path.parts[0] if len(path.parts) > 1 else ""


def groups_of(names: Sequence[str]) -> list[str]:
    """Return the folder of each recording that tells apart most, "" where there is none.

    The first folder that differs and that does not only divide the corpus, as `train` and `test` do. Such folders are
    speakers, words or sessions: names cannot always tell.
    """
    return _grouping(names)[1]


def _grouping(names: Sequence[str]) -> tuple[int, list[str]]:
    """Return which folder groups the recordings, counted from 0, and that of each recording; see `groups_of`."""
    shared: dict[str, str] = {}  # not a text of its own for each of millions
    for level in range(max((len(PurePosixPath(name).parts) - 1 for name in names), default=0)):
        values = [shared.setdefault(value, value) for value in (_folder_at(name, level) for name in names)]
        distinct = set(values)
        if len(distinct - {""}) > 1 and not all(map(_DIVISIONS.fullmatch, distinct)):
            return level, values
    return 0, [""] * len(names)


def _folder_at(name: str, level: int) -> str:
    """Return the folder of a recording at a level, counted from 0, "" where there is none."""
    folders = PurePosixPath(name).parts[:-1]
    return folders[level] if level < len(folders) else ""


def describe(found: Understanding, names: Sequence[str]) -> str:
    """Return a sentence that says how names are understood, with examples, and how to say otherwise."""
    if found.n_understood:
        told = zip(found.speakers, found.labels, strict=True)
        is_known = bytes(bool(speaker or label) for speaker, label in told)
        counts = [
            f"{counted(len(values), noun)} ({_examples(values)})"
            for noun, values in (("speaker", _distinct(found.speakers)), ("label", _distinct(found.labels)))
            if values
        ]
        text = f"{_HOW.get(found.source, _HOW['names']).format(pattern=found.pattern)}: {' and '.join(counts)}"
        text += f", as in {printable(names[is_known.index(1)])}."
        if 0 in is_known:
            n, first = is_known.count(0), printable(names[is_known.index(0)])
            if found.source == "list":
                text += f" {counted(n, 'recording')} {'has' if n == 1 else 'have'} neither, such as {first}."
            else:
                text += f" {counted(n, 'name')} {'is' if n == 1 else 'are'} of another form, such as {first}."
        return text if found.source in _TOLD else f"{text} If that is wrong, say how with --names."
    level, groups = _grouping(names)
    if folders := _distinct(groups):
        speakers, labels = (f"'{'*/' * level}{{{field}}}/**'" for field in (SPEAKER, LABEL))
        return (
            f"{counted(len(folders), 'folder')} ({_examples(folders)}) may be speakers or words: neither is assumed. "
            f"Say which with --names {speakers} or --names {labels}."
        )
    return (
        f"Names such as {printable(names[0])} tell neither speakers nor words. If yours do, say how, as in --names "
        f"'{CONVENTION}'."
    )


def _examples(values: Sequence[str]) -> str:
    """Return the first values, printable and, if they are long as the identifiers of a corpus, shortened."""
    some = [
        printable(value if len(value) <= _MOST_QUOTED else f"{value[:_MOST_QUOTED]}...")
        for value in values[:_MOST_EXAMPLES]
    ]
    return ", ".join([*some, *(["..."] if len(values) > _MOST_EXAMPLES else [])])


def _distinct(values: Sequence[str]) -> list[str]:
    """Return the distinct known values, in order."""
    return sorted(set(values) - {""})


def _nothing(names: Sequence[str]) -> Understanding:
    """Return that names tell nothing."""
    return Understanding(kept(repeat("", len(names)), str), kept(repeat("", len(names)), str))


def _read(names: Sequence[str], pattern: NamePattern, source: str) -> Understanding:
    """Return what names tell when they are read in this way."""
    shared: dict[str, str] = {}  # not a text of its own for each of thousands
    speakers, labels = new_column(str, len(names)), new_column(str, len(names))
    for start in range(0, len(names), _NAMES_AT_ONCE):
        parts = [pattern.parts_of(name) or _NO_PARTS for name in names[start : start + _NAMES_AT_ONCE]]
        speakers.extend([shared.setdefault(part.speaker, part.speaker) for part in parts])
        told = ("" if part.label.strip("_").replace("_", " ") in NOT_WORDS else part.label for part in parts)
        labels.extend([shared.setdefault(label, label) for label in told])
    return Understanding(speakers, labels, pattern.text, source)


def _convention(names: Sequence[str]) -> str:
    """Return how names of the form label_speaker_take are read, or "" if these do not behave like that.

    Speakers repeat and say several labels; takes are numbers, or a few words that repeat.
    """
    split = [without_suffix(PurePosixPath(name).name).split("_") for name in names]
    rows = [row for row in split if len(row) == 3 and all(row) and not row[1].isdecimal()]
    if len(rows) < max(2, LEAST_FIT * len(names)) or _folders_are_other_speakers(names, split):
        return ""
    first, middle, last = ([row[i] for row in rows] for i in range(3))
    n_first, n_middle, n_last = (len(set(column)) for column in (first, middle, last))
    labels_of: dict[str, set[str]] = {}
    for label, speaker in zip(first, middle, strict=True):
        labels_of.setdefault(speaker, set()).add(label)
    n_several = sum(len(labels) > 1 for labels in labels_of.values())
    takes_are_numbers = sum(take.isdecimal() for take in last) >= LEAST_FIT * len(rows)
    if 2 * n_middle > len(rows) or 2 * n_several < n_middle or are_conditions(set(middle)) or are_dates(set(first)):
        return ""
    if not takes_are_numbers and (n_middle < 2 or n_middle >= n_first or 2 * n_last > len(rows)):
        return ""
    if n_middle == 1 and not is_person(middle[0]):
        return ""
    if kind_of(set(first), in_folders=False) == SPEAKER:
        return "{speaker}_{label}_{take}"
    if kind_of(set(middle)) == LABEL:
        return ""  # the label stands elsewhere than it should: `_from_parts` looks for the speaker
    return CONVENTION


def _folders_are_other_speakers(names: Sequence[str], split: Sequence[list[str]]) -> bool:
    """Return whether folders look like speakers whom the middle parts of the files' names do not repeat."""
    groups = groups_of(names)
    n_repeated = sum(len(row) == 3 and row[1] in group for row, group in zip(split, groups, strict=True))
    return kind_of(set(groups)) == SPEAKER and 2 * n_repeated < len(names)


@dataclass(frozen=True)
class _Part:
    """A part of names: where it stands in a pattern, and its value in each of the names that have all parts."""

    place: tuple[str, int]  # ("folder", level) or ("name", number)
    values: list[str]
    is_last: bool  # in the name

    @property
    def distinct(self) -> set[str]:
        return set(self.values)

    @property
    def repeats(self) -> bool:
        """Whether it has several values, and each of them, on average, at least twice."""
        return 2 <= len(self.distinct) <= len(self.values) / 2

    @property
    def is_number(self) -> bool:
        """Whether it counts takes, sessions or the like."""
        return all(value.isdecimal() for value in self.distinct)

    @property
    def kind(self) -> Kind:
        """What its values look like. A number at the end of a file's name counts takes, even from 0 to 9."""
        if self.is_number and self.is_last:
            return ""
        return kind_of(self.distinct, in_folders=self.place[0] == "folder")

    @property
    def may_complete(self) -> bool:
        """Whether it may be the speaker of known labels, or the label of known speakers."""
        return not self.is_number and len(self.distinct) > 2 and not are_conditions(self.distinct)


def _from_parts(names: Sequence[str]) -> str:
    """Return the pattern that parts of the names show, or "": folders, and parts between _, - or blanks.

    A part is a speaker or a label if its values look like that, or if it crosses one that does.
    """
    depth, separator, n_tokens = _form(names)
    rows = [row for name in names if (row := _parts_of(name, depth, separator, n_tokens))]
    if len(rows) < max(2, LEAST_FIT * len(names)):
        return ""
    columns = list(zip(*rows, strict=True))
    places = [("folder", i) for i in range(depth)] + [("name", i) for i in range(n_tokens)]
    parts: list[_Part] = []
    for place, values in zip(places, columns, strict=True):
        is_twin = any(part.values == list(values) for part in parts)  # the folder's name, again in the file's
        is_division = place[0] == "folder" and all(map(_DIVISIONS.fullmatch, set(values)))
        if not is_twin and not is_division:
            parts.append(_Part(place, list(values), is_last=place == places[-1]))
    factors = [part for part in parts if part.repeats]
    speaker = next((part for part in factors if part.kind == SPEAKER), None)
    label = next((part for part in factors if part.kind == LABEL), None)
    others = [part for part in factors if part not in (speaker, label) and part.may_complete]
    if speaker and not label:
        label = next((part for part in others if _filled(speaker, part) >= _LEAST_FILLED), None)
    elif label and not speaker:
        speaker = next((part for part in others if _crosses(part, label)), None)
    return _pattern_text(speaker, label, depth, separator, n_tokens)


def _from_folders(names: Sequence[str]) -> str:
    """Return the pattern of the folders that group recordings if they look like speakers or like words, or ""."""
    level, groups = _grouping(names)
    kind = kind_of(set(groups) - {""})
    return f"{'*/' * level}{{{kind}}}/**" if kind and groups.count("") <= (1 - LEAST_FIT) * len(names) else ""


def _form(names: Sequence[str]) -> tuple[int, str, int]:
    """Return the form that most names have: the number of folders, the separator in the file's name, its parts."""
    paths = [PurePosixPath(without_suffix(name)) for name in names]
    depth = Counter(len(path.parts) - 1 for path in paths).most_common(1)[0][0]
    stems = [path.name for path in paths]
    for separator in "_- ":
        n_tokens, count = Counter(stem.count(separator) + 1 for stem in stems).most_common(1)[0]
        if n_tokens > 1 and count >= LEAST_FIT * len(names):
            return depth, separator, n_tokens
    return depth, "", 1


def _parts_of(name: str, depth: int, separator: str, n_tokens: int) -> tuple[str, ...] | None:
    """Return the folders and the parts of a file's name, or None if it has another form."""
    *folders, stem = PurePosixPath(without_suffix(name)).parts
    tokens = stem.split(separator) if separator else [stem]
    return (*folders, *tokens) if (len(folders), len(tokens)) == (depth, n_tokens) and all(tokens) else None


def _filled(one: _Part, other: _Part) -> float:
    """Return the share of all pairs of values of two parts that occur."""
    return len(set(zip(one.values, other.values, strict=True))) / (len(one.distinct) * len(other.distinct))


def _crosses(part: _Part, label: _Part) -> bool:
    """Return whether most values of a part occur with more than one label."""
    labels_of: dict[str, set[str]] = {}
    for value, word in zip(part.values, label.values, strict=True):
        labels_of.setdefault(value, set()).add(word)
    return 2 * sum(len(labels) > 1 for labels in labels_of.values()) >= len(labels_of)


def _pattern_text(speaker: _Part | None, label: _Part | None, depth: int, separator: str, n_tokens: int) -> str:
    """Return a pattern in which these parts are the speaker and the label, "" if there is neither."""
    if not speaker and not label:
        return ""
    field_at = {part.place: f"{{{field}}}" for field, part in ((SPEAKER, speaker), (LABEL, label)) if part}
    folders = [field_at.get(("folder", i), "*") for i in range(depth)]
    while folders and folders[0] == "*":
        folders.pop(0)
    tokens = [field_at.get(("name", i), "*") for i in range(n_tokens)]
    stem = separator.join(tokens)
    return "/".join([*folders, stem if set(tokens) != {"*"} else "*"])

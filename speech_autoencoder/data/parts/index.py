"""Parts -> the index of their folder: what is missing or does not belong there is named, and nothing is computed."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from speech_autoencoder.data.building import identity
from speech_autoencoder.data.parts.clips import PartClips
from speech_autoencoder.data.parts.folder import numbers_of_parts, part_path
from speech_autoencoder.data.parts.spool import Spool
from speech_autoencoder.data.sidecar.clips_file import digest_of_clips, open_few
from speech_autoencoder.data.sidecar.columns import GROUPS, columns_in
from speech_autoencoder.data.sidecar.json_file import features_in, read_sidecar, sidecar_path, write_sidecar
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.wording import counted

# What the sidecar of a part says of its share, see `making.make_part`.
_SHARE = {"number": int, "of": int, "n_recordings": int, "listing": str, "first": str, "command": str}
# Parts that a message names, and characters of what is wrong with one.
_MOST_NAMED = 3
_MOST_REASON = 200


class _Head(NamedTuple):
    """What the sidecar of a part says of all of it."""

    share: Mapping[str, Any]
    features: Mapping[str, Any]
    code: str
    shape: tuple[int, ...]
    digest: str
    columns: frozenset[str]


def gather(folder: Path, made_by: str, *, check: bool = True) -> None:
    """Write the index of a folder of parts, if all of them are there and belong together.

    The index is the sidecar of the one array that the parts make, with `parts`, which tells them apart.

    Parameters
    ----------
    made_by
        The script that makes parts; messages suggest to run it, if the parts do not say how they were made.
    check
        Read some clips of each part, to see whether it is what its sidecar says.

    Raises
    ------
    InputError
        If parts are missing, damaged or do not belong together: the message names them, and what makes them.
    """
    heads: dict[int, _Head] = {}
    problems: dict[int, str] = {}
    for number in numbers_of_parts(folder):
        try:
            heads[number] = _head_of(part_path(folder, number), check)
        except InputError as error:
            problems[number] = f"damaged ({str(error).rpartition(': ')[0][:_MOST_REASON]})"
    _require_whole(folder, heads, problems, made_by)
    write_sidecar(folder, _joined(folder, heads))


def _head_of(path: Path, check: bool) -> _Head:
    """Return what the sidecar of a part says of all of it."""
    clips, sidecar = open_few(path, ""), read_sidecar(path, "")
    name = printable(sidecar_path(path))
    features_in(sidecar, name, "")
    try:
        share = {key: kind(sidecar["part"][key]) for key, kind in _SHARE.items()}
        shape, digest = tuple(sidecar["array"]["shape"]), str(sidecar["array"]["digest"])
        columns = frozenset(columns_in(sidecar))
        head = _Head(share, sidecar["features"], str(sidecar["code"]), shape, digest, columns)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{name} is not that of a part ({type(error).__name__}: {error}): make it again.") from error
    if clips.shape != shape or (check and digest_of_clips(clips) != digest):
        raise InputError(f"{name} describes another array: make it again.")
    return head


def _require_whole(folder: Path, heads: Mapping[int, _Head], problems: dict[int, str], made_by: str) -> None:
    """Raise InputError if parts are missing, or not made like most of them; the other `problems` are known."""
    name = printable(folder)
    if not heads:
        first = f": {printable(part_path(folder, min(problems)))} is {problems[min(problems)]}" if problems else ""
        raise InputError(f"{name} holds no parts of an array{first}: run {made_by} --parts, or --part I/N, first.")
    features, code, (of, listing) = (
        Counter(keys).most_common(1)[0][0]
        for keys in (
            (repr(head.features) for head in heads.values()),
            (head.code for head in heads.values()),
            ((head.share["of"], head.share["listing"]) for head in heads.values()),
        )
    )
    usual = next(head for head in heads.values() if repr(head.features) == features)
    changed = False
    for number, head in heads.items():
        if head.share["of"] != of:
            problems[number] = f"part {head.share['number'] + 1} of {head.share['of']}, not of {of}"
        elif head.share["number"] != number:
            problems[number] = f"part {head.share['number'] + 1} of {of}, under another name"
        elif repr(head.features) != features:
            problems[number] = f"of preset {head.features['preset']}, the others of {usual.features['preset']}"
        elif head.share["listing"] != listing:
            problems[number] = "of another list of recordings than the others"
            changed = True
        elif head.code != code:
            problems[number] = "of another version of this program, or of other options, than the others"
    problems |= dict.fromkeys(sorted(set(range(of)) - set(heads) - set(problems)), "missing")
    if not problems:
        return
    of_kind: dict[str, list[int]] = {}
    for number, problem in sorted(problems.items()):
        of_kind.setdefault(problem, []).append(number)
    clauses = "; ".join(f"{_named(folder, numbers)} {problem}" for problem, numbers in of_kind.items())
    # Where recordings have changed between two tasks, all parts need a look at them.
    to_make = list(range(of)) if changed else [number for number in sorted(problems) if number < of]
    to_remove = [number for number in sorted(problems) if number >= of]
    steps = [f"run {usual.share['command']} --part {to_make[0] + 1}/{of}{_and_others(to_make)}"] if to_make else []
    steps += [f"remove {_named(folder, to_remove).rpartition(' ')[0]}"] if to_remove else []
    raise InputError(f"{name} is not whole: of {counted(of, 'part')}, {clauses}: {', '.join(steps)}, then merge again.")


def _named(folder: Path, numbers: Sequence[int]) -> str:
    """Return the names of parts and the verb that follows."""
    names = [part_path(folder, number).name for number in numbers[:_MOST_NAMED]]
    more = len(numbers) - len(names)
    names += [f"{more:,} more"] if more else []
    verb = "is" if len(numbers) == 1 else "are"
    return f"{', '.join(names[:-1])}{' and ' if len(names) > 1 else ''}{names[-1]} {verb}"


def _and_others(numbers: Sequence[int]) -> str:
    """Return which other parts, counted from 1, are to be made, as Slurm takes them."""
    if len(numbers) == 1:
        return ""
    spans: list[list[int]] = []
    for number in numbers[1:]:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    texts = [f"{a + 1}" if a == b else f"{a + 1}-{b + 1}" for a, b in spans]
    text = ",".join(texts[:_MOST_NAMED]) + (",..." if len(texts) > _MOST_NAMED else "")
    return f" (and in the same way {text})"


def _joined(folder: Path, heads: Mapping[int, _Head]) -> dict[str, Any]:
    """Return the sidecar of the array that the parts make, and what tells the parts apart."""
    keys = {key for head in heads.values() for key in head.columns}
    columns = {
        group: {key: Spool(kind, folder) for key, kind in kinds.items() if group != "recordings" or key in keys}
        for group, kinds in GROUPS.items()
    }
    fingerprint = hashlib.blake2b(digest_size=16)
    notes: dict[str, str] = {}
    left_out: list[dict[str, Any]] = []
    n_recordings = 0
    for number in sorted(heads):
        sidecar = read_sidecar(part_path(folder, number), "")
        some = columns_in(sidecar)
        names = some["path"]
        # Where no recording of the part is a part of a file.
        some = {"file": names, "start": np.zeros(len(names), int)} | some
        for key, column in columns["recordings"].items():
            column.extend(some[key])
        rows = {key: np.asarray(column) for key, column in sidecar["rows"].items()}
        for key, column in columns["rows"].items():
            column.extend(rows[key] + n_recordings if key == "recording" else rows[key])
        for name, digest in zip(names, some["digest"], strict=True):
            fingerprint.update(identity(name, digest))
        n_recordings += len(names)
        notes |= sidecar["notes"]
        left_out += sidecar["left_out"]
    shapes = [head.shape for _, head in sorted(heads.items())]
    counts = [shape[0] for shape in shapes]
    clips = PartClips(
        [part_path(folder, number) for number in sorted(heads)], counts, shapes[0][1:], partial(open_few, made_by="")
    )
    whole = {
        **sidecar,
        "fingerprint": fingerprint.hexdigest(),
        "array": {"shape": list(clips.shape), "digest": digest_of_clips(clips)},
        **columns,
        "notes": notes,
        "left_out": left_out,
        "parts": {
            "listing": heads[0].share["listing"],
            "count": sidecar["part"]["count"],
            "command": heads[0].share["command"],
            "first": [heads[number].share["first"] for number in sorted(heads)],
            "n_clips": counts,
            "digest": [heads[number].digest for number in sorted(heads)],
        },
    }
    del whole["part"]
    return whole

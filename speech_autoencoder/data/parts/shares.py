"""Recordings -> shares of them, one for each part: the same for everyone who has the same list of recordings."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from speech_autoencoder.audio.parts import US, Part
from speech_autoencoder.data.parts.spool import kept
from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.storage.remote_path import quick_size

# About an hour of sound: an array of 80 to 300 MB, which a core computes in seconds to a minute.
PART_BYTES = 115_000_000
# An array of one file is made in about so many pieces by an engine, each of so many bytes at least and at most: so that
# every worker has some, handing one out takes less time than making it, and none waits for a large one at the end.
_PIECES = 64
_PIECE_BYTES = 2_000_000, 32_000_000
# Bytes of a second of sound, as a recording of 16 bits at 16 kHz has them, and how much smaller others are.
BYTES_PER_S = 32_000
_SMALLER = {".flac": 2, ".mp3": 8, ".ogg": 16, ".oga": 16, ".opus": 16, ".m4a": 8, ".webm": 16, ".aac": 8}
# What an item counts for beside its sound: padding, and the work that each file makes.
_LEAST_BYTES = 16_000
# Parts of an earlier division that have grown to more than this many times their size are divided anew.
_MOST_GROWTH = 2


class Share(NamedTuple):
    """The recordings of one part.

    Attributes
    ----------
    number, of : int
        Which part it is, from 0, and how many there are.
    n_recordings : int
    listing : str
        A digest of all recordings, of what is known of them, and of how they are divided: that of parts that belong
        together is the same.
    """

    number: int
    of: int
    n_recordings: int
    listing: str


class Item(NamedTuple):
    """A recording of a share, with all that is to be known to make its clips elsewhere."""

    share: Share
    place: int  # among those of the share
    name: str
    part: Part | None
    row: int | None
    speaker: str
    label: str
    size: int  # see `sizes_of`
    address: Path | None = None  # see `Recordings`


class Shares:
    """How recordings are divided, in order, into shares of about the same size.

    Parameters
    ----------
    recordings, told
        The recordings, and what is known of all of them.
    sizes
        Bytes of sound of each recording.
    count
        How many shares there are; None for shares of about this `size`, in bytes.
    firsts
        The first recording of each share of an earlier division, which is kept where it still fits: so that a recording
        stays in its part when others come or go.
    """

    def __init__(
        self,
        recordings: Recordings,
        told: Understanding,
        sizes: Sequence[int],
        *,
        count: int | None = None,
        size: int = PART_BYTES,
        firsts: Sequence[str] = (),
    ) -> None:
        self.recordings, self.told, self._sizes = recordings, told, sizes
        self.bounds = _kept(recordings, sizes, count, size, firsts) or _divided(sizes, count, size)
        digest = hashlib.blake2b(repr(self.bounds).encode(), digest_size=16)
        for column in (recordings.names, told.speakers, told.labels):
            for text in column:
                digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
        self.listing = digest.hexdigest()

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def count(self, number: int) -> int:
        """Return how many recordings a share has."""
        return self.bounds[number + 1] - self.bounds[number]

    def items(self, number: int) -> list[Item]:
        """Return the recordings of a share."""
        start, end = self.bounds[number : number + 2]
        share = Share(number, len(self), self.count(number), self.listing)
        recordings, addresses = self.recordings, self.recordings.addresses
        parts, rows = recordings.parts, recordings.rows
        columns = (self.recordings.names, self.told.speakers, self.told.labels, self._sizes)
        rows_of_share = zip(*(column[start:end] for column in columns), strict=True)
        return [
            Item(
                share,
                place,
                name,
                parts.get(name),
                rows.get(name),
                speaker,
                label,
                size,
                addresses.get(recordings.file(name)) if addresses else None,
            )
            for place, (name, speaker, label, size) in enumerate(rows_of_share)
        ]

    def all_items(self) -> Iterator[list[Item]]:
        """Yield the recordings of each share."""
        return map(self.items, range(len(self)))


def sizes_of(recordings: Recordings) -> Sequence[int]:
    """Return about how many bytes the sound of each recording has, at 16 bits and 16 kHz: 0 where that is unknown."""
    return kept((_size_of(recordings, name) for name in recordings.names), int)


def piece_bytes(sizes: Sequence[int]) -> int:
    """Return the bytes of sound of a piece of an array that one file holds, by those of its recordings."""
    least, most = _PIECE_BYTES
    return min(most, max(least, sum(sizes) // _PIECES))


def _size_of(recordings: Recordings, name: str) -> int:
    part = recordings.parts.get(name)
    if part and part.end_us is not None:
        return _LEAST_BYTES + BYTES_PER_S * (part.end_us - part.start_us) // US
    path = recordings.path(name)
    try:
        size = quick_size(path)
    except OSError:  # analysing it reports what is wrong with it
        size = 0
    return _LEAST_BYTES + size * _SMALLER.get(path.suffix.lower(), 1)


def _divided(sizes: Sequence[int], count: int | None, most: int) -> list[int]:
    """Return the first recording of each share, and the count of recordings."""
    total, bounds, done = sum(sizes), [0], 0
    for i, size in enumerate(sizes):
        n_shares, done = len(bounds), done + size
        if count is None:
            is_due = done > most
        else:  # the middle of the recording is beyond the shares that there are; each has one recording at least
            is_due = (2 * done - size) * count > 2 * total * n_shares or len(sizes) - i == count - n_shares
            is_due = is_due and n_shares < count
        if is_due and i > bounds[-1]:
            bounds.append(i)
            done = size if count is None else done
    return [*bounds, len(sizes)]


def _kept(
    recordings: Recordings, sizes: Sequence[int], count: int | None, size: int, firsts: Sequence[str]
) -> list[int]:
    """Return an earlier division of names, [] if it does not fit them any more."""
    names = recordings.names
    if recordings.parts:  # these are not in the order of their names
        places = {name: i for i, name in enumerate(names)}
        bounds = [0, *(places.get(first, 0) for first in firsts[1:]), len(names)]
    else:
        bounds = [0, *(bisect_left(names, first) for first in firsts[1:]), len(names)]
    if not firsts or any(start >= end for start, end in pairwise(bounds)):
        return []
    if count is None and any(sum(sizes[start:end]) > _MOST_GROWTH * size for start, end in pairwise(bounds)):
        return []
    return bounds

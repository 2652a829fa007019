"""The recordings of a share -> its part, whoever makes it: this process, one of an array job, a worker of a cluster."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from speech_autoencoder.audio.ffmpeg import has_pyav
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.data.analysis import Analysed, Unusable
from speech_autoencoder.data.building import Analyser, LeftOut, build, code_digest, in_threads
from speech_autoencoder.data.earlier_array import EarlierArray
from speech_autoencoder.data.parts.folder import part_path
from speech_autoencoder.data.parts.shares import Item, Share, Shares, piece_bytes, sizes_of
from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.data.sidecar.columns import COLUMNS, FILE_COLUMNS
from speech_autoencoder.data.sidecar.json_file import read_sidecar
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.copies import fetched
from speech_autoencoder.system.integers import ceil_div


@dataclass(frozen=True)
class Making:
    """How parts are made: what is the same for all of them.

    Attributes
    ----------
    folder : Path
        The folder of the parts; None where all are pieces of one array.
    pieces : Path
        A hidden folder for pieces, which are parts of parts: what is left of a share when an engine divides it.
    audio_dir, listed_in
        Those of `Recordings`.
    features : FeatureConfig
    strict, salvage : bool
        As `building.build` takes them.
    pattern, source : str
        How names are read, see `Understanding`.
    command : str
        What makes the parts, without `--parts` and `--part`.
    code : str
        The digest of the code that makes them, see `building.code_digest`; a worker of another version refuses.
    count : int, optional
        How many parts were asked for; None if their size decides, see `Shares`.
    """

    folder: Path | None
    pieces: Path | None
    audio_dir: Path
    listed_in: str
    features: FeatureConfig
    strict: bool
    salvage: bool
    pattern: str
    source: str
    command: str
    code: str
    count: int | None = None

    @classmethod
    def of(
        cls,
        recordings: Recordings,
        told: Understanding,
        folder: Path | None,
        features: FeatureConfig,
        *,
        strict: bool,
        salvage: bool,
        count: int | None = None,
        command: str = "",
        pieces: Path | None = None,
    ) -> Self:
        """Return how the parts of recordings are made, of which so much is known."""
        return cls(
            folder,
            pieces,
            recordings.folder,
            recordings.listed_in,
            features,
            strict,
            salvage,
            told.pattern,
            told.source,
            command,
            code_digest(salvage, has_pyav()),
            count,
        )

    def folder_of_parts(self) -> Path:
        """Return the folder of the parts."""
        if self.folder is None:
            raise ValueError("pieces of one array have no folder of parts")
        return self.folder


@dataclass(frozen=True)
class Made:
    """A part, or a piece of one, that was made; see `building.Summary`."""

    path: Path
    share: Share
    written: bool
    n_recordings: int
    n_clips: int
    n_computed: int
    left_out: LeftOut
    notes: dict[str, str]


def make_part(
    items: Sequence[Item],
    *,
    making: Making,
    workers: int = 1,
    done: Callable[[int], object] = lambda n: None,
    analyser: Analyser | None = None,
) -> Made:
    """Write the part of the recordings of a share; of some of them, a piece in the hidden folder.

    It is written whole or not at all. A part that is there already is used again as far as its recordings have not
    changed, and is not written if none has.

    Parameters
    ----------
    items
        The recordings of a share, or some that follow one another.
    workers : int
        Threads.
    done : callable, optional
        Takes the count of recordings that were done since it was called last.
    analyser : callable, optional
        As `building.build` takes it.

    Raises
    ------
    InputError
        If the part cannot be written, or, where `making` is strict, a recording cannot be used.
    """
    if making.code != code_digest(making.salvage, has_pyav()):
        raise InputError("A worker has another version of speech-autoencoder or of PyAV: install the same everywhere.")
    share, names = items[0].share, [item.name for item in items]
    recordings = Recordings(
        making.audio_dir,
        names,
        {item.name: item.part for item in items if item.part},
        rows={item.name: item.row for item in items if item.row is not None},
        listed_in=making.listed_in,
        addresses={item.part.file if item.part else item.name: item.address for item in items if item.address},
    )
    told = Understanding(
        [item.speaker for item in items], [item.label for item in items], making.pattern, making.source
    )
    path, n_done = _place(items, making), 0

    def counting(recordings: Recordings, old: EarlierArray) -> Generator[list[Analysed | Unusable], None, None]:
        nonlocal n_done
        inner = analyser or partial(in_threads, features=making.features, workers=workers, salvage=making.salvage)
        with closing(inner(recordings, old)) as lists:
            for some in lists:
                yield some
                n_done += len(some)
                done(len(some))

    summary = build(
        recordings,
        path,
        making.features,
        workers=workers,
        strict=making.strict,
        salvage=making.salvage,
        told=told,
        analyser=counting,
        part=share._asdict() | {"first": names[0], "count": making.count, "command": making.command},
    )
    done(len(items) - n_done)
    return Made(
        path,
        share,
        summary.written,
        summary.n_recordings,
        summary.n_clips,
        summary.n_computed,
        summary.left_out,
        summary.notes,
    )


def _place(items: Sequence[Item], making: Making) -> Path:
    """Return where the part of a share is, or that of a piece of one."""
    share = items[0].share
    if making.folder is not None and len(items) == share.n_recordings:
        return part_path(making.folder, share.number)
    if making.pieces is None:
        raise ValueError("there is no folder for pieces")
    return making.pieces / f"{share.number:05}-{items[0].place:07}.npy"


# ---- where an engine does the work: chunks of recordings that it may divide, see `engines.engine.Engine.run`


# What an engine gives for recordings that follow one another: a part or a piece, or why they cannot be used, by name.
Found = Made | dict[str, Unusable]
# Yields what the function returns for each of these lists of recordings, in order.
Run = Callable[[Callable[[Sequence[Item]], Made], Iterable[list[Item]]], Iterator[Found]]


def make_parts(shares: Shares, making: Making, run: Run) -> Iterator[Made]:
    """Yield the part of each share, made by an engine; pieces of a divided share are put together here."""
    results = run(partial(make_part, making=making), shares.all_items())
    for number in range(len(shares)):
        found = [next(results)]
        while sum(map(_count, found)) < shares.count(number):
            found.append(next(results))
        is_whole = len(found) == 1 and isinstance(found[0], Made)
        yield found[0] if is_whole else _joined(shares.items(number), making, found)  # type: ignore[misc]


def _count(found: Found) -> int:
    """Return how many recordings were analysed."""
    return len(found) if isinstance(found, dict) else found.n_recordings + len(found.left_out)


def _joined(items: Sequence[Item], making: Making, found: Iterable[Found]) -> Made:
    """Return the part of a share that was made in pieces."""
    return make_part(items, making=making, analyser=lambda recordings, old: _in_order(recordings.names, old, found))


def analyse_elsewhere(
    recordings: Recordings, old: EarlierArray, *, told: Understanding, making: Making, run: Run
) -> Generator[list[Analysed | Unusable], None, None]:
    """Yield what was made of each recording of one array, in pieces that an engine makes.

    It is the `analyser` of `building.build`; `making` has no folder but that of pieces.
    """
    is_new = [name not in old.unchanged for name in recordings.names]
    new = replace(recordings, names=[name for name, chosen in zip(recordings.names, is_new, strict=True) if chosen])
    sizes = sizes_of(new)
    shares = Shares(new, told.select(is_new), sizes, size=piece_bytes(sizes))
    return _in_order(recordings.names, old, run(partial(make_part, making=making), shares.all_items()))


def _in_order(
    names: Iterable[str], old: EarlierArray, found: Iterable[Found]
) -> Generator[list[Analysed | Unusable], None, None]:
    """Yield what was made of each recording, of unchanged ones the clips of the old array."""
    source = iter(found)
    some: dict[str, Analysed | Unusable] = {}
    for name in names:
        if known := old.analysed(name):
            yield [known]
            some.pop(name, None)
            continue
        while name not in some:
            piece = next(source)
            some = {**piece} if isinstance(piece, dict) else dict(_contents(piece))
        yield [some.pop(name)]


def _contents(piece: Made) -> Iterator[tuple[str, Analysed | Unusable]]:
    """Yield what was made of each recording of a piece; what was in a file stays readable when that is removed."""
    sidecar = read_sidecar(piece.path, piece.path.name)
    columns, first_row = sidecar["recordings"], 0
    size = sidecar["features"]["n_frames"]
    with fetched(piece.path) as path:
        clips: Any = np.load(path, mmap_mode="r") if piece.n_clips else ()
    for i, name in enumerate(columns["path"]):
        entry = {key: columns[key][i] for key in COLUMNS | FILE_COLUMNS}
        end = first_row + ceil_div(entry["n_frames"], size)
        yield name, Analysed(entry, clips[first_row:end], note=piece.notes.get(name, ""))
        first_row = end
    for entry in sidecar["left_out"]:
        yield entry["path"], Unusable(entry["reason"], again="size" not in entry)

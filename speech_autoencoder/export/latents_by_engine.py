"""The latents of recordings, by the workers of an engine: each writes those of a chunk into one file."""

import os
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.parts import PartReader
from speech_autoencoder.codec.files import CODED_S, SEARCHED_S, expected_s, limit_s
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import LatentSearchConfig
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.engines.engine import Chunk, Engine, Lost, chunked
from speech_autoencoder.engines.items import outcomes
from speech_autoencoder.errors import InputError
from speech_autoencoder.export.recording_latents import Latents, ListedFile, Result, jobs, listed_files
from speech_autoencoder.model.model_reference import ModelReference
from speech_autoencoder.system.files import atomic_write, printable


@dataclass(frozen=True)
class _Item:
    """A file to encode, about how many seconds of sound it has, and its number among all files."""

    file: ListedFile
    seconds: float
    number: int


@dataclass(frozen=True)
class _Kept:
    """`Latents` whose file is that of their chunk, in the working folder; `path` is known to who asked for them."""

    sr: int
    start: int
    n_samples: int
    note: str
    n_latents: int
    mean: np.ndarray
    name: str
    place: int


def encode_by_engine(
    engine: Engine,
    corpora: Sequence[Recordings],
    model: ModelReference,
    search: LatentSearchConfig,
    *,
    folder: Path,
    salvage: bool = False,
    tick: Callable[[float], object] = lambda n: None,
) -> Generator[Result]:
    """Yield the latents of each recording, as `recording_latents.encode_recordings` does.

    Parameters
    ----------
    engine : Engine
        Its workers load the model themselves.
    folder : Path
        A working folder that all workers see; what they have written is removed as it is read.
    salvage : bool
        Use what can be decoded of recordings that are not whole.
    tick : callable
        Is called with the count of recordings that were just encoded.
    """
    files = chain.from_iterable(map(listed_files, corpora))
    items = [_Item(file, expected_s(file.path), number) for number, file in enumerate(files)]
    chunks = chunked(items, (item.seconds for item in items), most_cost=SEARCHED_S if search.steps else CODED_S)
    encode = partial(_encode_chunk, model=model, search=search, folder=folder, salvage=salvage)
    with _Reader(folder) as reader, closing(outcomes(engine, encode, chunks, limit_s=_limit_s)) as found:
        for item, outcome in zip(items, found, strict=True):
            path, names = item.file.path, item.file.names
            if isinstance(outcome, InputError):
                raise outcome
            if isinstance(outcome, Lost):
                for name, where in zip(names, item.file.where, strict=True):
                    yield InputError(f"{where}{printable(name)}: {outcome.reason}.")
            else:
                for kept in outcome:
                    yield kept if isinstance(kept, InputError) else reader.latents(path, kept)
            tick(len(names))


class _Reader:
    """Opens the latents of chunks, in order, and removes the file of a chunk when the next one begins."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack, self._name, self._handle = folder, ExitStack(), "", -1

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def latents(self, path: Path, kept: _Kept) -> Latents:
        """Return the latents of a file as those that are computed here."""
        if kept.name != self._name:
            self._stack.close()
            place = self._folder / kept.name
            self._name, self._handle = kept.name, os.open(place, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            self._stack.callback(place.unlink, missing_ok=True)
            self._stack.callback(os.close, self._handle)
        file = os.fdopen(os.dup(self._handle), "rb")
        return Latents(
            path, kept.sr, kept.start, kept.n_samples, kept.note, kept.n_latents, kept.mean, file, kept.place
        )


def _encode_chunk(
    chunk: Chunk, *, model: ModelReference, search: LatentSearchConfig, folder: Path, salvage: bool
) -> list[list[_Kept | InputError]]:
    """Write the latents of files into one file; return where those of each recording are, or why it cannot be used."""
    of_file = partial(
        jobs,
        encoder=Encoder(model.load(), search),
        reader=PartReader(),
        folder=Path(tempfile.gettempdir()),
        salvage=salvage,
    )
    name = f"{chunk[0].number}.latents"
    found: list[list[_Kept | InputError]] = []
    with atomic_write(folder / name) as temporary, temporary.open("wb") as together:
        for item in chunk:
            results: list[_Kept | InputError] = []
            for job in of_file(item.file):
                latents = job()
                if isinstance(latents, InputError):
                    results.append(latents)
                    continue
                place = together.tell()
                latents.copy_to(together)
                results.append(
                    _Kept(
                        latents.sr,
                        latents.start,
                        latents.n_samples,
                        latents.note,
                        latents.n_latents,
                        latents.mean,
                        name,
                        place,
                    )
                )
            found.append(results)
    return found


def _limit_s(chunk: Chunk) -> float:
    """Return how long a chunk may take, in seconds."""
    return limit_s(sum(item.seconds for item in chunk))

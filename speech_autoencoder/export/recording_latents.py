"""The latents of recordings, in threads or by an engine: files, and the parts of files that a list names."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

import numpy as np

from speech_autoencoder.audio.parts import Part, PartReader
from speech_autoencoder.audio.reading import Recording, describe, opened
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.waveforms import count_latents, encode_waveform
from speech_autoencoder.data.analysis import ROUNDING_S, not_there
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.parallel import in_order

# Of a recording's latents, what is kept in memory until they are written: 6 minutes of sound at 700 values a second.
_IN_MEMORY_BYTES = 1 << 20
# Of a value, and of what is copied at once.
_ITEM_BYTES = 4
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Latents:
    """The latents of a recording, or of a part of one.

    Attributes
    ----------
    path : Path
        The file.
    sr, start, n_samples : int
        Its rate in Hz; the first sample, and their count.
    note : str
        What is to be said of the file, see `audio.reading.Recording`.
    n_latents : int
        Their count.
    mean : np.ndarray
        Their mean (latent_size,), float32.
    file : IO
        Where they are, float32; to be closed.
    place : int
        The first byte of them in the file.
    """

    path: Path
    sr: int
    start: int
    n_samples: int
    note: str
    n_latents: int
    mean: np.ndarray
    file: IO[bytes]
    place: int = 0

    def copy_to(self, target: IO[bytes]) -> None:
        """Write the latents to another file, and close their own."""
        with self.file:
            self.file.seek(self.place)
            n_left = _ITEM_BYTES * self.n_latents * len(self.mean)
            while n_left:
                block = self.file.read(min(n_left, _BLOCK_BYTES))
                if not block:
                    raise InputError(f"The latents of {printable(self.path)} were cut short: run again.")
                target.write(block)
                n_left -= len(block)


# The latents of a recording, or why it cannot be used.
Result = Latents | InputError


def encode_recordings(
    corpora: Sequence[Recordings],
    encoder: Encoder,
    *,
    folder: Path,
    salvage: bool = False,
    workers: int = 1,
    tick: Callable[[float], object] = lambda share: None,
) -> Generator[Result, None, None]:
    """Yield the latents of each recording, as `encode_waveform` gives them, or why it cannot be used.

    Recordings are encoded in threads, a single one in parts. What is yielded does not depend on their count.

    Parameters
    ----------
    folder : Path
        Where latents are kept that are many.
    salvage : bool
        Use what can be decoded of recordings that are not whole.
    workers : int
        Threads.
    tick : callable
        Is called with the share of a recording that was just encoded.
    """
    is_only = sum(len(recordings.names) for recordings in corpora) == 1
    of_file = partial(
        jobs,
        encoder=encoder,
        reader=PartReader(),
        folder=folder,
        salvage=salvage,
        workers=workers if is_only else 1,
        tick=tick,
    )
    of_all = chain.from_iterable(map(of_file, chain.from_iterable(map(listed_files, corpora))))
    return in_order(lambda job: job(), of_all, workers)


@dataclass(frozen=True)
class ListedFile:
    """A file, and what is wanted of it: recordings that follow one another.

    Attributes
    ----------
    path : Path
    names : list of str
        Those of the recordings.
    parts : dict
        The parts of the file, by their names; another name is the whole file.
    where : list of str
        Where each is listed, to begin a message with.
    """

    path: Path
    names: list[str]
    parts: dict[str, Part]
    where: list[str]


def listed_files(recordings: Recordings) -> Iterator[ListedFile]:
    """Yield the files of recordings, in order."""
    for _, group in groupby(recordings.names, recordings.file):
        names = list(group)
        parts = {name: recordings.parts[name] for name in names if name in recordings.parts}
        yield ListedFile(recordings.path(names[0]), names, parts, list(map(recordings.where, names)))


def jobs(
    file: ListedFile,
    *,
    encoder: Encoder,
    reader: PartReader,
    folder: Path,
    salvage: bool = False,
    workers: int = 1,
    tick: Callable[[float], object] = lambda share: None,
) -> Iterator[Callable[[], Result]]:
    """Yield a function for each recording that returns its latents, or why it cannot be used.

    Parameters
    ----------
    reader : PartReader
        Keeps the parts of a file, which is decoded once.
    folder, salvage, workers, tick
        As for `encode_recordings`; the threads are those of one recording.
    """
    encode = partial(_encode, encoder=encoder, folder=folder, salvage=salvage, workers=workers, tick=tick)
    whole: Recording | InputError | None = _described(file.path, salvage) if file.parts else None
    spans = {}
    if isinstance(whole, Recording):
        for name, part in file.parts.items():
            start, end = part.span(whole.sr)
            spans[name] = start, whole.n_samples if end is None else end
    for name, where in zip(file.names, file.where, strict=True):
        job = partial(encode, file.path)
        if name in spans and isinstance(whole, Recording):
            read = partial(reader.read, file.path, spans[name], spans.values())
            job = partial(encode, file.path, (whole, name, spans[name], read))
        elif name in file.parts and isinstance(whole, InputError):
            job = partial(_fail, whole)
        yield partial(_attempt, job, where)


def _described(path: Path, salvage: bool) -> Recording | InputError:
    """Return what a file holds, or why it cannot be used."""
    try:
        return describe(path, salvage=salvage)
    except InputError as error:
        return error


def _fail(error: InputError) -> Latents:
    """Raise the error."""
    raise error


def _attempt(job: Callable[[], Latents], where: str) -> Result:
    """Return what a job does, or why it cannot be done, with where the recording is listed."""
    try:
        return job()
    except InputError as error:
        return InputError(f"{where}{error}") if where else error


def _encode(
    path: Path,
    part: tuple[Recording, str, tuple[int, int], Callable[[], np.ndarray]] | None = None,
    *,
    encoder: Encoder,
    folder: Path,
    salvage: bool,
    workers: int,
    tick: Callable[[float], object],
) -> Latents:
    """Return the latents of a file; or of its part: the file, the name, the span, and what reads it."""
    keep = partial(_keep, encoder=encoder, folder=folder, workers=workers, tick=tick)
    if part is None:
        with opened(path, salvage=salvage) as (recording, read):
            return keep(recording, 0, recording.n_samples, read(None, None))
    recording, name, (start, end), read_part = part
    is_there = start < end <= recording.n_samples + ROUNDING_S * recording.sr
    waveform = read_part() if is_there else np.empty(0, np.float32)
    if not len(waveform):
        raise InputError(not_there(printable(name), start, end, recording.n_samples, recording.sr))
    return keep(recording, start, len(waveform), [waveform])


def _keep(
    recording: Recording,
    start: int,
    n_samples: int,
    blocks: Iterable[np.ndarray],
    *,
    encoder: Encoder,
    folder: Path,
    workers: int,
    tick: Callable[[float], object],
) -> Latents:
    """Return the latents of a waveform of n_samples that arrives in blocks."""
    model = encoder.model
    expected = count_latents(n_samples, recording.sr, model.features, model.config)
    n_latents, total = 0, np.zeros(model.config.latent_size)
    # Closed by whoever writes the latents.
    file = SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=os.fspath(folder))  # noqa: SIM115
    try:
        for chunk in encode_waveform(encoder, blocks, recording.sr, workers=workers):
            file.write(np.ascontiguousarray(chunk, "<f4").data)
            total += chunk.sum(axis=0, dtype=np.float64)
            n_latents += len(chunk)
            tick(len(chunk) / expected)
    except BaseException:
        file.close()
        raise
    mean = (total / n_latents).astype(np.float32)
    return Latents(recording.path, recording.sr, start, n_samples, recording.note, n_latents, mean, file)

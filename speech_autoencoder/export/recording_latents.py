"""The latents of recordings, in threads: files, and the parts of files that a list names."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

import numpy as np

from speech_autoencoder.audio.parts import PartReader
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
    file : IO
        The latents, float32; to be closed.
    n_latents : int
        Their count.
    mean : np.ndarray
        Their mean (latent_size,), float32.
    """

    path: Path
    sr: int
    start: int
    n_samples: int
    note: str
    file: IO[bytes]
    n_latents: int
    mean: np.ndarray


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
    encode = partial(
        _encode, encoder=encoder, folder=folder, salvage=salvage, workers=workers if is_only else 1, tick=tick
    )
    jobs = chain.from_iterable(_jobs(recordings, encode, salvage) for recordings in corpora)
    return in_order(lambda job: job(), jobs, workers)


def _jobs(recordings: Recordings, encode: Callable[..., Latents], salvage: bool) -> Iterator[Callable[[], Result]]:
    """Yield a function for each recording that returns its latents, or why it cannot be used."""
    reader = PartReader()
    for _, group in groupby(recordings.names, recordings.file):
        names = list(group)
        path, parts = recordings.path(names[0]), [name for name in names if name in recordings.parts]
        whole: Recording | InputError | None = _described(path, salvage) if parts else None
        spans = {}
        if isinstance(whole, Recording):
            for name in parts:
                start, end = recordings.parts[name].span(whole.sr)
                spans[name] = start, whole.n_samples if end is None else end
        for name in names:
            job = partial(encode, path)
            if name in spans and isinstance(whole, Recording):
                read = partial(reader.read, path, spans[name], spans.values())
                job = partial(encode, path, (whole, name, spans[name], read))
            elif name in recordings.parts and isinstance(whole, InputError):
                job = partial(_fail, whole)
            yield partial(_attempt, job, recordings.where(name))


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
    return Latents(recording.path, recording.sr, start, n_samples, recording.note, file, n_latents, mean)

"""Recordings -> their clips and their entries in the sidecar: short recordings several at once, long ones in blocks."""

import hashlib
import os
from collections.abc import Callable, Container, Generator, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np

from speech_autoencoder.audio.levels import Levels
from speech_autoencoder.audio.log_mel import cut_clips, log_mels, mel_spectrogram_stream, normalise
from speech_autoencoder.audio.parts import Cutter
from speech_autoencoder.audio.reading import opened, opened_stream
from speech_autoencoder.audio.resampling import resample_recording, resample_together
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.copies import fetched
from speech_autoencoder.storage.remote_path import quick_size
from speech_autoencoder.system.files import explain, printable

# The most recordings that are analysed together.
_MOST_TOGETHER = 16
# A group of recordings ends with the one that takes it over this size of its files, in bytes.
_MOST_BYTES_TOGETHER = 1 << 19
# The most samples of a short recording, which is analysed with others.
_SHORT_SAMPLES = 1 << 16
_NOTHING = np.zeros(0, np.float32)
# The most samples of a part of a recording that wait for a worker; a longer part is analysed while it is decoded.
_MOST_WAITING_SAMPLES = 1 << 20
# How far a list may be off where a recording ends, in seconds: times are rounded.
ROUNDING_S = 0.02
# The length of a file's digest: a number that any reader of JSON holds exactly.
_DIGEST_BYTES = 6
# The same bound for the number of a file.
_MOST_INODES = 1 << 53


@dataclass(frozen=True)
class Analysed:
    """A recording that can be used.

    Attributes
    ----------
    entry : dict
        Its values of the sidecar's columns, sidecar.columns.COLUMNS and FILE_COLUMNS.
    clips : np.ndarray, (n_clips, n_mels, n_frames, 1)
    is_new : bool
        Whether the clips were computed now, not taken from an earlier array.
    note : str
        What is to be said of it, such as how much of a recording that is not whole was used. Empty for most.
    """

    entry: dict[str, Any]
    clips: np.ndarray
    is_new: bool = True
    note: str = ""


@dataclass(frozen=True)
class Unusable:
    """A recording that cannot be used, the reason for a person to read, and whether the next run tries it again.

    Otherwise, it does so once the file has changed.
    """

    reason: str
    again: bool = False


def stamp_of(status: os.stat_result) -> dict[str, int]:
    """Return the columns that change when a file is changed or replaced, whatever its time of change is set to."""
    return {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "inode": status.st_ino % _MOST_INODES,
        "ctime_ns": status.st_ctime_ns,
    }


def stamp(path: Path) -> dict[str, int]:
    """Return what changes when a file or its permissions change, nothing if that is unknown."""
    try:
        status = path.stat()
    except OSError:
        return {}
    return stamp_of(status)


def digest_of(path: Path) -> int:
    """Return a digest of the bytes of a file; raise OSError if it cannot be read."""
    with fetched(path) as copy, copy.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES)).digest()
    return int.from_bytes(digest)


@dataclass(frozen=True)
class Sound:
    """A recording that was read: its entry, without n_frames, and its samples (n_samples,) at its own rate."""

    entry: dict[str, Any]
    waveform: np.ndarray
    note: str = ""


# A recording on its way: its name, or what was made of it already.
Item = str | Sound | Analysed | Unusable


def together(
    recordings: Recordings, features: FeatureConfig, known: Container[str] = (), *, salvage: bool = False
) -> Generator[list[Item], None, None]:
    """Yield lists of successive recordings: of several short ones, to be analysed at once, or of a long one.

    A file is the name of a recording; the parts of files are read here, while each of them is decoded once, except
    those that are `known`.
    """
    some: list[Item] = []
    n_bytes = 0
    for item in _items(recordings, features, known, salvage):
        some.append(item)
        if isinstance(item, str):
            with suppress(OSError):  # `analyse` reports what is wrong with it
                n_bytes += 0 if item in recordings.parts else quick_size(recordings.path(item))
        elif isinstance(item, Sound):
            n_bytes += item.waveform.nbytes // 2  # as a file of 16 bits has
        if len(some) == _MOST_TOGETHER or n_bytes > _MOST_BYTES_TOGETHER:
            yield some
            some, n_bytes = [], 0
    if some:
        yield some


def _items(recordings: Recordings, features: FeatureConfig, known: Container[str], salvage: bool) -> Iterable[Item]:
    """Return each recording as `together` has it."""
    if not recordings.parts:
        return recordings.names
    files = (list(names) for _, names in groupby(recordings.names, recordings.file))
    return chain.from_iterable(_items_of_file(recordings, names, features, known, salvage) for names in files)


def _items_of_file(
    recordings: Recordings, names: list[str], features: FeatureConfig, known: Container[str], salvage: bool
) -> Iterator[Item]:
    """Yield the names of a file, and its parts."""
    to_cut = [name for name in names if name in recordings.parts and name not in known]
    parts = _read_parts(recordings, to_cut, features, salvage)
    for name in names:
        yield next(parts) if name in recordings.parts and name not in known else name


def _read_parts(
    recordings: Recordings, names: list[str], features: FeatureConfig, salvage: bool
) -> Iterator[Sound | Analysed | Unusable]:
    """Yield the parts of one file, in the order of their starts, while it is decoded once."""
    path, n_done = recordings.path(names[0]), 0
    try:
        with ExitStack() as stack:
            stack.enter_context(fetched(path))
            of_file = {**stamp_of(path.stat()), "digest": digest_of(path)}
            sr, blocks = stack.enter_context(opened_stream(path, salvage=salvage))
            cutter, spans = Cutter(blocks), [recordings.parts[name].span(sr) for name in names]
            for name, (start, end), following in zip(names, spans, [*spans[1:], None], strict=True):
                levels = Levels(sr)
                pieces = _watched(cutter.cut(start, end, following[0] if following else None), levels)
                is_long = end is None or end - start > _MOST_WAITING_SAMPLES
                sound = _frames(pieces, sr, features) if is_long else np.concatenate([_NOTHING, *pieces])
                n_samples = levels.n_samples
                entry = {"path": name, **of_file, "sr": sr, "n_samples": n_samples, **levels.columns()}
                if not n_samples or (end is not None and n_samples < end - start - ROUNDING_S * sr):
                    yield Unusable(not_there(printable(name), start, end, cutter.n_read, sr))
                else:
                    yield _analysed(entry, sound, features, "") if is_long else Sound(entry, sound)
                n_done += 1
        return
    except InputError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{printable(path)} could not be read: {explain(error)}."
    for _ in names[n_done:]:
        yield Unusable(reason)


def _watched(pieces: Iterable[np.ndarray], levels: Levels) -> Iterator[np.ndarray]:
    """Yield the pieces of a recording while their levels are counted."""
    for piece in pieces:
        levels(piece)
        yield piece


def not_there(name: str, start: int, end: int | None, n_samples: int, sr: int) -> str:
    """Return what is wrong with a part of a recording of `n_samples` that does not hold it."""
    if end is not None and end <= start:
        return f"{name} is shorter than a sample: expected an end after the start."
    what = "starts" if n_samples <= start else "ends"
    return f"{name} {what} after the recording, which ends at {n_samples / sr:.2f} s: correct its times."


def analyse(
    recordings: Recordings,
    items: list[Item],
    features: FeatureConfig,
    known: Callable[[str], Analysed | None] = lambda name: None,
    *,
    salvage: bool = False,
) -> list[Analysed | Unusable]:
    """Return the clips of each recording, or the reason why it cannot be used.

    `items` are recordings as `together` yields them. `known` returns the result for a name from an earlier run, if
    there is one. With `salvage`, what can be decoded of a recording that is not whole is used.
    """
    found = [
        known(item) or _read(recordings.path(item), item, features, salvage) if isinstance(item, str) else item
        for item in items
    ]
    short = [x for x in found if isinstance(x, Sound) and len(x.waveform) <= _SHORT_SAMPLES]
    waveforms = resample_together([x.waveform for x in short], [x.entry["sr"] for x in short], features.sr)
    frames = iter(log_mels(waveforms, features))
    analysed: list[Analysed | Unusable] = []
    for x in found:
        if isinstance(x, Sound):
            is_short = len(x.waveform) <= _SHORT_SAMPLES
            of_x = next(frames) if is_short else _frames([x.waveform], x.entry["sr"], features)
            analysed.append(_analysed(x.entry, of_x, features, x.note))
        else:
            analysed.append(x)
    return analysed


def _read(path: Path, name: str, features: FeatureConfig, salvage: bool) -> Sound | Analysed | Unusable:
    """Return the sound of a short recording, the clips of a long one, or the reason why it cannot be used."""
    try:
        status = path.stat()
        with fetched(path), opened(path, salvage=salvage) as (recording, blocks):
            levels = Levels(recording.sr)
            is_short = recording.n_samples <= _SHORT_SAMPLES
            if is_short:
                waveform = np.concatenate(list(blocks(None, levels)))
            else:
                frames = _frames(blocks(features.sr, levels), features.sr, features)
            digest = digest_of(path)
    except InputError as error:
        return Unusable(str(error))
    except OSError as error:
        return Unusable(f"{printable(path)} could not be read: {explain(error)}.")
    entry = {
        "path": name,
        **stamp_of(status),
        "digest": digest,
        "sr": recording.sr,
        "n_samples": levels.n_samples,
        **levels.columns(),
    }
    return Sound(entry, waveform, recording.note) if is_short else _analysed(entry, frames, features, recording.note)


def _frames(blocks: Iterable[np.ndarray], sr: int, features: FeatureConfig) -> np.ndarray:
    """Return the normalised log-mel (n_mels, n_frames) of a recording that arrives in blocks at a rate in Hz."""
    source = iter(blocks)
    first = next(source, None)
    if first is None:
        return np.zeros((features.n_mels, 0), np.float32)
    chunks = mel_spectrogram_stream(resample_recording(chain([first], source), sr, features.sr), features)
    return np.concatenate([normalise(chunk, features) for chunk in chunks], axis=1)


def _analysed(entry: dict[str, Any], frames: np.ndarray, features: FeatureConfig, note: str) -> Analysed:
    """Return the clips of a recording with this normalised log-mel (n_mels, n_frames)."""
    return Analysed(entry | {"n_frames": frames.shape[1]}, cut_clips(frames, features), note=note)

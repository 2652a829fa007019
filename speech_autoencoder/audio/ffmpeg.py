"""Sound through the libraries of FFmpeg, where PyAV is installed: what libsndfile does not read, or only in part."""

from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from speech_autoencoder.errors import InputError
from speech_autoencoder.system import isolation
from speech_autoencoder.system.isolation import CallFailed

# Seconds without an answer after which the child process is ended.
_MOST_SILENCE_S = 60.0
# What follows the name of a file without a track of sound.
NO_SOUND = "holds no sound"


class FfmpegError(Exception):
    """PyAV is not installed, or FFmpeg reads no sound from the file: what follows the file's name in a message."""


class Head(NamedTuple):
    """What the first samples of a file are like, and what is to be known of it.

    Attributes
    ----------
    promised_s : float
        The length in seconds that the file states, 0 if it states none.
    track, n_tracks : int
        The number of the track of sound that is decoded, from 1, and how many there are.
    """

    sr: int
    n_channels: int
    promised_s: float = 0.0
    track: int = 1
    n_tracks: int = 1


class Block(NamedTuple):
    """Samples of float32 (n_samples, n_channels), as bytes."""

    n_channels: int
    samples: bytearray


class End(NamedTuple):
    """Whether all that the file promises was decoded."""

    is_whole: bool


def has_pyav() -> bool:
    """Return whether PyAV is installed."""
    return find_spec("av") is not None


def _decode(path: Path, n_samples: int) -> Generator[Head | Block | End]:
    """Return what `decode` of audio/pyav.py yields: only the child process, which calls this, is to load PyAV."""
    from speech_autoencoder.audio.pyav import decode

    yield from decode(path, n_samples)


class Ffmpeg:
    """The sound that FFmpeg reads from a file in a child process, to be closed.

    FFmpeg and PyAV are C code, which some files crash (docs/reliability.md): then only the child is lost.

    Attributes
    ----------
    head : Head
        Later samples are resampled to the rate of the first ones; their channels may differ.
    is_whole : bool
        After the last block: whether it was all that the file promises.
    failure : str
        After the last block: how FFmpeg itself failed, if it did.
    """

    def __init__(self, path: Path, n_samples: int) -> None:
        """Open a file, to be decoded in blocks of about `n_samples` over all channels.

        Raises
        ------
        FfmpegError
            If PyAV is not installed, or the file holds no sound that FFmpeg reads.
        """
        if not has_pyav():
            raise FfmpegError("cannot be read without PyAV")
        self.is_whole, self.failure = False, ""
        self._items = isolation.stream(_decode, path, n_samples, name="FFmpeg", limit_s=_MOST_SILENCE_S)
        try:
            self.head: Head = next(self._items)
        except CallFailed as error:
            raise FfmpegError(f"cannot be decoded, as {error}") from error
        except InputError as error:
            raise FfmpegError(str(error)) from error

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield blocks (n_samples, n_channels) of float32."""
        try:
            for item in self._items:
                if isinstance(item, End):
                    self.is_whole = item.is_whole
                else:
                    yield np.frombuffer(item.samples, np.float32).reshape(-1, item.n_channels)
        except CallFailed as error:
            self.failure = f"cannot be decoded to its end, as {error}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._items.close()

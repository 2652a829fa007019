"""Read any recording as mono float32, in blocks or whole, at its own rate or another."""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile as sf

from speech_autoencoder.audio.resampling import resample_recording
from speech_autoencoder.config import RATES_HZ
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain, is_regular, printable

# Samples decoded at once, over all channels: 5 s of 192 kHz mono.
_BLOCK_SAMPLES = 5 * 192_000
# The largest magnitude of a sample: a lossy decoder's may pass full scale a little, unscaled integers pass it far.
_PEAK_LIMIT = 16.0
# The length that libsndfile gives a FLAC file whose header leaves it out; soundfile cannot read such a file to its end.
_UNKNOWN_LENGTH = 2**63 - 1
# The largest length of a WAV file's sound; programs that write to a pipe put larger ones in the header.
_UNKNOWN_BYTES = 0x7FFFF000
# The share of its header's length that a lossy file has at least; one that is cut short lacks more.
_LEAST_DECODED = 0.95
# Where an MP3 file's table of contents begins, if it has one, after its ID3 tag.
_MP3_TABLE_BYTES = 4_096
_MP3_TABLE_NAMES = (b"Xing", b"Info", b"VBRI")
# A mono mean this much quieter than the channels (as power) has cancelled: 20 dB.
_CANCELLED = 1e-2
# A mean of more than this share of the RMS around it is an offset and is subtracted: it is inaudible, but its ends
# click, and a window makes a hum of it.
_OFFSET = 0.2
# Seconds; a shorter recording may have such a mean without an offset.
_OFFSET_S = 0.1

Watch = Callable[[np.ndarray], None]


@dataclass(frozen=True)
class Recording:
    """What a recording's header says: its rate in Hz, and its length at that rate."""

    path: Path
    sr: int
    n_samples: int
    n_channels: int

    @property
    def duration_s(self) -> float:
        """The length in seconds."""
        return self.n_samples / self.sr


def describe(path: Path) -> Recording:
    """Return what the recording's header says; its samples are counted if the header leaves the length out.

    Raises
    ------
    InputError
        If the file is not a usable recording.
    """
    with _open(path) as sound:
        return _describe(sound, path)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Recording, Callable[[int | None, Watch | None], Iterator[np.ndarray]]]]:
    """Open a recording once, to describe it and to read it once.

    Yields
    ------
    Recording
        As `describe` returns it.
    callable
        Takes the sr and watch of `read_stream`, and returns the same blocks.
    """
    with _open(path) as sound:
        yield _describe(sound, path), partial(_read, sound, path)


def read_stream(path: Path, sr: int | None = None, watch: Watch | None = None) -> Iterator[np.ndarray]:
    """Yield the recording as mono in blocks (n_samples,) of float32.

    Channels are averaged; if they cancel (one is the other upside down), the loudest is used instead. A large offset
    is subtracted. All blocks together hold `resampled_length` samples.

    Parameters
    ----------
    sr : int, optional
        Hz; without it, the recording's own.
    watch : callable, optional
        Called with each block as mono at the recording's own rate, offset included.

    Raises
    ------
    InputError
        If the file is unreadable, or holds NaN, infinite or absurdly large samples.
    """
    with _open(path) as sound:
        yield from _read(sound, path, sr, watch)


def read(path: Path, sr: int | None = None, *, most: int | None = None) -> np.ndarray:
    """Return the recording, or at most its first `most` samples, as mono float32 (n_samples,); see `read_stream`."""
    blocks, n_samples = [], 0
    for block in read_stream(path, sr):
        blocks.append(block)
        n_samples += len(block)
        if most is not None and n_samples >= most:
            break
    return np.concatenate(blocks)[:most]


def libsndfile_path(path: Path) -> bytes | str:
    """Return the path as libsndfile takes it: as bytes, as some names are not valid text; on Windows all are."""
    return os.fsencode(path) if os.name == "posix" else os.fspath(path)


def _open(path: Path) -> sf.SoundFile:
    """Open a recording; raise InputError with the reason if it is not usable."""
    name = printable(path)
    try:
        status = path.stat()
        if path.is_dir():
            os.scandir(path).close()  # raises if the folder cannot be read, which is then the reason
            raise InputError(f"{name} is a folder: name a recording in it.")
        if not is_regular(status):
            raise InputError(f"{name} is not a regular file: name a recording.")
        if not status.st_size:
            raise InputError(f"{name} is empty (0 bytes): record or copy it again.")
        try:
            sound = sf.SoundFile(libsndfile_path(path))
        except (sf.SoundFileError, UnicodeError, ValueError, TypeError) as error:
            path.open("rb").close()  # raises if permission is denied, which libsndfile reports less clearly
            reason = getattr(error, "error_string", None) or error
            raise InputError(
                f"{name} is not a sound file that libsndfile reads ({reason}): convert it to WAV."
            ) from error
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    problem = _problem(sound)
    if problem:
        sound.close()
        raise InputError(f"{name} {problem}")
    return sound


def _problem(sound: sf.SoundFile) -> str | None:
    """Return what is wrong with a header that libsndfile accepts, or None."""
    if sound.frames <= 0:
        return "holds no samples: record or copy it again."
    if sound.frames == _UNKNOWN_LENGTH:
        return "does not say how long it is, like FLAC that was written to a pipe: convert it to WAV."
    low, high = RATES_HZ
    if not low <= sound.samplerate <= high:
        return f"claims a sample rate of {sound.samplerate} Hz: expected {low:,} to {high:,}."
    lengths = _declared_data_bytes(sound.extra_info)
    if lengths:
        declared, present = lengths
        return f"is cut short: its header promises {declared:,} bytes of sound, it holds {present:,}."
    return None


def _declared_data_bytes(log: str) -> tuple[int, int] | None:
    """Return the declared and the present bytes of a data chunk that is longer than the file, by libsndfile's log.

    None if there is no such chunk, or its length is one that programs write which do not know the length yet.
    """
    for line in log.splitlines():
        key, _, rest = line.partition(":")
        if key.strip() in ("data", "SSND", "Data Size") and "(should be" in rest:
            words = rest.replace("(should be", " ").replace(")", " ").split()
            if len(words) >= 2 and words[0].isdigit() and words[1].isdigit():
                declared, present = int(words[0]), int(words[1])
                if present < declared < _UNKNOWN_BYTES:
                    return declared, present
    return None


def _describe(sound: sf.SoundFile, path: Path) -> Recording:
    """Return what the header of an open file says."""
    n_samples = sound.frames
    if _is_estimated(sound, path):
        with _open(path) as again:
            n_samples = sum(map(len, _mono_blocks(again, path)))
    return Recording(path, sound.samplerate, n_samples, sound.channels)


def _is_estimated(sound: sf.SoundFile, path: Path) -> bool:
    """Return whether libsndfile estimated the length from the file's size: an MP3 file without a table of contents."""
    if sound.format != "MP3":
        return False
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":  # a title, a cover picture: its size is in the last four bytes, seven bits each
            file.seek(10 + sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False)))
        return not any(name in head + file.read(_MP3_TABLE_BYTES) for name in _MP3_TABLE_NAMES)


def _read(sound: sf.SoundFile, path: Path, sr: int | None, watch: Watch | None) -> Iterator[np.ndarray]:
    """Return the blocks that `read_stream` yields, of an open file."""
    blocks = _without_offset(_mono_blocks(sound, path), sound.samplerate, watch)
    return resample_recording(blocks, sound.samplerate, sr or sound.samplerate)


def _without_offset(blocks: Iterable[np.ndarray], sr: int, watch: Watch | None) -> Iterator[np.ndarray]:
    """Yield the blocks, each shown to watch, minus the offset of the first one if that is large."""
    offset: np.float32 | None = None
    for block in blocks:
        if watch:
            watch(block)
        if offset is None:
            precise = block.astype(np.float64)
            mean, power = precise.mean(), precise @ precise / len(block)
            is_large = len(block) >= _OFFSET_S * sr and mean**2 > _OFFSET**2 * (power - mean**2)
            offset = np.float32(mean if is_large else 0)
        yield block - offset if offset else block


def _mono_blocks(sound: sf.SoundFile, path: Path) -> Iterator[np.ndarray]:
    """Yield blocks of mono samples at the file's own rate, checked."""
    n_read = 0
    channel = None  # the one that is used; -1: their mean
    while n_read < sound.frames or not sound.seekable():
        try:
            block = sound.read(max(1, _BLOCK_SAMPLES // sound.channels), dtype="float32", always_2d=True)
        except (sf.SoundFileError, RuntimeError) as error:
            raise InputError(
                f"{printable(path)} is damaged after {n_read / sound.samplerate:.2f} s: {error}"
            ) from error
        if not len(block):
            break
        n_read += len(block)
        _check_samples(block, path)
        if block.shape[1] == 1:
            yield block[:, 0]
            continue
        mono = block.mean(axis=1)
        if channel is None:
            channel = _channel(block, mono)
        yield mono if channel in (None, -1) else np.ascontiguousarray(block[:, channel])
    if n_read == 0:
        raise InputError(f"{printable(path)} holds no samples that can be decoded: record or copy it again.")
    if n_read < _LEAST_DECODED * sound.frames and not _is_estimated(sound, path):
        raise InputError(f"{printable(path)} is cut short: {sound.frames:,} samples promised, {n_read:,} decoded.")


def _check_samples(block: np.ndarray, path: Path) -> None:
    """Raise InputError if a block (n_samples, n_channels) holds samples that are not sound."""
    peak = float(np.abs(block).max())
    if not math.isfinite(peak):
        raise InputError(f"{printable(path)} holds samples that are not numbers (NaN or infinite): export it again.")
    if peak > _PEAK_LIMIT:
        raise InputError(
            f"{printable(path)} holds samples of up to {peak:.3g}, where full scale is 1: scale it to [-1, 1]."
        )


def _channel(block: np.ndarray, mono: np.ndarray) -> int | None:
    """Return the loudest channel of a block if its mean cancels, -1 if it does not, None if the block is silent.

    The first sound decides for the whole recording: switching in the middle would be audible.
    """
    power = np.mean(block.astype(np.float64) ** 2, axis=0)
    if not power.max() > 0:
        return None
    has_cancelled = np.mean(mono.astype(np.float64) ** 2) < _CANCELLED * power.max() / len(power)
    return int(power.argmax()) if has_cancelled else -1

"""Finding recordings, reading any of them as mono at a rate, writing sound."""

import math
import os
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from speech_autoencoder.config import RATES_HZ
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import atomic_write, explain, printable

# What libsndfile reads, by the names that such files have; then what it does not, but phones and players record, so
# that it is named and not passed over. A file of another name is no recording.
SUFFIXES = frozenset(
    ".wav .wave .wavex .rf64 .w64 .flac .ogg .oga .opus .mp3 .aiff .aif .aifc .au .snd .caf .voc .sph .nist .ircam "
    ".mat .mpc2k .paf .pvf .sd2 .sds .svx .xi .avr .htk .wve "
    ".m4a .m4b .aac .wma .amr .3gp .webm .mka .ape .wv .tta .mpc .ra .dsf".split()
)
# Samples decoded at once, over all channels: 5 s of 192 kHz mono.
_BLOCK_SAMPLES = 5 * 192_000
# Recordings that are resampled as channels of one sound.
_CHANNELS = 8
# Floating-point samples may pass full scale a little (a lossy decoder's do), but not as integers in disguise.
_PEAK_LIMIT = 16.0
# What libsndfile answers for a FLAC file whose header leaves the length out; soundfile cannot read to its end.
_UNKNOWN_LENGTH = 2**63 - 1
# A mono mean this much quieter than the channels (as power) has cancelled: 20 dB.
_CANCELLED = 1e-2
# An offset of more than this part of what sounds (as RMS) is taken off: it is no sound, but its edges are, and a window
# makes a hum of it. What is shorter than this has a mean for other reasons.
_OFFSET, _OFFSET_S = 0.2, 0.1


@dataclass(frozen=True)
class Recording:
    """What a file's header says: path, sample rate (Hz), length in samples at that rate, channels."""

    path: Path
    sr: int
    n_samples: int
    n_channels: int

    @property
    def duration_s(self) -> float:
        """The length in seconds."""
        return self.n_samples / self.sr


def find_recordings(
    folder: Path, suffixes: Collection[str] = SUFFIXES, what: str = "recording (WAV, FLAC, OGG, MP3, ...)"
) -> list[str]:
    """The names, relative to folder, of the recordings below it, sorted; hidden files and pipes are passed over.

    Or of other files, `what`, whose names end in one of the suffixes.

    Links to folders are followed, each folder once. A subfolder that may not be read is among the names, so that
    it is left out, and named, like an unreadable recording. Raises InputError when the folder is missing, may not be
    read or holds no recording.
    """
    try:
        if not folder.exists():
            raise InputError(
                f"There is no folder {printable(folder)}: make it and put recordings in it, or name another."
            )
        if not folder.is_dir():
            raise InputError(f"{printable(folder)} is not a folder: name the folder that holds the recordings.")
    except OSError as error:  # a parent that may not be entered, a name that is too long
        raise InputError(f"{printable(folder)} could not be read: {explain(error)}.") from error
    found, seen = [], set()

    def refuse(error):
        if Path(error.filename) == folder:
            raise InputError(f"{printable(folder)} could not be read: {explain(error)}.") from error
        found.append(Path(error.filename).relative_to(folder).as_posix())

    for parent, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(parent, name)
            if not name.startswith(".") and path.suffix.lower() in suffixes and _is_regular(path):
                found.append(path.relative_to(folder).as_posix())
    if not found:
        raise InputError(f"{printable(folder)} holds no {what}: put some in it, or name another folder.")
    return sorted(found)


def _is_regular(path):
    """Whether path is a file, and no pipe that would block; a link that leads nowhere counts, to be named later."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return path.is_symlink()


def _open(path: Path) -> sf.SoundFile:
    """The open file. Raises InputError with the reason when it is no sound that we can use."""
    name = printable(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            os.scandir(path).close()  # says that a folder may not be read, if that is what is wrong
            raise InputError(f"{name} is a folder: name a recording in it.")
        if not stat.S_ISREG(status.st_mode):  # asked before opening, which would block on a pipe
            raise InputError(f"{name} is not a regular file: name a recording.")
        if not status.st_size:
            raise InputError(f"{name} is empty (0 bytes): record or copy it again.")
        try:
            sound = sf.SoundFile(_for_libsndfile(path))
        except (sf.SoundFileError, UnicodeError, ValueError, TypeError) as error:
            path.open("rb").close()  # says that it is forbidden, if it is, more clearly than libsndfile
            reason = getattr(error, "error_string", None) or error
            raise InputError(f"{name} is no sound file that libsndfile reads ({reason}): convert it to WAV.") from error
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    problem = _problem(sound)
    if problem:
        sound.close()
        raise InputError(f"{name} {problem}")
    return sound


def _for_libsndfile(path):
    """The path as bytes, as not every name is valid in the file system's encoding; Windows' names always are."""
    return os.fsencode(path) if os.name == "posix" else os.fspath(path)


def _problem(sound):
    """What a header gives away that libsndfile lets pass, or None."""
    if sound.frames <= 0:
        return "holds no samples: record or copy it again."
    if sound.frames == _UNKNOWN_LENGTH:
        return "does not say how long it is, as FLAC written to a pipe: convert it to WAV."
    low, high = RATES_HZ
    if not low <= sound.samplerate <= high:
        return f"claims a sample rate of {sound.samplerate} Hz: expected {low:,} to {high:,}."
    declared = _declared_data_bytes(sound.extra_info)
    if declared:
        return f"is cut short: its header promises {declared[0]:,} bytes of sound, it holds {declared[1]:,}."
    return None


def _declared_data_bytes(log):
    """(declared, present) bytes where libsndfile's log says that a data chunk is longer than the file, or None.

    0 and the largest 32-bit lengths are what programs write that do not know the length yet: no lie.
    """
    for line in log.splitlines():
        key, _, rest = line.partition(":")
        if key.strip() in ("data", "SSND", "Data Size") and "(should be" in rest:
            words = rest.replace("(should be", " ").replace(")", " ").split()
            if len(words) >= 2 and words[0].isdigit() and words[1].isdigit():
                declared, present = int(words[0]), int(words[1])
                if present < declared < 0x7FFFF000:
                    return declared, present
    return None


def describe(path: Path) -> Recording:
    """What the file's header says; the length is counted where the header leaves it out.

    Raises InputError with the reason when it is no usable recording.
    """
    with _open(path) as sound:
        return _describe(sound, path)


def _describe(sound, path):
    """What the header of an open file says."""
    n_samples = sound.frames
    if _is_estimated(sound, path):
        with _open(path) as again:
            n_samples = sum(map(len, _mono_blocks(again, path)))
    return Recording(path, sound.samplerate, n_samples, sound.channels)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Recording, Callable[..., Iterator[np.ndarray]]]]:
    """(what `describe` says, a function (sr, watch) -> what `read_stream` gives, to be called once) for one opening."""
    with _open(path) as sound:
        yield _describe(sound, path), partial(_read, sound, path)


def _is_estimated(sound, path):
    """Whether the length is libsndfile's guess from the file's size: MP3 that does not begin with a table of it."""
    if sound.format != "MP3":
        return False
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":  # a title, a cover picture: its size is in the last four bytes, seven bits each
            file.seek(10 + sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False)))
        return not any(tag in head + file.read(4_096) for tag in (b"Xing", b"Info", b"VBRI"))


def read_stream(
    path: Path, sr: int | None = None, watch: Callable[[np.ndarray], None] | None = None
) -> Iterator[np.ndarray]:
    """Blocks (n_samples,) float32 of the recording as mono at sr Hz (None: its own rate).

    Channels are averaged; where that cancels (one is the other upside down), the loudest is taken instead. An offset is
    taken off. All blocks together hold ceil(n_samples * sr / own rate) samples. `watch` is called with each block as
    mono at its own rate, offset included. Raises InputError naming the file when it is unreadable, or holds NaN,
    infinite or absurdly large samples.
    """
    with _open(path) as sound:
        yield from _read(sound, path, sr, watch)


def _read(sound, path, sr, watch):
    """The blocks that `read_stream` gives, of an open file."""
    blocks = _without_offset(_mono_blocks(sound, path), sound.samplerate, watch)
    if sr is None or sr == sound.samplerate:
        yield from blocks
        return
    resampler = _resampler(sound.samplerate, sr)
    n_in = n_out = 0
    for block, is_last in _with_last(blocks):
        n_in += len(block)
        expected = -(-n_in * sr // sound.samplerate)
        block = resampler.resample_chunk(block, last=is_last)
        if is_last:
            block = fit_length(block, expected - n_out)
        n_out += len(block)
        yield block


def _with_last(items):
    """(item, whether it is the last) of each."""
    items = iter(items)
    item = next(items)
    for following in items:
        yield item, False
        item = following
    yield item, True


def _without_offset(blocks, sr, watch):
    """The blocks, each shown to watch, without the offset that the first one has, if it is much."""
    offset = None
    for block in blocks:
        if watch:
            watch(block)
        if offset is None:
            precise = block.astype(np.float64)
            mean, power = precise.mean(), precise @ precise / len(block)
            is_much = len(block) >= _OFFSET_S * sr and mean**2 > _OFFSET**2 * (power - mean**2)
            offset = np.float32(mean if is_much else 0)
        yield block - offset if offset else block


def _mono_blocks(sound, path):
    """Blocks of mono samples at the file's own rate, checked."""
    channel, n_read = None, 0
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
        peak = float(np.abs(block).max())
        if not math.isfinite(peak):
            raise InputError(
                f"{printable(path)} holds samples that are not numbers (NaN or infinite): export it again."
            )
        if peak > _PEAK_LIMIT:
            raise InputError(
                f"{printable(path)} holds samples of up to {peak:.3g}, where full scale is 1: scale it to [-1, 1]."
            )
        if block.shape[1] == 1:
            yield block[:, 0]
            continue
        mono = block.mean(axis=1)
        power = np.mean(block.astype(np.float64) ** 2, axis=0)
        if channel is None and power.max() > 0:
            # Decided once, at the first sound: switching in the middle would be heard.
            channel = (
                int(power.argmax())
                if np.mean(mono.astype(np.float64) ** 2) < _CANCELLED * power.max() / len(power)
                else -1
            )
        yield mono if channel in (None, -1) else np.ascontiguousarray(block[:, channel])
    if n_read == 0:
        raise InputError(f"{printable(path)} holds no samples that can be decoded: record or copy it again.")
    # Headers of lossy files are off a little; what is really cut lacks more.
    if n_read < 0.95 * sound.frames and not _is_estimated(sound, path):
        raise InputError(f"{printable(path)} is cut short: {sound.frames:,} samples promised, {n_read:,} decoded.")


def read(path: Path, sr: int | None = None, *, most: int | None = None) -> np.ndarray:
    """The recording as mono float32 (n_samples,) at sr Hz, or its first `most` samples; see `read_stream`."""
    blocks, n_samples = [], 0
    for block in read_stream(path, sr):
        blocks.append(block)
        n_samples += len(block)
        if most is not None and n_samples >= most:
            break
    return np.concatenate(blocks)[:most]


def _resampler(sr_in, sr_out, n_channels=1):
    """What resamples a sound that arrives in blocks, as `soxr.resample` does a whole one."""
    return soxr.ResampleStream(sr_in, sr_out, n_channels, dtype="float32", quality="HQ")


def resample(waveform: np.ndarray, sr_in: int, sr_out: int) -> np.ndarray:
    """The waveform (n_samples,) at sr_out Hz; itself where that is its own rate."""
    return waveform if sr_in == sr_out else soxr.resample(waveform, sr_in, sr_out)


def resample_together(waveforms: list[np.ndarray], rates: list[int], sr: int) -> list[np.ndarray]:
    """Each waveform (n_samples,), at its own of the rates (Hz), at sr Hz: to the last bit what `read_stream` gives.

    Those of one rate, and of about one length, are channels of one sound to soxr, which then plans its filters once:
    for a short recording, planning takes longer than resampling.
    """
    resampled = list(waveforms)
    for own_sr in set(rates) - {sr}:
        ours = sorted((i for i, rate in enumerate(rates) if rate == own_sr), key=lambda i: len(waveforms[i]))
        for first in range(0, len(ours), _CHANNELS):
            some = ours[first : first + _CHANNELS]
            channels = np.zeros((len(waveforms[some[-1]]), len(some)), np.float32)
            for channel, i in enumerate(some):
                channels[: len(waveforms[i]), channel] = waveforms[i]
            resampler = _resampler(own_sr, sr, len(some))
            channels = resampler.resample_chunk(channels, last=True)
            for channel, i in enumerate(some):
                # soxr ends a sound at the nearest sample; where ours has one more, it is zero.
                n_given = (2 * len(waveforms[i]) * sr + own_sr) // (2 * own_sr)
                resampled[i] = fit_length(channels[:n_given, channel], -(-len(waveforms[i]) * sr // own_sr))
    return resampled


def fit_length(waveform: np.ndarray, n_samples: int) -> np.ndarray:
    """The waveform cut or padded with silence to n_samples."""
    fitted = np.zeros(n_samples, waveform.dtype)  # np.pad takes ten times as long for a short recording
    fitted[: len(waveform)] = waveform[:n_samples]
    return fitted


def resample_stream(blocks, sr_in: int, sr_out: int, n_samples: int) -> Iterator[np.ndarray]:
    """Blocks at sr_out Hz of a waveform that arrives in blocks at sr_in Hz; exactly n_samples in all."""
    resampler = None if sr_in == sr_out else _resampler(sr_in, sr_out)
    left = n_samples
    for block in blocks:
        block = resampler.resample_chunk(np.ascontiguousarray(block, np.float32)) if resampler else block
        block = block[:left]
        left -= len(block)
        yield block
    if resampler:
        block = resampler.resample_chunk(np.empty(0, np.float32), last=True)[:left]
        left -= len(block)
        yield block
    yield np.zeros(left, np.float32)


def write_stream(path: Path, blocks, sr: int) -> int:
    """The count of samples written to path, a mono 16-bit WAV at sr Hz, whole or not at all; beyond +-1 is clipped."""
    with atomic_write(path) as temporary:
        try:
            with sf.SoundFile(_for_libsndfile(temporary), "w", sr, 1, "PCM_16", format="WAV") as sound:
                for block in blocks:
                    sound.write(np.clip(block, -1, 1))
                return sound.frames
        except sf.SoundFileError as error:
            # Without the name of the temporary file, which soundfile puts before it.
            reason = getattr(error, "error_string", error)
            raise InputError(f"{printable(path)} could not be written ({reason}): is the disk full?") from error

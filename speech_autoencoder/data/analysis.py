"""Recordings -> their clips, and what the sidecar says of each: short ones some at once, long ones in blocks."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.levels import Levels
from speech_autoencoder.audio.log_mel import cut_clips, log_mels, mel_spectrogram_stream, normalise
from speech_autoencoder.audio.reading import opened
from speech_autoencoder.audio.resampling import resample_together
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain, printable

# The most recordings that are computed together, about the bytes that they have, and the samples of each.
_MOST_TOGETHER, _MOST_BYTES_TOGETHER, _SHORT_SAMPLES = 16, 1 << 19, 1 << 16
# Of a file's digest: a number that any reader of JSON takes in exactly.
_DIGEST_BYTES = 6


@dataclass(frozen=True)
class Analysed:
    """The sidecar's columns of a recording (dataset.COLUMNS) and its clips, computed now or before; or, as `reason`,
    why it cannot be used.
    """

    entry: dict | None = None
    clips: np.ndarray | None = None
    is_new: bool = True
    reason: str | None = None


def together(audio_dir: Path, names: list[str]) -> Iterator[list[str]]:
    """Lists of names that follow each other: some short recordings, to be computed at once, or a long one."""
    some, n_bytes = [], 0
    for name in names:
        some.append(name)
        with suppress(OSError):  # `analyse` says what is wrong with it
            n_bytes += (audio_dir / name).stat().st_size
        if len(some) == _MOST_TOGETHER or n_bytes > _MOST_BYTES_TOGETHER:
            yield some
            some, n_bytes = [], 0
    if some:
        yield some


def analyse(
    audio_dir: Path,
    names: list[str],
    features: FeatureConfig,
    known: Callable[[str], Analysed | None] = lambda name: None,
) -> list[Analysed]:
    """What becomes of each of the recordings; of those that are `known`, what was known."""
    found = [known(name) or _read(audio_dir, name, features) for name in names]
    short = [sound for sound in found if isinstance(sound, _Sound)]
    waveforms = resample_together([x.waveform for x in short], [x.entry["sr"] for x in short], features.sr)
    frames = iter(log_mels(waveforms, features))
    return [_analysed(x.entry, next(frames), features) if isinstance(x, _Sound) else x for x in found]


@dataclass(frozen=True)
class _Sound:
    """A short recording: its entry, but for what its features tell, and its samples (n_samples,) at its own rate."""

    entry: dict
    waveform: np.ndarray


def _read(audio_dir, name, features):
    """The _Sound of a short recording, or what became of a long one, or of one that cannot be used."""
    path = audio_dir / name
    try:
        status = path.stat()
        with opened(path) as (recording, blocks):
            levels = Levels(recording.sr)
            is_short = recording.n_samples <= _SHORT_SAMPLES
            if is_short:
                waveform = np.concatenate(list(blocks(None, levels)))
            else:
                chunks = mel_spectrogram_stream(blocks(features.sr, levels), features)
                frames = np.concatenate([normalise(chunk, features) for chunk in chunks], axis=1)
        with path.open("rb", buffering=0) as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES)).digest()
    except InputError as error:
        return Analysed(reason=str(error))
    except OSError as error:
        return Analysed(reason=f"{printable(path)} could not be read: {explain(error)}.")
    entry = {
        "path": name,
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "digest": int.from_bytes(digest),
        "sr": recording.sr,
        "n_samples": levels.n_samples,  # a lossy file's header may promise some more
        **levels.columns(),
    }
    return _Sound(entry, waveform) if is_short else _analysed(entry, frames, features)


def _analysed(entry, frames, features):
    """The Analysed of a recording with this normalised log-mel (n_mels, n_frames)."""
    return Analysed(entry | {"n_frames": frames.shape[1]}, cut_clips(frames, features))

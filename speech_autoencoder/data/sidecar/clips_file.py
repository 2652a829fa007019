"""The array of clips beside a sidecar: opened and checked."""

import hashlib
import tokenize
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from speech_autoencoder.data.sidecar.json_file import size_of
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain, printable, require_content

_ROWS_AT_ONCE = 1_024
# The rows that an array's digest covers, spread over it.
_DIGEST_ROWS = 64
_MOST_REASON = 200

Progress = Callable[[Iterable, int], Iterable]


def open_clips(path: Path, made_by: str, progress: Progress) -> np.ndarray:
    """Return the clips in path, memory-mapped and checked, values included."""
    name, again = printable(path), f"run {made_by} again."
    size_of(path)
    require_content(path)
    try:
        clips = np.lib.format.open_memmap(path, mode="r")  # only arrays; np.load would also try ZIP and pickle
    except FileNotFoundError:
        raise InputError(f"{name} is missing: run {made_by} first.") from None
    except OSError as error:
        raise InputError(f"{name} could not be read: {explain(error)}.") from error
    except (ValueError, TypeError, SyntaxError, OverflowError, MemoryError, tokenize.TokenError) as error:
        reason = " ".join(str(error).split())[:_MOST_REASON] or type(error).__name__
        raise InputError(f"{name} is not an array of clips ({reason}): {again}") from error
    if clips.dtype != np.float32 or clips.ndim != 4 or clips.shape[3] != 1:
        raise InputError(
            f"{name} holds {clips.shape} {clips.dtype}: expected float32 clips (n_clips, n_mels, n_frames, 1); {again}"
        )
    if not clips.size:
        raise InputError(f"{name} holds no clips: {again}")
    starts = range(0, len(clips), _ROWS_AT_ONCE)
    for start in progress(starts, len(starts)):
        part = clips[start : start + _ROWS_AT_ONCE]
        # NaN fails both comparisons.
        if not (part.min() >= 0 and part.max() <= 1):
            raise InputError(f"{name} holds values outside [0, 1] in rows {start} to {start + len(part) - 1}: {again}")
    return clips


def digest_of_clips(clips: np.ndarray) -> str:
    """Return a digest of an array's shape and of some of its rows: cheap, and different for each corpus."""
    rows = np.unique(np.linspace(0, len(clips) - 1, min(_DIGEST_ROWS, len(clips))).astype(int))
    digest = hashlib.blake2b(repr(clips.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(clips[rows]).data)
    return digest.hexdigest()

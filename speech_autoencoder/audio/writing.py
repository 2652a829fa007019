"""Write recordings."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile as sf

from speech_autoencoder import __version__
from speech_autoencoder.audio.decoding import libsndfile_path
from speech_autoencoder.errors import InputError
from speech_autoencoder.script_names import PROGRAM
from speech_autoencoder.system.files import atomic_write, printable

# More than what a full disk still takes.
_MORE_BYTES = 1 << 20


def write_stream(path: Path, blocks: Iterable[np.ndarray], sr: int) -> int:
    """Write blocks (n_samples,) as a mono 16-bit WAV file, whole or not at all, and return its count of samples.

    What lies outside of [-1, 1] is clipped.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    with atomic_write(path) as temporary:
        try:
            with sf.SoundFile(libsndfile_path(temporary), "w", sr, 1, "PCM_16", format="WAV") as sound:
                sound.software = f"{PROGRAM} {__version__}"  # a tag, by which it may be replaced later
                for block in blocks:
                    sound.write(np.clip(block, -1, 1))
                return sound.frames
        except sf.SoundFileError as error:
            # soundfile puts the name of the temporary file before the reason.
            reason = getattr(error, "error_string", error)
            raise InputError(f"{printable(path)} could not be written ({reason}): is the disk full?") from _cause(
                temporary, error
            )


def _cause(path: Path, error: sf.SoundFileError) -> Exception:
    """Return the system's error behind one of libsndfile, which does not tell it: the one that more bytes meet."""
    try:
        with path.open("ab") as file:
            file.write(bytes(_MORE_BYTES))
    except OSError as found:
        return found
    return error

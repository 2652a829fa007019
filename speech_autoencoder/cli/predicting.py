"""A recording through the model, with or without a .sae file in between. To be imported after --help: needs NumPy."""

from pathlib import Path
from typing import Any

from speech_autoencoder.codec.container import SUFFIX
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct_recording
from speech_autoencoder.codec.recording_codec import Encoded, decode_recording, encode_recording
from speech_autoencoder.config import InversionConfig


def reconstruct(path: Path, output: Path, encoder: Encoder, bitrate: float | None, **callbacks: Any) -> Encoded | None:
    """Write the reconstruction of a recording; with a bitrate, from a .sae file that is written beside it.

    Parameters
    ----------
    path, output
        The recording, and the WAV to write.
    encoder
        The encoder of the model.
    bitrate
        In kbit/s; None means that there is no .sae file.
    callbacks
        `watch` for the blocks that pass, and `tick` for progress, as `reconstruct_recording` takes them.

    Returns
    -------
    Encoded or None
        The size of the .sae file, if there is one.
    """
    if not bitrate:
        reconstruct_recording(path, encoder, InversionConfig(), output, **callbacks)
        return None
    encoded_path = output.with_suffix(SUFFIX)
    encoded = encode_recording(path, encoder, encoded_path, bitrate=bitrate, watch=callbacks["watch"])
    decode_recording(encoded_path, encoder.model, output, InversionConfig(), **callbacks)
    return encoded

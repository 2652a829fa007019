"""A recording through the model, with or without a .sae file in between. To be imported after --help: needs NumPy."""

from pathlib import Path

from speech_autoencoder.codec.container import SUFFIX
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import Tick, Watch, reconstruct_recording
from speech_autoencoder.codec.recording_codec import Encoded, decode_recording, encode_recording
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.system.processors import available_cpus

# Parts that are searched at the same time, which take some 100 MB each; inversion keeps up with no more.
_MOST_WORKERS = 4


def reconstruct(
    path: Path,
    output: Path,
    *,
    encoder: Encoder,
    bitrate: float | None,
    salvage: bool = False,
    watch: Watch,
    tick: Tick,
) -> Encoded | None:
    """Write the reconstruction of a recording as a WAV file.

    With a bitrate (kbit/s), it is decoded from a .sae file that is written beside it, and described by the result.
    """
    if bitrate is None:
        workers = min(_MOST_WORKERS, available_cpus())
        reconstruct_recording(
            path, encoder, InversionConfig(), output, salvage=salvage, workers=workers, watch=watch, tick=tick
        )
        return None
    encoded_path = output.with_suffix(SUFFIX)
    encoded = encode_recording(path, encoder, encoded_path, bitrate=bitrate, salvage=salvage, watch=watch)
    decode_recording(encoded_path, encoder.model, output, InversionConfig(), watch=watch, tick=tick)
    return encoded

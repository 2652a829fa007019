"""Many recordings, one file after another: what a worker does with a chunk of them."""

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from speech_autoencoder.audio.reading import describe
from speech_autoencoder.codec.container import SUFFIX
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import Tick, Watch, ignore_block, ignore_seconds, reconstruct_recording
from speech_autoencoder.codec.recording_codec import Decoded, Encoded, decode_recording, encode_recording
from speech_autoencoder.config import CODEC_SEARCH, InversionConfig, LatentSearchConfig
from speech_autoencoder.engines.engine import Chunk
from speech_autoencoder.engines.items import attempt
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.model_reference import ModelReference

# A chunk of work is over within seconds, so that many workers have enough to do, and little is done twice.
# Seconds of sound in it, where the latent search takes most of the time, and where there is none.
SEARCHED_S = 20.0
CODED_S = 120.0
# A chunk may take so many seconds, and as many more for each second of sound: far more than even a slow computer needs.
_LIMIT_S = 300.0
_LIMIT_PER_S = 60.0
# Bytes of a second of sound, of speech as FLAC at 16 kHz. Its true length is known when a recording is decoded.
_BYTES_PER_S = 16_000

Result = TypeVar("Result")


class FileItem(NamedTuple):
    """A file to read, the one to write, and about how many seconds of sound there are."""

    path: Path
    output: Path
    seconds: float


class Done(NamedTuple, Generic[Result]):
    """What a file became, and what is to be said of it, see `audio.reading.Recording`."""

    result: Result
    note: str = ""


def expected_s(path: Path) -> float:
    """Return about how many seconds of sound a recording has, by its size; 0 where reading it will report a problem."""
    with suppress(OSError):
        return path.stat().st_size / _BYTES_PER_S
    return 0.0


def limit_s(seconds: float) -> float:
    """Return how long a chunk with so many seconds of sound may take, in seconds."""
    return _LIMIT_S + _LIMIT_PER_S * seconds


def encode_files(
    chunk: Chunk,
    *,
    model: ModelReference,
    search: LatentSearchConfig,
    bitrate: float | None,
    quality: int | None,
    salvage: bool,
) -> list[Done[Encoded] | InputError]:
    """Write recordings as .sae files, see `encode_recording`; return what each became, or why it cannot be used."""
    encoder = Encoder(model.load(), search)
    encode = partial(encode_recording, bitrate=bitrate, quality=quality, salvage=salvage)

    def do(item: FileItem) -> Done[Encoded]:
        note = describe(item.path, salvage=salvage).note
        return Done(encode(item.path, encoder, item.output), note)

    return attempt(do, chunk)


def decode_files(chunk: Chunk, *, model: ModelReference) -> list[Done[Decoded] | InputError]:
    """Write the sound of .sae files as WAV files; return what each became, or why it cannot be used."""
    decode, codec = partial(decode_recording, inversion=InversionConfig()), model.load()
    return attempt(lambda item: Done(decode(item.path, codec, item.output)), chunk)


def reconstruct_files(
    chunk: Chunk, *, model: ModelReference, bitrate: float | None, salvage: bool
) -> list[Done[Encoded | None] | InputError]:
    """Write reconstructions, see `reconstruct_file`; return what each recording became, or why it cannot be used."""
    encoder = prediction_encoder(model.load(), bitrate)

    def do(item: FileItem) -> Done[Encoded | None]:
        note = describe(item.path, salvage=salvage).note
        return Done(reconstruct_file(item.path, item.output, encoder=encoder, bitrate=bitrate, salvage=salvage), note)

    return attempt(do, chunk)


def prediction_encoder(model: TrainedModel, bitrate: float | None) -> Encoder:
    """Return the encoder that a prediction uses, with a bitrate that of a codec."""
    return Encoder(model, CODEC_SEARCH if bitrate else LatentSearchConfig())


def reconstruct_file(
    path: Path,
    output: Path,
    *,
    encoder: Encoder,
    bitrate: float | None,
    salvage: bool,
    workers: int = 1,
    watch: Watch = ignore_block,
    tick: Tick = ignore_seconds,
) -> Encoded | None:
    """Write the reconstruction of a recording as a WAV file, see `reconstruct_recording`.

    With a bitrate (kbit/s), it is decoded from a .sae file that is written beside it, and described by the result.
    """
    if bitrate is None:
        reconstruct_recording(
            path, encoder, InversionConfig(), output, salvage=salvage, workers=workers, watch=watch, tick=tick
        )
        return None
    encoded_path = output.with_suffix(SUFFIX)
    encoded = encode_recording(path, encoder, encoded_path, bitrate=bitrate, salvage=salvage, watch=watch)
    decode_recording(encoded_path, encoder.model, output, InversionConfig(), watch=watch, tick=tick)
    return encoded

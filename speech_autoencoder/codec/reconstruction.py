"""The whole system: recording -> features -> network -> inversion -> waveform, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.inversion import invert_stream
from speech_autoencoder.audio.reading import describe, read_stream
from speech_autoencoder.audio.resampling import resample_stream
from speech_autoencoder.audio.writing import write_stream
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.streaming import decode_stream, encode_stream
from speech_autoencoder.config import FeatureConfig, InversionConfig

# Called with a kind ("mel", "reconstructed_mel" or "waveform") and a block of it as it passes.
Watch = Callable[[str, np.ndarray], None]
# Called with the seconds of sound that were just processed.
Tick = Callable[[float], object]


def ignore_block(kind: str, block: np.ndarray) -> None:
    """Do nothing: the default Watch."""


def ignore_seconds(seconds: float) -> None:
    """Do nothing: the default Tick."""


def reconstruct_stream(encoder: Encoder, chunks: Iterable[np.ndarray], *, workers: int = 1) -> Iterator[np.ndarray]:
    """Yield what the network makes of normalised log-mel that arrives in chunks, as many frames in all.

    The chunks are such as the encoder takes, the output is (n_channels, k). `workers` is the number of threads of
    `encode_stream`.
    """
    n_received = n_yielded = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal n_received
        for chunk in chunks:
            n_received += chunk.shape[1]
            yield chunk

    for output in decode_stream(encoder.model, encode_stream(encoder, counted(), workers=workers)):
        # The last latent may reach beyond the end, which is known by then.
        yield output[:, : n_received - n_yielded]
        n_yielded += output.shape[1]


def reconstruct(encoder: Encoder, frames: np.ndarray) -> np.ndarray:
    """Return what the network makes of normalised log-mel, (n_channels, n_frames) in [0, 1]."""
    nothing = np.empty((encoder.model.config.n_channels, 0), np.float32)
    return np.concatenate([nothing, *reconstruct_stream(encoder, [frames])], axis=1)


def to_waveform(
    chunks: Iterable[np.ndarray], features: FeatureConfig, inversion: InversionConfig, sr: int, n_samples: int
) -> Iterator[np.ndarray]:
    """Yield the waveform, n_samples at sr Hz in blocks, of normalised log-mel; its chunks are as in `invert_stream`."""
    return resample_stream(invert_stream(chunks, features, inversion), features.sr, sr, n_samples)


def watching(
    watch: Watch, tick: Tick, sr: int, n_mels: int
) -> Callable[[str, Iterable[np.ndarray]], Iterator[np.ndarray]]:
    """Return a function (kind, blocks) that yields the blocks, and reports each to `watch`, without frames between.

    The seconds of blocks of the kind "waveform", at sr Hz, are reported to `tick`.
    """

    def watched(kind: str, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            watch(kind, block if kind == "waveform" else block[:n_mels])
            yield block
            if kind == "waveform":
                tick(len(block) / sr)

    return watched


def reconstruct_recording(
    path: Path,
    encoder: Encoder,
    inversion: InversionConfig,
    output_path: Path,
    *,
    salvage: bool = False,
    workers: int = 1,
    watch: Watch = ignore_block,
    tick: Tick = ignore_seconds,
) -> int:
    """Send the recording at `path` through the network, and write it as a WAV file of its own rate and length.

    Parameters
    ----------
    salvage : bool
        Use what can be decoded of a recording that is not whole.
    workers : int
        Parts of a long recording whose latents are searched at the same time, while the sound of earlier ones is made.
    watch : Watch
        Is called with what passes: "mel" and "reconstructed_mel" chunks, "waveform" blocks.
    tick : Tick
        Is called with the seconds of sound that were just written.

    Returns
    -------
    int
        The count of samples written.

    Raises
    ------
    InputError
        If path is not a usable recording, or output_path cannot be written.
    """
    recording = describe(path, salvage=salvage)
    features = encoder.model.features

    watched = watching(watch, tick, recording.sr, features.n_mels)
    mel = encoder.log_mel_stream(read_stream(path, features.sr, salvage=salvage))
    output = watched("reconstructed_mel", reconstruct_stream(encoder, watched("mel", mel), workers=workers))
    waveform = to_waveform(output, features, inversion, recording.sr, recording.n_samples)
    return write_stream(output_path, watched("waveform", waveform), recording.sr)

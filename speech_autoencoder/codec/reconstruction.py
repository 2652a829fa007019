"""The whole system: recording -> features -> model -> inversion -> waveform, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.inversion import invert_stream
from speech_autoencoder.audio.log_mel import mel_spectrogram_stream, normalise
from speech_autoencoder.audio.reading import describe, read_stream
from speech_autoencoder.audio.resampling import resample_stream
from speech_autoencoder.audio.writing import write_stream
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import FeatureConfig, InversionConfig
from speech_autoencoder.model.architecture import context_latents
from speech_autoencoder.model.model_file import TrainedModel

# Frames whose latents are found, or decoded, at once: a multiple of every length of a latent.
PART_FRAMES = 2_048


def encode_stream(encoder: Encoder, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Chunks (k, latent_size) of the latent of normalised log-mel that arrives in chunks (n_mels, k)."""
    config = encoder.model.config
    part, context = PART_FRAMES, context_latents(config) * config.frames_per_latent
    pending, before = np.empty((config.n_mels, 0), np.float32), 0
    for chunk in chunks:
        pending = np.concatenate([pending, chunk], axis=1)
        while pending.shape[1] >= before + part + context:
            skip = before // config.frames_per_latent
            yield encoder(pending[:, : before + part + context])[skip : skip + part // config.frames_per_latent]
            pending = pending[:, before + part - context :]
            before = context
    if pending.shape[1] > before:
        yield encoder(pending)[before // config.frames_per_latent :]


def decode_stream(model: TrainedModel, latents: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Chunks (n_mels, k) of normalised log-mel of a latent that arrives in chunks (k, latent_size)."""
    config = model.config
    step, context = config.frames_per_latent, context_latents(config)
    part = PART_FRAMES // step
    pending, before = np.empty((0, config.latent_size), np.float32), 0
    for latent in latents:
        pending = np.concatenate([pending, latent])
        while len(pending) >= before + part + context:
            output = model.network.decode(pending[: before + part + context])
            yield output[:, before * step : (before + part) * step]
            pending = pending[before + part - context :]
            before = context
    if len(pending) > before:
        yield model.network.decode(pending)[:, before * step :]


def reconstruct_stream(encoder: Encoder, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Chunks (n_mels, k) of what the model makes of normalised log-mel that arrives in chunks, as many frames."""
    n_given = n_made = 0

    def counted():
        nonlocal n_given
        for chunk in chunks:
            n_given += chunk.shape[1]
            yield chunk

    for output in decode_stream(encoder.model, encode_stream(encoder, counted())):
        # The latent's last step may reach beyond the end, which is known by then.
        yield output[:, : n_given - n_made]
        n_made += output.shape[1]


def reconstruct(encoder: Encoder, frames: np.ndarray) -> np.ndarray:
    """Normalised log-mel (n_mels, n_frames) -> what the model makes of it, same shape, in [0, 1]."""
    return np.concatenate([frames[:, :0], *reconstruct_stream(encoder, [frames])], axis=1)


def to_waveform(
    chunks: Iterable[np.ndarray], features: FeatureConfig, inversion: InversionConfig, sr: int, n_samples: int
) -> Iterator[np.ndarray]:
    """Blocks of the waveform at sr Hz, n_samples in all, of normalised log-mel that arrives in chunks."""
    return resample_stream(invert_stream(chunks, features, inversion), features.sr, sr, n_samples)


def watching(
    watch: Callable[[str, np.ndarray], None], tick: Callable[[float], object], sr: int
) -> Callable[[str, Iterable[np.ndarray]], Iterator[np.ndarray]]:
    """A function (kind, blocks) -> the blocks, each shown to watch; "waveform" blocks at sr Hz make tick go on, too."""

    def watched(kind, blocks):
        for block in blocks:
            watch(kind, block)
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
    watch: Callable[[str, np.ndarray], None] = lambda kind, block: None,
    tick: Callable[[float], object] = lambda seconds: None,
) -> int:
    """The count of samples written to output_path: the recording through the model, at its own rate and length.

    watch(kind, block) is shown what passes: "mel" and "reconstructed_mel" chunks, "waveform" blocks written;
    tick(seconds) is told how much sound has just been made.
    Raises InputError when path is no usable recording or output_path cannot be written.
    """
    recording = describe(path)
    features = encoder.model.features

    watched = watching(watch, tick, recording.sr)
    mel = (normalise(chunk, features) for chunk in mel_spectrogram_stream(read_stream(path, features.sr), features))
    output = watched("reconstructed_mel", reconstruct_stream(encoder, watched("mel", mel)))
    waveform = to_waveform(output, features, inversion, recording.sr, recording.n_samples)
    return write_stream(output_path, watched("waveform", waveform), recording.sr)

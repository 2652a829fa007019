"""Waveform <-> latents, of any length and in bounded memory: what commands and the Python API share."""

from collections.abc import Iterable, Iterator

import numpy as np

from speech_autoencoder.audio.decoding import BLOCK_SAMPLES
from speech_autoencoder.audio.resampling import resample_recording, resampled_length
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import to_waveform
from speech_autoencoder.codec.streaming import decode_stream, encode_stream
from speech_autoencoder.config import FeatureConfig, InversionConfig, ModelConfig
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.system.integers import ceil_div


def count_latents(n_samples: int, sr: int, features: FeatureConfig, config: ModelConfig) -> int:
    """Return how many latents `encode_waveform` yields for a waveform of n_samples at sr Hz."""
    return ceil_div(features.count_frames(resampled_length(n_samples, sr, features.sr)), config.frames_per_latent)


def encode_waveform(
    encoder: Encoder, blocks: Iterable[np.ndarray], sr: int, *, workers: int = 1
) -> Iterator[np.ndarray]:
    """Yield the latents of a mono waveform that arrives in blocks; to the last bit, they do not depend on the blocks.

    Parameters
    ----------
    blocks : iterable of np.ndarray, each (n_samples,) float32
        At sr Hz, at least one sample in all.
    workers : int
        The threads of `encode_stream`.

    Yields
    ------
    np.ndarray, (k, latent_size) float32
        `count_latents` rows in all.
    """
    features = encoder.model.features
    resampled = resample_recording(_of_equal_length(blocks), sr, features.sr)
    return encode_stream(encoder, encoder.log_mel_stream(resampled), workers=workers)


def decode_waveform(
    model: TrainedModel, latents: Iterable[np.ndarray], sr: int, n_samples: int, inversion: InversionConfig
) -> Iterator[np.ndarray]:
    """Yield the waveform of latents that arrive in chunks (k, latent_size): the inverse of `encode_waveform`.

    Yields
    ------
    np.ndarray, (k,) float32
        At sr Hz, n_samples in all. What the latents do not reach is silent.
    """
    n_frames = model.features.count_frames(resampled_length(n_samples, sr, model.features.sr))
    frames = first_frames(decode_stream(model, latents), n_frames)
    return to_waveform(frames, model.features, inversion, sr, n_samples)


def first_frames(chunks: Iterable[np.ndarray], n_frames: int) -> Iterator[np.ndarray]:
    """Yield the first n_frames of chunks (n_mels, k): the last latent may reach beyond the end of the sound."""
    for chunk in chunks:
        yield chunk[:, :n_frames]
        n_frames -= chunk.shape[1]


def _of_equal_length(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield a waveform in blocks as long as those in which mono files are read.

    Products of other counts of frames would differ in their last bits.
    """
    pending = np.empty(0, np.float32)
    for block in blocks:
        pending = np.concatenate([pending, block])
        # One more: a block of nothing at the end would not be the last one of a file.
        while len(pending) > BLOCK_SAMPLES:
            yield pending[:BLOCK_SAMPLES]
            pending = pending[BLOCK_SAMPLES:]
    yield pending

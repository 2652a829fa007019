"""Recordings of any length through the network in bounded memory: frames <-> latents, part by part.

A part is encoded, or decoded, with as much context on both sides as the network can look at, so that the parts joined
are what the whole would be.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.model.architecture import context_latents
from speech_autoencoder.model.model_file import TrainedModel

# The frames of a part: a multiple of every frames_per_latent.
PART_FRAMES = 2_048


def encode_stream(encoder: Encoder, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield latents (k, latent_size) of normalised log-mel that arrives in chunks (n_mels, k)."""
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
    """Yield the normalised log-mel (n_mels, k), in [0, 1], of latents that arrive in chunks (k, latent_size)."""
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

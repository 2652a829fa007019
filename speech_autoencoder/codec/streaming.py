"""Recordings of any length through the network in bounded memory: frames <-> latents, part by part.

A part is encoded, or decoded, with as much context on both sides as the network can look at, so that the parts joined
are what the whole would be.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.model.architecture import context_latents
from speech_autoencoder.model.model_file import TrainedModel

# The frames of a part: a multiple of every frames_per_latent.
PART_FRAMES = 2_048


def encode_stream(encoder: Encoder, chunks: Iterable[np.ndarray], *, workers: int = 1) -> Iterator[np.ndarray]:
    """Yield latents (k, latent_size) of normalised log-mel that arrives in chunks, each such as the encoder takes.

    With several workers, as many parts are encoded at the same time, each in its own thread, and ahead of those who
    take the latents. The result is the same.
    """

    def encode(part: tuple[np.ndarray, slice]) -> np.ndarray:
        frames, wanted = part
        return encoder(frames)[wanted]

    parts = parts_in_context(encoder.model, chunks, PART_FRAMES)
    if workers == 1:
        yield from map(encode, parts)
        return
    pending: deque[Future] = deque()
    executor = ThreadPoolExecutor(workers)
    try:
        for part in parts:
            pending.append(executor.submit(encode, part))
            if len(pending) == workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


def parts_in_context(
    model: TrainedModel, chunks: Iterable[np.ndarray], part: int
) -> Iterator[tuple[np.ndarray, slice]]:
    """Yield the frames of each part with its context, and which of their latents are the part's.

    A part has `part` frames, a multiple of those of a latent; the last one has the rest.
    """
    config = model.config
    context = context_latents(config) * config.frames_per_latent
    pending, before = np.empty((0, 0), np.float32), 0
    for chunk in chunks:
        pending = np.concatenate([pending, chunk], axis=1) if pending.size else chunk
        while pending.shape[1] >= before + part + context:
            skip = before // config.frames_per_latent
            yield pending[:, : before + part + context], slice(skip, skip + part // config.frames_per_latent)
            pending = pending[:, before + part - context :]
            before = context
    while pending.shape[1] > before:
        skip = before // config.frames_per_latent
        yield pending, slice(skip, skip + part // config.frames_per_latent)
        pending = pending[:, max(before + part - context, 0) :]
        before = context


def decode_stream(model: TrainedModel, latents: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the normalised log-mel (n_channels, k), in [0, 1], of latents that arrive in chunks (k, latent_size)."""
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

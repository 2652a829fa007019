"""The PCA baseline: a linear auto-encoder of blocks of log-mel, which the network starts at, and must beat."""

from dataclasses import dataclass

import numpy as np

from speech_autoencoder.config import FeatureConfig, latent_rate
from speech_autoencoder.data.dataset import Dataset

# The components are fitted on about this many frames: more make no measurable difference.
_MAX_FRAMES = 1_000_000
# Recordings, and blocks of them, that are held in memory at once.
_RECORDINGS_AT_ONCE = 512
_BLOCKS_AT_ONCE = 32_768
# Variances are raised to this, so that components without variance, of which a tiny corpus has many, are finite.
_LEAST_VARIANCE = 1e-8


@dataclass(frozen=True)
class PCA:
    """Principal components of blocks of frames, scaled to a variance of 1.

    Attributes
    ----------
    frames_per_latent : int
        The frames of a block.
    encode : np.ndarray
        (frames_per_latent * n_mels, latent_size).
    decode : np.ndarray
        (latent_size, frames_per_latent * n_mels).
    offset : np.ndarray
        (frames_per_latent * n_mels,), the mean block.
    """

    frames_per_latent: int
    encode: np.ndarray
    decode: np.ndarray
    offset: np.ndarray

    def latent_rate(self, features: FeatureConfig) -> float:
        """Return the values per second of its latent."""
        return latent_rate(features, self.frames_per_latent, self.encode.shape[1])

    def reconstruct(self, frames: np.ndarray) -> np.ndarray:
        """Return normalised log-mel (n_mels, n_frames) encoded and decoded, clipped to [0, 1]."""
        return self.to_frames(self.to_latents(frames), frames.shape[1])

    def to_latents(self, frames: np.ndarray) -> np.ndarray:
        """Return the latents (n_latents, latent_size) of normalised log-mel (n_mels, n_frames)."""
        return (to_blocks(frames, self.frames_per_latent) - self.offset) @ self.encode

    def to_frames(self, latents: np.ndarray, n_frames: int) -> np.ndarray:
        """Return the normalised log-mel (n_mels, n_frames), clipped to [0, 1], of latents: the inverse of the above."""
        blocks = latents @ self.decode + self.offset
        return np.clip(blocks.reshape(-1, len(self.offset) // self.frames_per_latent)[:n_frames].T, 0, 1)


def to_blocks(frames: np.ndarray, frames_per_latent: int, shift: int = 0) -> np.ndarray:
    """Cut frames (n_mels, n_frames) into blocks (n_blocks, frames_per_latent * n_mels).

    `shift` frames of silence come first; the last block is filled with silence.
    """
    n_frames = frames.shape[1] + shift
    padded = np.pad(frames, ((0, 0), (shift, -n_frames % frames_per_latent)))
    return np.ascontiguousarray(padded.T).reshape(-1, frames_per_latent * frames.shape[0])


def fit(dataset: Dataset, recordings: np.ndarray, frames_per_latent: int, latent_size: int) -> PCA:
    """Fit the components to recordings (indices), whose blocks begin at every shift in turn.

    Pearson (1901), by the eigenvectors of the covariance, which is accumulated recording by recording.
    """
    n_values = frames_per_latent * dataset.features.n_mels
    total, products, count = np.zeros(n_values), np.zeros((n_values, n_values)), 0
    n_frames = dataset.n_frames[recordings].sum()
    some = recordings[:: max(1, int(n_frames / _MAX_FRAMES))]
    pending: list[np.ndarray] = []
    for number, recording in enumerate(some):
        pending.append(to_blocks(dataset.frames(recording), frames_per_latent, shift=number % frames_per_latent))
        is_full = len(pending) == _RECORDINGS_AT_ONCE or sum(map(len, pending)) >= _BLOCKS_AT_ONCE
        if is_full or number == len(some) - 1:
            joined = np.concatenate(pending)
            pending = []
            for start in range(0, len(joined), _BLOCKS_AT_ONCE):
                blocks = joined[start : start + _BLOCKS_AT_ONCE].astype(np.float64)
                total += blocks.sum(axis=0)
                products += blocks.T @ blocks
                count += len(blocks)
    mean = total / count
    values, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    scale = np.sqrt(np.maximum(values[::-1][:latent_size], _LEAST_VARIANCE))
    vectors = vectors[:, ::-1][:, :latent_size]
    return PCA(
        frames_per_latent,
        (vectors / scale).astype(np.float32),
        (vectors * scale).T.astype(np.float32),
        mean.astype(np.float32),
    )

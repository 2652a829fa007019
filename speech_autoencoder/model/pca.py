"""The linear auto-encoder, PCA of blocks of log-mel: the floor that the CNN must beat, and its start."""

from dataclasses import dataclass

import numpy as np

from speech_autoencoder.data.dataset import Dataset

# Frames that the components are fitted on, about: more change nothing that one could measure.
_MOST_FRAMES = 1_000_000


@dataclass(frozen=True)
class PCA:
    """Components of blocks of frames_per_latent frames, whitened.

    encode: (n, frames_per_latent * n_mels) -> (n, latent_size), decode: back; offset is added last.
    """

    frames_per_latent: int
    encode: np.ndarray
    decode: np.ndarray
    offset: np.ndarray

    def reconstruct(self, frames: np.ndarray) -> np.ndarray:
        """Normalised log-mel (n_mels, n_frames) -> the same through the latent, in [0, 1]."""
        blocks = to_blocks(frames, self.frames_per_latent)
        blocks = (blocks - self.offset) @ self.encode @ self.decode + self.offset
        return np.clip(blocks.reshape(-1, frames.shape[0])[: frames.shape[1]].T, 0, 1)


def to_blocks(frames: np.ndarray, frames_per_latent: int, shift: int = 0) -> np.ndarray:
    """Frames (n_mels, n) -> blocks (n_blocks, frames_per_latent * n_mels), after `shift` frames of silence."""
    n = frames.shape[1] + shift
    padded = np.pad(frames, ((0, 0), (shift, -n % frames_per_latent)))
    return np.ascontiguousarray(padded.T).reshape(-1, frames_per_latent * frames.shape[0])


def fit(dataset: Dataset, recordings: np.ndarray, frames_per_latent: int, latent_size: int) -> PCA:
    """The components of these recordings of the dataset (indices), whose blocks start at every shift in turn.

    Pearson (1901); by the eigenvectors of the covariance, gathered one recording at a time.
    """
    n_values = frames_per_latent * dataset.features.n_mels
    total, products, count = np.zeros(n_values), np.zeros((n_values, n_values)), 0
    pending = []
    n_frames = dataset.n_frames[recordings].sum()
    every = max(1, int(n_frames / _MOST_FRAMES))
    for number, recording in enumerate(recordings[::every]):
        pending.append(to_blocks(dataset.frames(recording), frames_per_latent, shift=number % frames_per_latent))
        if number % 512 == 511 or number == len(recordings[::every]) - 1:
            blocks = np.concatenate(pending).astype(np.float64)
            pending = []
            total += blocks.sum(axis=0)
            products += blocks.T @ blocks
            count += len(blocks)
    mean = total / count
    values, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    # Components without variance (a tiny corpus has many) must not be scaled to infinity.
    scale = np.sqrt(np.maximum(values[::-1][:latent_size], 1e-8))
    vectors = vectors[:, ::-1][:, :latent_size]
    return PCA(
        frames_per_latent,
        (vectors / scale).astype(np.float32),
        (vectors * scale).T.astype(np.float32),
        mean.astype(np.float32),
    )

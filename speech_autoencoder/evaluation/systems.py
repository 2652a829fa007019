"""The systems that are compared on the same recordings: each a record beside the function that returns its log-mel.

To add one, write its function and its record, and list it in `SYSTEMS`. Codecs, which have no log-mel, are in
`other_codecs`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct, to_waveform
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.model.model_file import TrainedModel

ORIGINAL = "original"  # the key of the recordings themselves, beside those of the systems
OTHER = "other"  # the key of another model to compare with


@dataclass(frozen=True, kw_only=True)
class System:
    """A function from a recording's log-mel to another, and its names.

    Attributes
    ----------
    key
        Its name in evaluation.json.
    title, short_title, explanation
        Its names in tables and in figures, and an explanation for tables with room for it.
    colour
        Its colour in figures.
    log_mel
        Its function of the model's encoder and a normalised log-mel (n_mels, n_frames), which returns another.
    latent_rate
        The values per second of its latent, given the model; None if it has no latent.
    changes_log_mel
        Whether its log-mel differs from the original's.
    """

    key: str
    title: str
    short_title: str
    explanation: str = ""
    colour: str
    log_mel: Callable[[Encoder, np.ndarray], np.ndarray]
    latent_rate: Callable[[TrainedModel], float | None] = lambda model: None
    changes_log_mel: bool = True


def _through_pca(encoder: Encoder, frames: np.ndarray) -> np.ndarray:
    """Return the log-mel that the PCA baseline of the model's file reconstructs."""
    return encoder.model.baseline.reconstruct(frames)


def _unchanged(encoder: Encoder, frames: np.ndarray) -> np.ndarray:
    return frames


MODEL = System(
    key="model",
    title="the model",
    short_title="model",
    colour="#0072b2",
    log_mel=reconstruct,
    latent_rate=lambda model: model.latent_rate,
)
PCA = System(
    key="pca",
    title="PCA baseline",
    short_title="PCA",
    colour="#999999",
    explanation="linear, same latent rate",
    log_mel=_through_pca,
    latent_rate=lambda model: model.baseline.latent_rate(model.features),
)
COPY_SYNTHESIS = System(
    key="copy_synthesis",
    title="copy-synthesis",
    short_title="copy-synthesis",
    colour="#009e73",
    explanation="no model in between",
    log_mel=_unchanged,
    changes_log_mel=False,
)
SYSTEMS: dict[str, System] = {system.key: system for system in (MODEL, PCA, COPY_SYNTHESIS)}


def other_model(other: Encoder) -> System:
    """Return another model, of the same features, as a system."""
    return System(
        key=OTHER,
        title="the other model",
        short_title="other",
        colour="#d55e00",
        log_mel=lambda encoder, frames: reconstruct(other, frames),
        latent_rate=lambda model: other.model.latent_rate,
    )


def waveform_of(dataset: Dataset, recording: int, log_mel: np.ndarray, inversion: InversionConfig) -> np.ndarray:
    """Return a waveform (n_samples,) of a normalised log-mel, of the recording's own rate and length."""
    sr, n_samples = int(dataset.sr[recording]), int(dataset.n_samples[recording])
    return np.concatenate(list(to_waveform([log_mel], dataset.features, inversion, sr, n_samples)))

"""The systems that are compared on the same recordings: each a record beside its two functions, of which one encodes.

To add one, write its functions and its record, and list it in `SYSTEMS`. Codecs, which have no log-mel, are in
`codecs/`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import to_waveform
from speech_autoencoder.codec.streaming import decode_stream, encode_stream
from speech_autoencoder.codec.waveforms import first_frames
from speech_autoencoder.config import FeatureConfig, InversionConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.model.model_file import TrainedModel

ORIGINAL = "original"  # the key of the recordings themselves, beside those of the systems
ORIGINAL_TITLE = "the originals"
OTHER = "other"  # the key of another model to compare with


@dataclass(frozen=True, kw_only=True)
class System:
    """A function from a recording's log-mel to what a system keeps of it, one from that to a log-mel, and its names.

    Attributes
    ----------
    key
        Its name in evaluation.json.
    title, short_title, explanation
        Its names in tables and in figures, and an explanation for tables with room for it.
    colour
        Its colour in figures.
    encode
        Its function of the model's encoder and a normalised log-mel (n_mels, n_frames), which returns what it keeps:
        latents (n_latents, size), or frames (n_frames, n_mels) if it has no latent.
    decode
        Its function of the model's encoder, of that and of n_frames, which returns a log-mel (n_mels, n_frames), or
        (2 * n_mels, n_frames) with the frames between (`audio.between`).
    sees_between
        Whether `encode` is also given the frames between, where the features lack them and the recording is there.
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
    encode: Callable[[Encoder, np.ndarray], np.ndarray]
    decode: Callable[[Encoder, np.ndarray, int], np.ndarray]
    latent_rate: Callable[[TrainedModel], float | None] = lambda model: None
    changes_log_mel: bool = True
    sees_between: bool = False

    def frame_ms(self, features: FeatureConfig) -> float:
        """Return the distance of the frames that it is given of recordings that are there, in milliseconds."""
        sees_between = self.sees_between and features.lacks_between
        return 1_000 / (features.finer if sees_between else features).frame_rate

    def log_mel(self, encoder: Encoder, frames: np.ndarray) -> np.ndarray:
        """Return the log-mel that the system makes of a normalised one (n_mels, n_frames), as `decode` does."""
        return self.decode(encoder, self.encode(encoder, frames), frames.shape[1])


def _encode(encoder: Encoder, frames: np.ndarray) -> np.ndarray:
    """Return the model's latents (n_latents, latent_size), after the latent search."""
    return np.concatenate(list(encode_stream(encoder, [frames])))


def _decode(encoder: Encoder, latents: np.ndarray, n_frames: int) -> np.ndarray:
    """Return the log-mel that the model's decoder makes of latents."""
    return np.concatenate(list(first_frames(decode_stream(encoder.model, [latents]), n_frames)), axis=1)


MODEL = System(
    key="model",
    title="the model",
    short_title="model",
    colour="#0072b2",
    encode=_encode,
    decode=_decode,
    latent_rate=lambda model: model.latent_rate,
    sees_between=True,
)
PCA = System(
    key="pca",
    title="PCA baseline",
    short_title="PCA",
    colour="#999999",
    explanation="linear, same latent rate",
    encode=lambda encoder, frames: encoder.model.baseline.to_latents(frames),
    decode=lambda encoder, latents, n_frames: encoder.model.baseline.to_frames(latents, n_frames),
    latent_rate=lambda model: model.baseline.latent_rate(model.features),
)
COPY_SYNTHESIS = System(
    key="copy_synthesis",
    title="copy-synthesis",
    short_title="copy-synthesis",
    colour="#009e73",
    explanation="no model in between",
    encode=lambda encoder, frames: frames.T,
    decode=lambda encoder, frames, n_frames: frames.T,
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
        encode=lambda encoder, frames: _encode(other, frames),
        decode=lambda encoder, latents, n_frames: _decode(other, latents, n_frames),
        latent_rate=lambda model: other.model.latent_rate,
        sees_between=True,
    )


def waveform_of(dataset: Dataset, recording: int, log_mel: np.ndarray, inversion: InversionConfig) -> np.ndarray:
    """Return a waveform (n_samples,) of a normalised log-mel, of the recording's own rate and length."""
    sr, n_samples = int(dataset.sr[recording]), int(dataset.n_samples[recording])
    return np.concatenate(list(to_waveform([log_mel], dataset.features, inversion, sr, n_samples)))

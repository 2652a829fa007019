"""A trained model, its floor and its ceiling, heard on testing recordings: the numbers behind a row of the table."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from benchmarks.quality.scoring import Values, segments_of, values_of
from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct, to_waveform
from speech_autoencoder.config import InversionConfig, LatentSearchConfig, ModelConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.evaluation.scoring import SYSTEMS
from speech_autoencoder.evaluation.words import WordRecogniser
from speech_autoencoder.model.keras_network import build, start_at_pca, to_network
from speech_autoencoder.system.integers import ceil_div

# The search for a latent is part of the encoder: what it is worth, with the network and with PCA, is told apart.
HEARD = SYSTEMS | {"encoder": "the model, latent not searched", "searched_floor": "PCA, latent searched"}


@dataclass(frozen=True)
class Heard:
    """What was measured on some testing recordings: Values by system, how much there was to hear, what it cost.

    seconds is the duration of all recordings, n_numbers the latent numbers that they took, the last step of each
    counted whole; reconstruction_s is the time that the model's sound took with all workers together.
    """

    values: dict[str, Values]
    n_recordings: int
    n_segments: int
    seconds: float
    n_numbers: int
    reconstruction_s: float


def measure(dataset: Dataset, encoder: Encoder, *, recogniser: WordRecogniser | None, workers: int) -> Heard:
    """What is heard of the dataset's recordings through each of HEARD."""
    waveforms, reconstruction_s = sounds(dataset, encoder, workers=workers)
    config = encoder.model.config
    return Heard(
        values=judge(dataset, waveforms, recogniser=recogniser, workers=workers),
        n_recordings=len(dataset.names),
        n_segments=len(segments_of(dataset.names, dataset.n_samples / dataset.sr)),
        seconds=float((dataset.n_samples / dataset.sr).sum()),
        n_numbers=int(ceil_div(dataset.n_frames, config.frames_per_latent).sum()) * config.latent_size,
        reconstruction_s=reconstruction_s,
    )


def judge(
    dataset: Dataset, waveforms: dict[str, list[np.ndarray]], *, recogniser: WordRecogniser | None, workers: int
) -> dict[str, Values]:
    """Values by system of waveforms by system, one a recording at its own rate and length."""
    sr = int(dataset.sr.max())
    at_sr = partial(_at_sr, rates=dataset.sr, sr=sr)
    references = at_sr([read(dataset.path(i)) for i in range(len(dataset.names))])
    strings = segments_of(dataset.names, dataset.n_samples / dataset.sr)
    common = {"names": dataset.names, "sr": sr, "strings": strings, "recogniser": recogniser, "workers": workers}
    return {system: values_of(references, at_sr(heard), **common) for system, heard in waveforms.items()}


def sounds(dataset: Dataset, encoder: Encoder, *, workers: int) -> tuple[dict[str, list[np.ndarray]], float]:
    """(waveforms by system, one a recording at its own rate and length; the seconds that the model's took)."""
    features, inversion = encoder.model.features, InversionConfig()
    plain, floor = Encoder(encoder.model, LatentSearchConfig(steps=0)), encoder.model.baseline
    linear = ModelConfig(features.n_mels, floor.frames_per_latent, len(floor.decode))
    untrained = build(linear)
    start_at_pca(untrained, linear, floor)
    searched = Encoder(replace(encoder.model, network=to_network(untrained, linear)), encoder.config)
    systems = {
        "model": lambda frames: reconstruct(encoder, frames),
        "pca": floor.reconstruct,
        "copy_synthesis": lambda frames: frames,
        "encoder": lambda frames: reconstruct(plain, frames),
        "searched_floor": lambda frames: reconstruct(searched, frames),
    }

    def sound(i, system):
        sr, n_samples = int(dataset.sr[i]), int(dataset.n_samples[i])
        blocks = to_waveform([systems[system](dataset.frames(i))], features, inversion, sr, n_samples)
        return in_16_bits(np.concatenate(list(blocks)))

    waveforms, seconds = {}, {}
    with ThreadPoolExecutor(workers) as executor:
        for system in systems:
            start = time.monotonic()
            waveforms[system] = list(executor.map(partial(sound, system=system), range(len(dataset.names))))
            seconds[system] = time.monotonic() - start
    return waveforms, seconds["model"]


def in_16_bits(waveform: np.ndarray) -> np.ndarray:
    """The waveform as a file of 16 bits holds it."""
    return (np.round(np.clip(waveform, -1, 1) * 32_767) / 32_767).astype(np.float32)


def _at_sr(waveforms, *, rates, sr):
    """The waveforms at one rate."""
    return [resample(w, int(own), sr) for w, own in zip(waveforms, rates, strict=True)]

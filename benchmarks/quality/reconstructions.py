"""Testing recordings through a trained model, the PCA baseline and copy-synthesis, and their scores."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from benchmarks.quality.recogniser import Recognitions
from benchmarks.quality.scoring import Values, in_16_bits, values_of
from benchmarks.quality.segments import segments_of
from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct
from speech_autoencoder.config import InversionConfig, LatentSearchConfig, ModelConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.evaluation import systems
from speech_autoencoder.system.integers import ceil_div

# {system: its name in tables}. The latent search is part of the encoder; what it is worth, with the network and with
# PCA, is shown separately, and so is what the model makes of clips where recordings tell it more.
SYSTEMS = {key: system.title for key, system in systems.SYSTEMS.items()} | {
    "encoder": "the model, no latent search",
    "searched_pca": "PCA, with latent search",
    "clips": "the model, clips alone",
}


# Those of them that are given the frames between (audio.between) of recordings, where features lack these.
_SEE_BETWEEN = {key for key, system in systems.SYSTEMS.items() if system.sees_between} | {"encoder", "searched_pca"}

Reconstruct = Callable[[np.ndarray], np.ndarray]  # normalised log-mel (n_mels, n_frames) -> its reconstruction


@dataclass(frozen=True)
class Measured:
    """What was measured on some testing recordings.

    Attributes
    ----------
    values
        Values by system.
    n_recordings, n_segments
        Their counts.
    seconds
        The duration of all recordings.
    n_values
        The latent values of all recordings, the last latent of each counted in full.
    reconstruction_s
        The time that the model's reconstructions took, with all workers together.
    """

    values: dict[str, Values]
    n_recordings: int
    n_segments: int
    seconds: float
    n_values: int
    reconstruction_s: float


def measure(
    dataset: Dataset, encoder: Encoder, *, recognitions: Recognitions, also: Sequence[str] = (), workers: int
) -> Measured:
    """Reconstruct the dataset's recordings with SYSTEMS and score them, with the metrics of `also` too.

    Where the features do not lack the frames between, there is no row for clips alone: it would be the model's.
    """
    waveforms, reconstruction_s = reconstruct_all(dataset, encoder, workers=workers)
    config = encoder.model.config
    return Measured(
        values=score_waveforms(dataset, waveforms, recognitions=recognitions, also=also, workers=workers),
        n_recordings=len(dataset.names),
        n_segments=len(segments_of(dataset.names, dataset.n_samples / dataset.sr)),
        seconds=float((dataset.n_samples / dataset.sr).sum()),
        n_values=int(ceil_div(dataset.n_frames, config.frames_per_latent).sum()) * config.latent_size,
        reconstruction_s=reconstruction_s,
    )


def score_waveforms(
    dataset: Dataset,
    waveforms: dict[str, list[np.ndarray]],
    *,
    recognitions: Recognitions,
    also: Sequence[str] = (),
    workers: int,
) -> dict[str, Values]:
    """Return Values by system, of waveforms by system: one for each recording, at its own rate and length."""
    sr = int(dataset.sr.max())

    def at_sr(recordings: list[np.ndarray]) -> list[np.ndarray]:
        return [resample(waveform, int(own), sr) for waveform, own in zip(recordings, dataset.sr, strict=True)]

    references = at_sr([read(dataset.path(i)) for i in range(len(dataset.names))])
    segments = segments_of(dataset.names, dataset.n_samples / dataset.sr)
    return {
        system: values_of(
            references,
            at_sr(estimates),
            names=dataset.names,
            sr=sr,
            segments=segments,
            recognitions=recognitions,
            also=also,
            workers=workers,
        )
        for system, estimates in waveforms.items()
    }


def reconstruct_all(dataset: Dataset, encoder: Encoder, *, workers: int) -> tuple[dict[str, list[np.ndarray]], float]:
    """Return the waveforms of each system, one for each recording, and the seconds that the model's took."""
    inversion = InversionConfig()

    def sound(i: int, name: str, system: Reconstruct) -> np.ndarray:
        frames = dataset.frames(i)
        if name in _SEE_BETWEEN and dataset.features.lacks_between:
            frames = np.concatenate([frames, dataset.frames_between(i, dataset.read(i))])
        return in_16_bits(systems.waveform_of(dataset, i, system(frames), inversion))

    recordings = range(len(dataset.names))
    waveforms, seconds = {}, {}
    with ThreadPoolExecutor(workers) as executor:
        for name, system in _systems(encoder).items():
            start = time.monotonic()
            waveforms[name] = list(executor.map(partial(sound, name=name, system=system), recordings))
            seconds[name] = time.monotonic() - start
    return waveforms, seconds["model"]


def _systems(encoder: Encoder) -> dict[str, Reconstruct]:
    """Return the functions of SYSTEMS."""
    # After `start_backend`, which configures TensorFlow.
    from speech_autoencoder.model.keras_network import build, start_at_pca, to_network

    plain, baseline = Encoder(encoder.model, LatentSearchConfig(steps=0)), encoder.model.baseline
    # A network that is nothing but PCA, so that the latent search can be run with PCA too.
    linear = ModelConfig(encoder.model.features.n_mels, baseline.frames_per_latent, len(baseline.decode))
    untrained = build(linear)
    start_at_pca(untrained, linear, baseline)
    searched = Encoder(replace(encoder.model, network=to_network(untrained, linear)), encoder.config)
    found = {key: partial(system.log_mel, encoder) for key, system in systems.SYSTEMS.items()} | {
        "encoder": partial(reconstruct, plain),
        "searched_pca": partial(reconstruct, searched),
    }
    return found | ({"clips": partial(reconstruct, encoder)} if encoder.model.features.lacks_between else {})

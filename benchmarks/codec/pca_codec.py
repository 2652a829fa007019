"""PCA as a codec, the floor that ours must beat: one step for all components, as few bits as their statistics allow.

No file is written: what counts as its bytes is the ideal code length by the symbols' frequencies in training, which an
arithmetic coder comes near. Silence between the recordings of a string is trained on too, as it is coded.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.codec.sound_files import files_of
from benchmarks.quality.hearing import in_16_bits
from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.codec.reconstruction import to_waveform
from speech_autoencoder.config import FeatureConfig, InversionConfig, model_config, preset
from speech_autoencoder.data import building, dataset
from speech_autoencoder.evaluation.other_codecs import Coded, System, write
from speech_autoencoder.model import pca

KILOBITS = ("0.7", "0.8", "1.2", "1.6", "2.4", "3.2", "6")
# Steps, in normalised log-mel, between which the one of a bitrate is found, and how often the gap is halved.
_STEPS, _HALVINGS = (1e-3, 10.0), 14


@dataclass(frozen=True)
class Statistics:
    """How often each component had each symbol: the code lengths in bits, from the component's lowest symbol on."""

    lowest: np.ndarray
    highest: np.ndarray
    lengths: list[np.ndarray]

    def __call__(self, symbols: np.ndarray) -> np.ndarray:
        """The bits (n,) that each row of symbols (n, n_components) takes, none of them beyond lowest or highest."""
        bits = np.zeros(len(symbols))
        for column, lowest, lengths in zip(symbols.T, self.lowest, self.lengths, strict=True):
            if len(lengths) > 1:
                bits += lengths[column - lowest]
        return bits


@dataclass(frozen=True)
class Floor:
    """PCA of whole blocks, all components kept, and the components of the training's blocks (n, n_components)."""

    features: FeatureConfig
    pca: pca.PCA
    training: np.ndarray

    @property
    def blocks_per_second(self) -> float:
        """The blocks of a second of sound."""
        return self.features.frame_rate / self.pca.frames_per_latent


def statistics(symbols: np.ndarray) -> Statistics:
    """Those of symbols (n, n_components), whole numbers; each has been seen once more than it was (Laplace)."""
    lowest, highest = symbols.min(axis=0), symbols.max(axis=0)
    lengths = []
    for column, low, high in zip(symbols.T, lowest, highest, strict=True):
        counts = np.bincount(column - low, minlength=high - low + 1) + 1
        lengths.append(-np.log2(counts / counts.sum()))
    return Statistics(lowest, highest, lengths)


def quantise(components: np.ndarray, step: float) -> np.ndarray:
    """The symbols of components: the whole number of steps next to each."""
    return np.round(components / step).astype(np.int64)


def step_for(floor: Floor, bits_per_second: float) -> float:
    """The step at which the training itself takes so many bits per second."""
    low, high = _STEPS
    for _ in range(_HALVINGS):
        step = float(np.sqrt(low * high))
        symbols = quantise(floor.training, step)
        rate = statistics(symbols)(symbols).mean() * floor.blocks_per_second
        low, high = (step, high) if rate > bits_per_second else (low, step)
    return float(np.sqrt(low * high))


def fit(training_dir: Path, sr: int) -> Floor:
    """The floor of the recordings below training_dir, in strings as those that are coded, for sound at sr Hz."""
    features = preset("fine", sr)
    frames_per_latent, _ = model_config(features, 1).baseline_shape
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "strings").mkdir()
        for i, file in enumerate(files_of(training_dir, sr)[0]):
            write(folder / "strings" / f"{i:06}.wav", file.waveform, sr)
        building.build(folder / "strings", folder / "strings.npy", features, workers=1)
        data = dataset.load(folder / "strings.npy", "")
        fitted = pca.fit(data, np.arange(len(data.names)), frames_per_latent, frames_per_latent * features.n_mels)
        blocks = [pca.to_blocks(data.frames(i), frames_per_latent) for i in range(len(data.names))]
    return Floor(features, fitted, components_of(fitted, np.concatenate(blocks)))


def components_of(fitted: pca.PCA, blocks: np.ndarray) -> np.ndarray:
    """The components (n, n_components) of blocks of log-mel, each in the log-mel's own units."""
    return (blocks - fitted.offset) @ fitted.encode * _deviations(fitted)


def system_of(floor: Floor, *, workers: int) -> System:
    """The floor as a codec to measure."""
    return System("PCA floor", KILOBITS, partial(_code_all, floor, workers))


def _code_all(floor, workers, kilobits, waveforms, sr):
    """Coded of the waveforms at about so many kbit/s."""
    step = step_for(floor, 1_000 * float(kilobits))
    lengths, step_of, features = statistics(quantise(floor.training, step)), floor.pca.frames_per_latent, floor.features

    def code(waveform):
        frames = log_mel(resample(waveform, sr, features.sr), features)
        components = components_of(floor.pca, pca.to_blocks(frames, step_of))
        symbols = np.clip(quantise(components, step), lengths.lowest, lengths.highest)
        blocks = (symbols * step / _deviations(floor.pca)) @ floor.pca.decode + floor.pca.offset
        decoded = np.clip(blocks.reshape(-1, features.n_mels)[: frames.shape[1]].T, 0, 1).astype(np.float32)
        sound = to_waveform([decoded], features, InversionConfig(), sr, len(waveform))
        return in_16_bits(np.concatenate(list(sound))), float(np.ceil(lengths(symbols).sum() / 8))

    with ThreadPoolExecutor(workers) as executor:
        outputs, n_bytes = zip(*executor.map(code, waveforms), strict=True)
    return Coded(list(outputs), list(n_bytes))


def _deviations(fitted):
    """The standard deviation of each component, by which PCA has divided it."""
    return np.linalg.norm(fitted.decode, axis=1)

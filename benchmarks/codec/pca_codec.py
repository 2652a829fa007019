"""PCA as a codec, the baseline of ours: one quantisation step for all components, the fewest bits for their statistics.

No file is written: its bytes are the ideal code length by the symbols' frequencies in training, which an arithmetic
coder comes close to. The pauses between the recordings of a segment are trained on too, as they are coded.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.codec.segment_files import files_of
from benchmarks.quality.scoring import in_16_bits
from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.codec.reconstruction import to_waveform
from speech_autoencoder.config import FeatureConfig, InversionConfig, model_config, preset
from speech_autoencoder.data import building, dataset
from speech_autoencoder.evaluation.codecs.codec import Codec, Coded
from speech_autoencoder.evaluation.codecs.sixteen_bits import write_wav
from speech_autoencoder.model import pca

NAME = "PCA baseline"
BITRATES = ("0.7", "0.8", "1.2", "1.6", "2.4", "3.2", "6")  # kbit/s
_STEPS = (1e-3, 10.0)  # in normalised log-mel, the range in which the step of a bitrate is searched
_HALVINGS = 14  # of that range, in the logarithm


@dataclass(frozen=True)
class Statistics:
    """How often each component had each symbol: the code lengths in bits, from the component's lowest symbol on."""

    lowest: np.ndarray
    highest: np.ndarray
    lengths: list[np.ndarray]

    def __call__(self, symbols: np.ndarray) -> np.ndarray:
        """Return the bits (n,) of each row of symbols (n, n_components), all between lowest and highest."""
        bits = np.zeros(len(symbols))
        for column, lowest, lengths in zip(symbols.T, self.lowest, self.lengths, strict=True):
            if len(lengths) > 1:
                bits += lengths[column - lowest]
        return bits


@dataclass(frozen=True)
class PCACodec:
    """PCA of whole blocks, all components kept, and the components of the training's blocks (n, n_components)."""

    features: FeatureConfig
    pca: pca.PCA
    training: np.ndarray

    @property
    def blocks_per_second(self) -> float:
        """The blocks of a second of sound."""
        return self.features.frame_rate / self.pca.frames_per_latent


def statistics(symbols: np.ndarray) -> Statistics:
    """Return the Statistics of integer symbols (n, n_components), each counted once more than seen (Laplace)."""
    lowest, highest = symbols.min(axis=0), symbols.max(axis=0)
    lengths = []
    for column, low, high in zip(symbols.T, lowest, highest, strict=True):
        counts = np.bincount(column - low, minlength=high - low + 1) + 1
        lengths.append(-np.log2(counts / counts.sum()))
    return Statistics(lowest, highest, lengths)


def quantise(components: np.ndarray, step: float) -> np.ndarray:
    """Return the symbols of components: each rounded to a whole number of steps."""
    return np.round(components / step).astype(np.int64)


def step_for(codec: PCACodec, bits_per_second: float) -> float:
    """Return the step at which the training itself takes this many bits per second."""
    low, high = _STEPS
    for _ in range(_HALVINGS):
        step = float(np.sqrt(low * high))
        symbols = quantise(codec.training, step)
        rate = statistics(symbols)(symbols).mean() * codec.blocks_per_second
        low, high = (step, high) if rate > bits_per_second else (low, step)
    return float(np.sqrt(low * high))


def fit(training_dir: Path, sr: int) -> PCACodec:
    """Fit PCA to the recordings below training_dir, in segments like those that are coded, for sound at sr Hz."""
    features = preset("fine", sr)
    frames_per_latent, _ = model_config(features, 1).baseline_shape
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "segments").mkdir()
        for i, file in enumerate(files_of(training_dir, sr)[0]):
            write_wav(folder / "segments" / f"{i:06}.wav", file.waveform, sr)
        building.build(folder / "segments", folder / "segments.npy", features, workers=1)
        data = dataset.load(folder / "segments.npy", "")
        fitted = pca.fit(data, np.arange(len(data.names)), frames_per_latent, frames_per_latent * features.n_mels)
        blocks = [pca.to_blocks(data.frames(i), frames_per_latent) for i in range(len(data.names))]
    return PCACodec(features, fitted, components_of(fitted, np.concatenate(blocks)))


def components_of(fitted: pca.PCA, blocks: np.ndarray) -> np.ndarray:
    """Return the components (n, n_components) of blocks of log-mel, each in the log-mel's own units."""
    return (blocks - fitted.offset) @ fitted.encode * _deviations(fitted)


def make_codec(codec: PCACodec, *, workers: int) -> Codec:
    """Return the PCA codec as one to measure."""
    return Codec(NAME, BITRATES, partial(_code_all, codec, workers))


def _code_all(codec: PCACodec, workers: int, bitrate: str, waveforms: list[np.ndarray], sr: int) -> Coded:
    """Code the waveforms at about this bitrate in kbit/s."""
    step, features = step_for(codec, 1_000 * float(bitrate)), codec.features
    lengths = statistics(quantise(codec.training, step))

    def code(waveform: np.ndarray) -> tuple[np.ndarray, float]:
        frames = log_mel(resample(waveform, sr, features.sr), features)
        components = components_of(codec.pca, pca.to_blocks(frames, codec.pca.frames_per_latent))
        symbols = np.clip(quantise(components, step), lengths.lowest, lengths.highest)
        blocks = (symbols * step / _deviations(codec.pca)) @ codec.pca.decode + codec.pca.offset
        decoded = np.clip(blocks.reshape(-1, features.n_mels)[: frames.shape[1]].T, 0, 1).astype(np.float32)
        sound = to_waveform([decoded], features, InversionConfig(), sr, len(waveform))
        return in_16_bits(np.concatenate(list(sound))), float(np.ceil(lengths(symbols).sum() / 8))

    with ThreadPoolExecutor(workers) as executor:
        outputs, n_bytes = zip(*executor.map(code, waveforms), strict=True)
    return Coded(list(outputs), list(n_bytes))


def _deviations(fitted: pca.PCA) -> np.ndarray:
    """Return the standard deviation of each component, by which PCA has divided it."""
    return np.linalg.norm(fitted.decode, axis=1)

"""A small recogniser of words, trained on original recordings only, that tells which word a reconstruction says.

Its label of a recording is what stands before the first "_" of the name: `7_jackson_32.wav` says 7. What it hears does
not depend on level, and little on where the word starts, how fast it is or how much noise there is, as these are varied
in its training: it grades what is understood.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from speech_autoencoder.audio import find_recordings, read
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.features import log_mel

# At a fixed level; a frame every 16 ms.
FEATURES = FeatureConfig("recogniser", 8_000, 256, 128, n_mels=40, n_frames=63, floor_db=-70.0, ceiling_db=10.0)
LONGEST_S, _LEVEL = 1.0, 0.05
_LEAST_LABELS, _MOST_LABELS = 2, 100
# Copies of each recording to train on beside itself, and how far they may differ.
_COPIES, _LATEST_S, _SPEED, _NOISE_DB = 3, 0.2, 0.12, (-50.0, -14.0)
_EPOCHS, _LEAST_STEPS, _BATCH_SIZE, _PEAK_RATE = 14, 600, 64, 2e-3
_CHANNELS = (24, 48, 64)


@dataclass(frozen=True)
class Recogniser:
    """A network from features to a score for each of the labels."""

    network: Any
    labels: list[str]


def label_of(name: str) -> str:
    """The word that a recording's name tells, what stands before its first "_", or "" where it tells none."""
    label, underscore, _ = Path(name).name.partition("_")
    return label if underscore else ""


def labels_in(names: list[str]) -> list[str]:
    """The distinct labels of the names, sorted; none where they are fewer than 2 or more than 100: no vocabulary."""
    labels = sorted({label_of(name) for name in names} - {""})
    return labels if _LEAST_LABELS <= len(labels) <= _MOST_LABELS else []


def words_in(folder: Path, labels: list[str]) -> list[tuple[str, np.ndarray]]:
    """(label, waveform at FEATURES.sr) of every recording below folder with one of the labels that can be read."""
    words = []
    for name in find_recordings(folder):
        try:
            waveform = read(folder / name, FEATURES.sr) if label_of(name) in labels else np.zeros(0)
        except InputError:
            continue
        if waveform.any():
            words.append((label_of(name), waveform))
    return words


def train(training_dir: Path, *, seed: int = 0, least_steps: int = _LEAST_STEPS) -> Recogniser | None:
    """A recogniser of the words in training_dir, or None where its names tell no vocabulary.

    All that is random in it follows from the seed. Takes some two minutes on two cores for 2,400 recordings; few
    recordings are gone through more often, for least_steps steps.
    """
    labels = labels_in(find_recordings(training_dir))
    if not labels:
        return None
    import keras

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    inputs, targets = [], []
    for label, waveform in words_in(training_dir, labels):
        copies = [waveform, *(_vary(waveform, rng) for _ in range(_COPIES))]
        inputs += [features_of(copy, sr=FEATURES.sr) for copy in copies]
        targets += [labels.index(label)] * len(copies)
    inputs, targets = np.array(inputs), np.array(targets)
    network = _build(len(labels), float(inputs.mean()), float(inputs.var()))
    epoch_steps = -(-len(inputs) // _BATCH_SIZE)
    n_epochs = max(_EPOCHS, -(-least_steps // epoch_steps))
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(_PEAK_RATE, n_epochs * epoch_steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    network.fit(inputs, targets, batch_size=_BATCH_SIZE, epochs=n_epochs, verbose=0)
    return Recogniser(network, labels)


def hear(recogniser: Recogniser, waveforms: list[np.ndarray], *, sr: int) -> list[str]:
    """The label that the recogniser hears in each waveform (n_samples,) at sr Hz."""
    inputs = np.array([features_of(waveform, sr=sr) for waveform in waveforms])
    return [recogniser.labels[i] for i in recogniser.network.predict(inputs, verbose=0).argmax(axis=-1)]


def accuracy(recogniser: Recogniser, waveforms: list[np.ndarray], *, sr: int, labels: list[str]) -> float:
    """The share of waveforms (n_samples,) at sr Hz in which the recogniser hears the label that they have."""
    return float(np.mean([a == b for a, b in zip(hear(recogniser, waveforms, sr=sr), labels, strict=True)]))


def features_of(waveform: np.ndarray, *, sr: int) -> np.ndarray:
    """The log-mel (n_mels, n_frames, 1) in [0, 1] of a waveform's first second, at a fixed level, padded."""
    waveform = waveform if sr == FEATURES.sr else soxr.resample(waveform, sr, FEATURES.sr)
    waveform = waveform[: round(LONGEST_S * FEATURES.sr)].astype(np.float32)
    power = float(np.mean(waveform.astype(np.float64) ** 2)) if len(waveform) else 0.0
    if power > 0:
        waveform = waveform * np.float32(_LEVEL / np.sqrt(power))
    frames = log_mel(waveform, FEATURES)[:, : FEATURES.n_frames]
    return np.pad(frames, ((0, 0), (0, FEATURES.n_frames - frames.shape[1])))[..., None]


def _vary(waveform, rng):
    """The waveform a little later, faster or slower, and noisier."""
    waveform = np.pad(waveform, (int(rng.integers(round(_LATEST_S * FEATURES.sr))), 0))
    waveform = soxr.resample(waveform, 1, rng.uniform(1 - _SPEED, 1 + _SPEED))
    noise = rng.standard_normal(len(waveform)) * np.std(waveform) * 10 ** (rng.uniform(*_NOISE_DB) / 20)
    return (waveform + noise).astype(np.float32)


def _build(n_labels, mean, variance):
    """The untrained network: convolutions over the log-mel, the most of each channel, a score for each label."""
    import keras
    from keras import layers

    x = inputs = keras.Input((FEATURES.n_mels, FEATURES.n_frames, 1))
    x = layers.Normalization(axis=None, mean=mean, variance=variance)(x)
    for n_channels in _CHANNELS:
        x = layers.Conv2D(n_channels, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.3)(layers.GlobalMaxPooling2D()(x))
    return keras.Model(inputs, layers.Dense(n_labels)(x))

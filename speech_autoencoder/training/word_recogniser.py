"""A small recogniser of words, trained on the original training recordings to grade reconstructions of others.

It learns with varied level, start, speed and noise, so that it depends little on them: it grades how well words can be
understood.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import soxr
from keras import layers

from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.word_features import FEATURES, word_features
from speech_autoencoder.data.recording_names import understand
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.remote_path import joined
from speech_autoencoder.system.integers import ceil_div

_LEAST_LABELS = 2
_MOST_LABELS = 100
# Varied copies of each recording to train on beside the recording itself.
_COPIES = 3
# How far a copy may differ: the latest start, the change of speed (a share), the noise relative to the sound.
_LATEST_S = 0.2
_SPEED = 0.12
_NOISE_DB = (-50.0, -14.0)
_EPOCHS = 14
_LEAST_STEPS = 600
_BATCH_SIZE = 64
_PEAK_RATE = 2e-3
_CHANNELS = (24, 48, 64)
# Within an evaluation, training may take half a minute on two cores.
_LEAST_OF_A_WORD = 8  # recordings of a word
_MOST_RECORDINGS = 2_400  # of all words
_QUICK_COPIES = 2
_QUICK_STEPS = 800


@dataclass(frozen=True)
class TrainedRecogniser:
    """A word recogniser that was trained here.

    Attributes
    ----------
    network : keras.Model
        Maps features (n, n_mels, n_frames, 1) to scores (n, n_labels).
    labels : list[str]
        The words that it knows.
    n_training : int
        The number of recordings that it was trained on.
    name : str
        What reports call it.
    """

    network: Any
    labels: list[str]
    n_training: int = 0
    name: str = "trained"

    def recognise(self, waveforms: list[np.ndarray], *, sr: int) -> list[str]:
        """Return the label recognised in each waveform (n_samples,) at sr Hz."""
        return self.recognise_features(np.array([word_features(waveform, sr=sr) for waveform in waveforms]))

    def recognise_features(self, inputs: np.ndarray) -> list[str]:
        """Return the label recognised in each of the `word_features`, (n, n_mels, n_frames, 1)."""
        recognised = []
        for start in range(0, len(inputs), _BATCH_SIZE):
            # A call, unlike `predict`, may run in several threads at once.
            scores = self.network(inputs[start : start + _BATCH_SIZE], training=False)
            recognised += [self.labels[i] for i in np.asarray(scores).argmax(axis=-1)]
        return recognised


def labels_in(names: list[str]) -> list[str]:
    """Return the distinct labels of the names, sorted; none if there are fewer than 2 or more than 100."""
    labels = sorted({*understand(names).labels} - {""})
    return labels if _LEAST_LABELS <= len(labels) <= _MOST_LABELS else []


def words_in(folder: Path, labels: list[str]) -> list[tuple[str, np.ndarray]]:
    """Return (label, waveform at FEATURES.sr) of each recording in a folder that can be read and has a label."""
    names = find_recordings(folder)
    told = zip(names, understand(names).labels, strict=True)
    return _read_words(folder, {name: label for name, label in told if label in labels})


def train(training_dir: Path, *, seed: int = 0, least_steps: int = _LEAST_STEPS) -> TrainedRecogniser | None:
    """Return a recogniser of the words in a folder, or None if the names of its recordings give no vocabulary.

    Takes some two minutes on two cores for 2,400 recordings.

    Parameters
    ----------
    training_dir : Path
        The recordings, whose labels are taken from their names.
    seed : int
        Determines everything random.
    least_steps : int
        The least number of training steps: a small corpus is repeated for more epochs.
    """
    labels = labels_in(find_recordings(training_dir))
    if not labels:
        return None
    words = words_in(training_dir, labels)
    epoch_steps = ceil_div(len(words) * (1 + _COPIES), _BATCH_SIZE)
    return _train(words, labels, seed, _COPIES, max(_EPOCHS, ceil_div(least_steps, epoch_steps)))


def train_quickly(
    training_dir: Path,
    labels: dict[str, str],
    *,
    seed: int = 0,
    read_named: Callable[[str, int], np.ndarray] | None = None,
) -> TrainedRecogniser | None:
    """Return a recogniser trained within half a minute, or None if fewer than two words have enough recordings.

    Parameters
    ----------
    training_dir, labels : Path, dict
        The recordings, and the label of each by its name.
    seed : int
        Determines everything random.
    read_named : callable, optional
        Returns the waveform of a name at a rate, where names are not those of files below training_dir.
    """
    counts = Counter(labels.values())
    known = sorted(label for label, count in counts.items() if label and count >= _LEAST_OF_A_WORD)
    if not _LEAST_LABELS <= len(known) <= _MOST_LABELS:
        return None
    names: list[str] = []
    most = max(_LEAST_OF_A_WORD, _MOST_RECORDINGS // len(known))
    for label in known:
        of_label = [name for name in sorted(labels) if labels[name] == label]
        names += of_label[:: ceil_div(len(of_label), most)]
    words = _read_words(training_dir, {name: labels[name] for name in names}, read_named)
    known = [label for label in known if any(word[0] == label for word in words)]
    if len(known) < _LEAST_LABELS:
        return None
    epoch_steps = ceil_div(len(words) * (1 + _QUICK_COPIES), _BATCH_SIZE)
    return _train(words, known, seed, _QUICK_COPIES, max(1, round(_QUICK_STEPS / epoch_steps)), quick=True)


def _read_words(
    folder: Path, labels: dict[str, str], read_named: Callable[[str, int], np.ndarray] | None = None
) -> list[tuple[str, np.ndarray]]:
    """Return (label, waveform) of the {name: label} in a folder that can be read and are not silent."""
    waveforms = {}
    for name in sorted(labels):  # the parts of a file one after another
        with suppress(InputError):
            waveforms[name] = read_named(name, FEATURES.sr) if read_named else read(joined(folder, name), FEATURES.sr)
    return [(label, waveforms[name]) for name, label in labels.items() if name in waveforms and waveforms[name].any()]


def _train(
    words: list[tuple[str, np.ndarray]],
    labels: list[str],
    seed: int,
    n_copies: int,
    n_epochs: int,
    quick: bool = False,
) -> TrainedRecogniser:
    """Return a recogniser trained on each (label, waveform) and on n_copies varied copies of each."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    features, indices = [], []
    for label, waveform in words:
        copies = [waveform, *(_vary(waveform, rng) for _ in range(n_copies))]
        features += [word_features(copy, sr=FEATURES.sr) for copy in copies]
        indices += [labels.index(label)] * len(copies)
    inputs, targets = np.array(features), np.array(indices)
    network = _build(len(labels), float(inputs.mean()), float(inputs.var()), quick)
    n_steps = n_epochs * ceil_div(len(inputs), _BATCH_SIZE)
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(_PEAK_RATE, n_steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    network.fit(inputs, targets, batch_size=_BATCH_SIZE, epochs=n_epochs, verbose=0)
    return TrainedRecogniser(network, labels, len(words))


def _vary(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the waveform with a later start, another speed, and noise."""
    waveform = np.pad(waveform, (int(rng.integers(round(_LATEST_S * FEATURES.sr))), 0))
    waveform = soxr.resample(waveform, 1, rng.uniform(1 - _SPEED, 1 + _SPEED))
    noise = rng.standard_normal(len(waveform)) * np.std(waveform) * 10 ** (rng.uniform(*_NOISE_DB) / 20)
    return (waveform + noise).astype(np.float32)


def _build(n_labels: int, mean: float, variance: float, quick: bool) -> keras.Model:
    """Return the untrained network: convolutions over the log-mel, the maximum of each channel, a score per label.

    With `quick`, the first convolution has a stride of two in place of pooling.
    """
    x = inputs = keras.Input((FEATURES.n_mels, FEATURES.n_frames, 1))
    x = layers.Normalization(axis=None, mean=mean, variance=variance)(x)
    for layer, n_channels in enumerate(_CHANNELS):
        strided = quick and layer == 0
        x = layers.Conv2D(n_channels, 3, 2 if strided else 1, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = x if strided else layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.3)(layers.GlobalMaxPooling2D()(x))
    return keras.Model(inputs, layers.Dense(n_labels)(x))

"""A small recogniser of words, trained on original recordings only, that tells which word a reconstruction says.

The label of a recording is what stands before the first "_" of its name (`7_jackson_32.wav` says 7), its folder, or
what a labels.csv says. What it hears does not depend on level, and little on where the word starts, how fast it is or
how much noise there is, as these are varied in its training: it grades what is understood.
"""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soxr

from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.audio.recordings import find_recordings, read, resample
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain, printable

# At a fixed level; a frame every 16 ms.
FEATURES = FeatureConfig("recogniser", 8_000, 256, 128, n_mels=40, n_frames=63, floor_db=-70.0, ceiling_db=10.0)
LONGEST_S, _LEVEL = 1.0, 0.05
_LEAST_LABELS, _MOST_LABELS = 2, 100
# Copies of each recording to train on beside itself, and how far they may differ.
_COPIES, _LATEST_S, _SPEED, _NOISE_DB = 3, 0.2, 0.12, (-50.0, -14.0)
_EPOCHS, _LEAST_STEPS, _BATCH_SIZE, _PEAK_RATE = 14, 600, 64, 2e-3
_CHANNELS = (24, 48, 64)
# Within an evaluation: the recordings of a word that it needs, the most recordings of all words that it learns from,
# copies of each, and steps, which are half a minute on two cores.
_LEAST_OF_A_WORD, _MOST_RECORDINGS, _QUICK_COPIES, _QUICK_STEPS = 8, 2_400, 2, 800
LABELS_NAME = "labels.csv"


class WordRecogniser(Protocol):
    """What hears words: those of its labels, and "" where it hears none of them; one of `pretrained`, or a Recogniser.

    It has a name, and n_training is how many of the recordings of training taught it.
    """

    name: str
    labels: list[str]
    n_training: int

    def hear(self, waveforms: list[np.ndarray], *, sr: int) -> list[str]:
        """The label heard in each waveform (n_samples,) at sr Hz. May be called in several threads at once."""


@dataclass(frozen=True)
class Recogniser:
    """A network from features to a score for each of the labels, and how many recordings taught it."""

    network: Any
    labels: list[str]
    n_training: int = 0
    name: str = "trained"

    def hear(self, waveforms: list[np.ndarray], *, sr: int) -> list[str]:
        """The label that is heard in each waveform (n_samples,) at sr Hz."""
        inputs = np.array([features_of(waveform, sr=sr) for waveform in waveforms])
        heard = []
        for start in range(0, len(inputs), _BATCH_SIZE):
            # Called as it is: unlike its `predict`, that may be done in several threads at once.
            scores = self.network(inputs[start : start + _BATCH_SIZE], training=False)
            heard += [self.labels[i] for i in np.asarray(scores).argmax(axis=-1)]
        return heard


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
    return _read_words(folder, {name: label_of(name) for name in find_recordings(folder) if label_of(name) in labels})


def _read_words(folder, labels):
    """(label, waveform at FEATURES.sr) of the {name: label} below folder that can be read, and are not silent."""
    words = []
    for name, label in labels.items():
        try:
            waveform = read(folder / name, FEATURES.sr)
        except InputError:
            continue
        if waveform.any():
            words.append((label, waveform))
    return words


def train(training_dir: Path, *, seed: int = 0, least_steps: int = _LEAST_STEPS) -> Recogniser | None:
    """A recogniser of the words in training_dir, or None where its names tell no vocabulary.

    All that is random in it follows from the seed. Takes some two minutes on two cores for 2,400 recordings; few
    recordings are gone through more often, for least_steps steps.
    """
    labels = labels_in(find_recordings(training_dir))
    if not labels:
        return None
    words = words_in(training_dir, labels)
    epoch_steps = -(-len(words) * (1 + _COPIES) // _BATCH_SIZE)
    return _train(words, labels, seed, _COPIES, max(_EPOCHS, -(-least_steps // epoch_steps)))


def train_quickly(training_dir: Path, labels: dict[str, str], *, seed: int = 0) -> Recogniser | None:
    """A recogniser of the labels {name below training_dir: label}, within half a minute, or None where it cannot be.

    It knows the words that enough recordings say, and needs two of them. All that is random follows from the seed.
    """
    counts = Counter(labels.values())
    known = sorted(label for label, count in counts.items() if label and count >= _LEAST_OF_A_WORD)
    if not _LEAST_LABELS <= len(known) <= _MOST_LABELS:
        return None
    names, most = [], max(_LEAST_OF_A_WORD, _MOST_RECORDINGS // len(known))
    for label in known:
        mine = [name for name in sorted(labels) if labels[name] == label]
        names += mine[:: -(-len(mine) // most)]
    words = _read_words(training_dir, {name: labels[name] for name in names})
    known = [label for label in known if any(word[0] == label for word in words)]
    if len(known) < _LEAST_LABELS:
        return None
    epoch_steps = -(-len(words) * (1 + _QUICK_COPIES) // _BATCH_SIZE)
    return _train(words, known, seed, _QUICK_COPIES, max(1, round(_QUICK_STEPS / epoch_steps)), quick=True)


def labels_of(names: list[str], folder: Path, source: str | Path = "auto") -> dict[str, str]:
    """{name: label} of the recordings below folder whose label is known.

    source is "names", "folders" (the first folder), the path of a CSV with the columns path and label, whose paths are
    below folder, or "auto": labels.csv in folder, and else the names. Raises InputError when there is no such CSV.
    """
    if source == "auto":
        source = folder / LABELS_NAME if (folder / LABELS_NAME).is_file() else "names"
    if source == "names":
        labels = {name: label_of(name) for name in names if _tells_all(name)}
    elif source == "folders":
        labels = {name: Path(name).parts[0] if len(Path(name).parts) > 1 else "" for name in names}
    else:
        listed = _read_labels(Path(source))
        labels = {name: listed.get(name, "") for name in names}
    return {name: label for name, label in labels.items() if label}


def _tells_all(name):
    """Whether a name is label_speaker_take: of `anna_001.wav` and `p225_001_mic1.wav` the first part is no word."""
    parts = Path(name).stem.split("_")
    return len(parts) == 3 and bool(parts[1]) and not parts[1].isdigit()


def _read_labels(path):
    """{path: label} of a CSV."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"path", "label"} <= set(rows.fieldnames or ()):
                raise InputError(f"{printable(path)} has no columns path and label: its first line must name them.")
            return {Path(row["path"] or "").as_posix(): (row["label"] or "").strip() for row in rows}
    except OSError as error:
        raise InputError(f"{printable(path)} could not be read: {explain(error)}.") from error
    except (UnicodeError, csv.Error) as error:
        raise InputError(f"{printable(path)} is no CSV in UTF-8 ({error}): export it again.") from error


def _train(words, labels, seed, n_copies, n_epochs, quick=False):
    """The Recogniser of (label, waveform) and of n_copies of each, varied."""
    import keras

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    inputs, targets = [], []
    for label, waveform in words:
        copies = [waveform, *(_vary(waveform, rng) for _ in range(n_copies))]
        inputs += [features_of(copy, sr=FEATURES.sr) for copy in copies]
        targets += [labels.index(label)] * len(copies)
    inputs, targets = np.array(inputs), np.array(targets)
    network = _build(len(labels), float(inputs.mean()), float(inputs.var()), quick)
    n_steps = n_epochs * -(-len(inputs) // _BATCH_SIZE)
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(_PEAK_RATE, n_steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    network.fit(inputs, targets, batch_size=_BATCH_SIZE, epochs=n_epochs, verbose=0)
    return Recogniser(network, labels, len(words))


def accuracy(recogniser: WordRecogniser, waveforms: list[np.ndarray], *, sr: int, labels: list[str]) -> float:
    """The share of waveforms (n_samples,) at sr Hz in which the recogniser hears the label that they have."""
    return float(np.mean([a == b for a, b in zip(recogniser.hear(waveforms, sr=sr), labels, strict=True)]))


def features_of(waveform: np.ndarray, *, sr: int) -> np.ndarray:
    """The log-mel (n_mels, n_frames, 1) in [0, 1] of a waveform's first second, at a fixed level, padded."""
    waveform = resample(waveform, sr, FEATURES.sr)
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


def _build(n_labels, mean, variance, quick):
    """The untrained network: convolutions over the log-mel, the most of each channel, a score for each label.

    When it must be quick, the first convolution takes every second place instead of the largest of two.
    """
    import keras
    from keras import layers

    x = inputs = keras.Input((FEATURES.n_mels, FEATURES.n_frames, 1))
    x = layers.Normalization(axis=None, mean=mean, variance=variance)(x)
    for layer, n_channels in enumerate(_CHANNELS):
        strided = quick and layer == 0
        x = layers.Conv2D(n_channels, 3, 2 if strided else 1, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = x if strided else layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.3)(layers.GlobalMaxPooling2D()(x))
    return keras.Model(inputs, layers.Dense(n_labels)(x))

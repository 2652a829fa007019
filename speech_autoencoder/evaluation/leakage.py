"""Whether testing holds what was trained on: recordings that are near-identical, and speakers that are in both."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from scipy.signal import correlate

from speech_autoencoder.audio.reading import read
from speech_autoencoder.data.dataset import Dataset, load
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.system.files import printable

# Sound is compared in so many bands, as far as it is within so many dB of the recording's loudest: what is quieter is
# changed by every conversion of a file.
_N_BANDS, _HEARD_DB = 16, 40.0
# The recordings of training that are compared in full: those whose mean spectrum, and its spread, are nearest.
_N_CANDIDATES = 5
# The correlation from which on two recordings are one. Of the project's own recordings no two that differ come above
# .915; copies as MP3, cut by 50 ms, 10 dB quieter or with noise 30 dB down come to .968 or more.
_SAME = 0.95
# Short words of one voice may be as alike in their spectra, 202 of FSDD's 300: their waveforms are not. Of takes that
# differ none there correlates above .77 after pre-emphasis. Compared over the first seconds, at this rate.
_SAME_WAVEFORM, _COMPARED_S, _COMPARED_SR = 0.8, 30, 16_000
# How far, in half frames, one recording may begin before the other; the least that must overlap, in frames and as a
# share of the shorter one; and the frames of a long recording that are compared.
_MOST_SHIFT, _LEAST_FRAMES, _LEAST_SHARE, _MOST_FRAMES = 16, 8, 0.6, 1_024
# The pairs that are named.
_MOST_NAMED = 20


def training_of(model: TrainedModel, array_path: Path, testing: Dataset) -> tuple[Dataset | None, str]:
    """(what the model was trained on, ""); (None, why) where array_path is not that, or not of testing's features."""
    try:
        training = load(array_path, "train_data_generator.py")
    except InputError as error:
        return None, str(error)
    trained_on = model.description.get("data")
    if not isinstance(trained_on, dict) or trained_on.get("fingerprint") != training.fingerprint:
        return None, f"the model was trained on another {printable(array_path)}."
    if training.features != testing.features:
        return None, f"{printable(array_path)} was made with other features."
    return training, ""


def find(
    training: Dataset,
    testing: Dataset,
    progress: Callable[[Iterable, int], Iterable] = lambda items, total: items,
) -> dict:
    """What testing shares with training, as JSON's own types.

    n_training and n_testing recordings, training_minutes of sound; n_leaked of testing are near-identical to one of
    training: pairs lists [testing's, training's, correlation] of the most alike; n_speakers of testing, of whom
    n_known_speakers were trained on. The features of the two must be the same.
    """
    range_db = training.features.range_db
    spectra = np.array([_spectrum(_loud(training.frames(i), range_db)) for i in range(len(training.names))])
    pairs = []
    for i in progress(range(len(testing.names)), len(testing.names)):
        sound = _loud(testing.frames(i), range_db)
        distances = ((spectra - _spectrum(sound)) ** 2).sum(axis=1)
        candidates = np.argsort(distances, kind="stable")[:_N_CANDIDATES]
        alike = [similarity(sound, _loud(training.frames(j), range_db)) for j in candidates]
        best = int(np.argmax(alike))
        if alike[best] >= _SAME and _are_one(testing.path(i), training.path(candidates[best])):
            pairs.append([testing.names[i], training.names[candidates[best]], round(alike[best], 4)])
    pairs.sort(key=lambda pair: (-pair[2], pair[0]))
    speakers, known = set(testing.groups()) - {""}, set(training.groups())
    return {
        "n_training": len(training.names),
        "n_testing": len(testing.names),
        "training_minutes": float((training.n_samples / training.sr).sum() / 60),
        "n_leaked": len(pairs),
        "pairs": [[printable(ours), printable(theirs), value] for ours, theirs, value in pairs[:_MOST_NAMED]],
        "n_speakers": len(speakers),
        "n_known_speakers": len(speakers & known),
    }


def similarity(sound: np.ndarray, other: np.ndarray) -> float:
    """How alike two sounds (n_bands, n_frames) are at best, whichever begins first: a correlation, -1 where too short.

    Half a frame is tried too, as the mean of neighbours: a copy that was cut need not fall on the same frames.
    """
    best = -1.0
    for half in (0, 1, -1):
        a = (sound[:, 1:] + sound[:, :-1]) / 2 if half == 1 else sound
        b = (other[:, 1:] + other[:, :-1]) / 2 if half == -1 else other
        least = max(_LEAST_FRAMES, _LEAST_SHARE * min(a.shape[1], b.shape[1]))
        for shift in range(-_MOST_SHIFT // 2, _MOST_SHIFT // 2 + 1):
            x, y = a[:, max(0, shift) :], b[:, max(0, -shift) :]
            length = min(x.shape[1], y.shape[1])
            if length >= least:
                best = max(best, _correlation(x[:, :length], y[:, :length]))
    return best


def _are_one(path, other):
    """Whether two recordings are one by their waveforms; True where one of them cannot be read any more."""
    try:
        a, b = (np.diff(read(each, _COMPARED_SR, most=_COMPARED_S * _COMPARED_SR)) for each in (path, other))
    except InputError:
        return True
    energy = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
    return energy > 0 and float(np.abs(correlate(a, b, method="fft")).max()) > _SAME_WAVEFORM * energy


def _loud(frames, range_db):
    """Normalised log-mel (n_mels, n_frames) as (n_bands, n_frames): in dB over what counts as not heard."""
    frames = frames[:, :_MOST_FRAMES]
    edges = np.linspace(0, len(frames), min(_N_BANDS, len(frames)), endpoint=False).astype(int)
    lowest = frames.max() - _HEARD_DB / range_db
    sizes = np.diff([*edges, len(frames)])[:, None]
    return np.add.reduceat(np.maximum(frames, lowest) - lowest, edges, axis=0) / sizes


def _spectrum(sound):
    """What does not depend on when a sound begins: the means of its bands, their spread, and how fast they change."""
    parts = sound - sound.mean()
    change = 2 * np.abs(np.diff(parts, axis=1)).mean(axis=1) if sound.shape[1] > 1 else np.zeros(len(sound))
    return np.concatenate([parts.mean(axis=1), parts.std(axis=1), change])


def _correlation(x, y):
    """The correlation of all values, -1 where one is constant."""
    x, y = x - x.mean(), y - y.mean()
    power = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum() / power) if power > 1e-9 else -1.0

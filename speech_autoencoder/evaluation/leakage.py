"""Whether testing shares recordings or speakers with training, and how much better the model is on training."""

from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from scipy.signal import correlate
from scipy.spatial import cKDTree

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct
from speech_autoencoder.data.dataset import Dataset, Progress, load
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.metrics.log_mel_error import log_mel_error_db
from speech_autoencoder.evaluation.results import SharedWithTraining, SimilarPair
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.script_names import TRAIN_DATA_GENERATOR
from speech_autoencoder.system.files import printable

_N_BANDS = 16  # in which sound is compared
_AUDIBLE_DB = 40.0  # below a recording's loudest; every conversion of a file changes what is quieter
_N_CANDIDATES = 5  # recordings of training that are compared in full: those with the nearest mean spectra
# Recordings of training whose spectra are in memory at once, in a k-d tree, and those of testing that are looked up.
_TRAINING_AT_ONCE = 32_768
_TESTING_AT_ONCE = 4_096
# Frames whose spectra are computed at once.
_FRAMES_AT_ONCE = 16_384
# Spectra that are kept while others are compared: more than candidates, since many may be equally near.
_N_NEAREST = 2 * _N_CANDIDATES
# Two recordings with at least this correlation count as one. No two different recordings of the project exceed .915;
# copies as MP3, cut by 50 ms, 10 dB quieter or with noise 30 dB down reach .968 or more.
_SAME = 0.95
# The spectra of short words of one voice may be as similar (202 of FSDD's 300), but not their waveforms: no two takes
# there correlate above .77 after pre-emphasis.
_SAME_WAVEFORM = 0.8
_COMPARED_S = 30  # of each waveform
_COMPARED_SR = 16_000
_MOST_SHIFT = 16  # half frames by which one recording may begin before the other
_LEAST_FRAMES = 8  # that must overlap
_LEAST_SHARE = 0.6  # of the shorter recording that must overlap
_LEAST_OVERLAP = 0.5  # of a part of a file, which training must not have
_MOST_FRAMES = 1_024  # of a long recording that are compared
_MOST_NAMED = 20  # pairs
_MOST_FILES = 256  # whose parts are remembered
# The recordings, and the frames of each, by which training is compared with testing.
_N_COMPARED = 40
_MOST_COMPARED_FRAMES = 1_024


def training_of(model: TrainedModel, array_path: Path, testing: Dataset) -> tuple[Dataset | None, str]:
    """Return the array that the model was trained on and "", or None and why the array at the path is not usable."""
    try:
        training = load(array_path, TRAIN_DATA_GENERATOR)
    except InputError as error:
        return None, str(error)
    trained_on = model.description.get("data")
    if not isinstance(trained_on, dict) or trained_on.get("fingerprint") != training.fingerprint:
        return None, f"the model was trained on another {printable(array_path)}."
    if training.features != testing.features:
        return None, f"{printable(array_path)} was made with other features."
    return training, ""


def compare_with_training(
    training: Dataset,
    testing: Dataset,
    encoder: Encoder | None = None,
    progress: Progress = lambda items, total: items,
) -> SharedWithTraining:
    """Return what testing shares with training.

    Parameters
    ----------
    training, testing
        Arrays of the same features.
    encoder
        The model, to compare its errors on both; without it, they are None.
    progress
        Wraps the training recordings, some at once, and then the testing recordings.
    """
    starts = range(0, len(training.names), _TRAINING_AT_ONCE)
    nearest = _Nearest(_spectra(testing, range(len(testing.names))))
    pairs, n_unsure = [], 0
    overlaps = _overlaps(training, testing)
    n_steps = len(starts) + len(testing.names)
    for step in progress(range(n_steps), n_steps):
        if step < len(starts):
            some = range(starts[step], min(starts[step] + _TRAINING_AT_ONCE, len(training.names)))
            nearest.add(some.start, _spectra(training, some))
            continue
        i = step - len(starts)
        if i in overlaps:
            pairs.append((testing.names[i], training.names[overlaps[i]], 1.0))
            continue
        candidates, sound = nearest.candidates(i), _sound(testing, i)
        alike = [similarity(sound, _sound(training, j)) for j in candidates]
        best = int(np.argmax(alike))
        are_one = _are_one((testing, i), (training, candidates[best])) if alike[best] >= _SAME else False
        n_unsure += are_one is None
        if are_one:
            pairs.append((testing.names[i], training.names[candidates[best]], round(alike[best], 4)))
    pairs.sort(key=lambda pair: (-pair[2], pair[0]))
    speakers, known = set(testing.speakers()) - {""}, set(training.speakers())
    return SharedWithTraining(
        n_training=len(training.names),
        n_testing=len(testing.names),
        training_minutes=float((training.n_samples / training.sr).sum() / 60),
        n_leaked=len(pairs),
        pairs=[SimilarPair(printable(ours), printable(theirs), value) for ours, theirs, value in pairs[:_MOST_NAMED]],
        n_speakers=len(speakers),
        n_known_speakers=len(speakers & known),
        training_db=_some_error_db(training, encoder) if encoder else None,
        testing_db=_some_error_db(testing, encoder) if encoder else None,
        n_unsure=n_unsure,
    )


def _overlaps(training: Dataset, testing: Dataset) -> dict[int, int]:
    """Return {recording of testing: one of training} that have much of the same part of a file."""
    if not (training.files or testing.files):
        return {}  # whole files that are one are found by their sound
    order = np.argsort(np.asarray(training.digests), kind="stable")
    digests = np.asarray(training.digests)[order]

    @lru_cache(_MOST_FILES)
    def of_file(digest: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the recordings of training that are of a file, and their spans."""
        others = order[np.searchsorted(digests, digest) : np.searchsorted(digests, digest, side="right")]
        return others, np.array([training.span(j) for j in others]).reshape(-1, 2)

    found = {}
    for i, digest in enumerate(testing.digests):
        start, end = testing.span(i)
        others, spans = of_file(int(digest))
        shared = np.minimum(spans[:, 1], end) - np.maximum(spans[:, 0], start)
        if len(others) and shared.max() >= _LEAST_OVERLAP * (end - start):
            found[i] = int(others[shared.argmax()])
    return found


def _some_error_db(dataset: Dataset, encoder: Encoder) -> float:
    """Return the model's RMS log-mel error on some recordings, with the encoder's own latent, as training has it."""
    plain = Encoder(encoder.model, replace(encoder.config, steps=0))
    some = range(0, len(dataset.names), max(1, len(dataset.names) // _N_COMPARED))
    # One after another as one recording: many short ones take longer.
    frames = np.concatenate([dataset.frames(i, most=_MOST_COMPARED_FRAMES) for i in some], axis=1)
    return log_mel_error_db(frames, reconstruct(plain, frames)[: len(frames)], dataset.features)


def similarity(sound: np.ndarray, other: np.ndarray) -> float:
    """Return how similar two sounds are where they match best, whichever begins first.

    Shifts by half a frame are tried too, as means of neighbours: the frames of a copy that was cut may lie between.

    Parameters
    ----------
    sound, other
        Levels in bands, (n_bands, n_frames), each with its own number of frames.

    Returns
    -------
    float
        A correlation; -1 where they are too short.
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


def _are_one(*recordings: tuple[Dataset, int]) -> bool | None:
    """Return whether the waveforms of two recordings are the same; None if one is gone, or has changed since."""
    if any(dataset.has_changed(i) for dataset, i in recordings):
        return None
    most = _COMPARED_S * _COMPARED_SR
    try:
        a, b = (np.diff(dataset.read(i, _COMPARED_SR, most=most)) for dataset, i in recordings)
    except InputError:
        return None
    energy = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
    return energy > 0 and float(np.abs(correlate(a, b, method="fft")).max()) > _SAME_WAVEFORM * energy


class _Nearest:
    """The training recordings whose spectra are nearest to each testing recording's, while some after others are added.

    Where more than `_N_NEAREST` are equally near, as copies of one recording are, any of them are kept.
    """

    def __init__(self, spectra: np.ndarray) -> None:
        self._spectra = spectra
        self._squares = np.full((len(spectra), _N_NEAREST), np.inf)
        self._recordings = np.zeros((len(spectra), _N_NEAREST), np.int64)

    def add(self, first: int, spectra: np.ndarray) -> None:
        """Add the spectra of training recordings from `first` on."""
        tree = cKDTree(spectra)
        for start in range(0, len(self._spectra), _TESTING_AT_ONCE):
            rows = slice(start, start + _TESTING_AT_ONCE)
            mine = self._spectra[rows]
            _, found = tree.query(mine, min(_N_NEAREST, len(spectra)), workers=-1)
            found = found.reshape(len(mine), -1)
            # Once more, so that which of them are equally near does not depend on how the tree adds up.
            squares = ((spectra[found] - mine[:, None]) ** 2).sum(axis=2)
            squares = np.concatenate([self._squares[rows], squares], axis=1)
            recordings = np.concatenate([self._recordings[rows], first + found], axis=1)
            order = np.lexsort([recordings, squares], axis=1)[:, :_N_NEAREST]
            self._squares[rows] = np.take_along_axis(squares, order, axis=1)
            self._recordings[rows] = np.take_along_axis(recordings, order, axis=1)

    def candidates(self, testing: int) -> list[int]:
        """Return the nearest recordings to one of testing, the nearest first, of equally near ones the first."""
        known = np.isfinite(self._squares[testing, :_N_CANDIDATES])
        return self._recordings[testing, :_N_CANDIDATES][known].tolist()


def _spectra(dataset: Dataset, recordings: range) -> np.ndarray:
    """Return the spectra of some recordings, (n_recordings, n_features).

    Those of one length are computed together, which is quicker (docs/experiments.md).
    """
    lengths = np.minimum(dataset.n_frames[recordings.start : recordings.stop], _MOST_FRAMES)
    spectra: np.ndarray | None = None
    for length in np.unique(lengths):
        same, at_once = np.flatnonzero(lengths == length), max(1, _FRAMES_AT_ONCE // int(length))
        for start in range(0, len(same), at_once):
            some = same[start : start + at_once]
            found = _spectrum(np.stack([_sound(dataset, recordings[i]) for i in some]))
            if spectra is None:
                spectra = np.empty((len(lengths), found.shape[1]), found.dtype)
            spectra[some] = found
    return np.empty((0, 0)) if spectra is None else spectra


def _sound(dataset: Dataset, recording: int) -> np.ndarray:
    """Return the audible part of the beginning of a recording, as `_audible`."""
    return _audible(dataset.frames(recording, most=_MOST_FRAMES), dataset.features.range_db)


def _audible(frames: np.ndarray, range_db: float) -> np.ndarray:
    """Return the audible part of normalised log-mels (..., n_mels, n_frames): (..., n_bands, n_frames), wider bands."""
    edges, sizes = _bands(frames.shape[-2])
    lowest = frames.max(axis=(-2, -1), keepdims=True) - _AUDIBLE_DB / range_db
    return np.add.reduceat(np.maximum(frames, lowest) - lowest, edges, axis=-2) / sizes


@cache
def _bands(n_mels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first mel band of each wider band, and how many it has, (n_bands, 1)."""
    edges = np.linspace(0, n_mels, min(_N_BANDS, n_mels), endpoint=False).astype(int)
    return edges, np.diff([*edges, n_mels])[:, None]


def _spectrum(sound: np.ndarray) -> np.ndarray:
    """Return features that do not depend on when sounds (..., n_bands, n_frames) begin: (..., 3 * n_bands).

    They are the bands' means, spreads and rates of change.
    """
    parts = sound - sound.reshape(*sound.shape[:-2], -1).mean(axis=-1)[..., None, None]
    means = parts.mean(axis=-1)
    change = 2 * np.abs(np.diff(parts, axis=-1)).mean(axis=-1) if sound.shape[-1] > 1 else np.zeros_like(means)
    return np.concatenate([means, parts.std(axis=-1), change], axis=-1)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Return the correlation of all values, -1 where one of the two is constant."""
    x, y = x - x.mean(), y - y.mean()
    power = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum() / power) if power > 1e-9 else -1.0

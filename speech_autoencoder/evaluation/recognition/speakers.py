"""The speaker test: a small recogniser of voices, which is trained on the original training recordings.

It goes by the cepstra of loud frames at 8 kHz: their means, their standard deviations, and those of their changes from
frame to frame, without the 0th coefficient, which is the level. So it hears neither the level nor pauses, nor whether a
recording has more than the band of a telephone. It learns from copies with another tone and with noise too, so that
microphones and backgrounds tell it little. It is a linear discriminant (Fisher, 1936) whose covariance is shrunk as
Ledoit and Wolf (2004) do; docs/experiments.md compares it with others.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import bootstrap
from speech_autoencoder.evaluation.metrics.cepstral_distortion import cepstrum, mel_magnitudes
from speech_autoencoder.evaluation.metrics.recognition import SPEAKERS
from speech_autoencoder.evaluation.recognition.recogniser import Recognition
from speech_autoencoder.system.files import printable

# The rate at which voices are compared.
SR = 8_000
# What a recogniser is trained on: recordings of each speaker, speakers, recordings in all, and the start of each.
_LEAST_RECORDINGS = 8
_LEAST_SPEAKERS = 2
_MOST_SPEAKERS = 100
_MOST_RECORDINGS = 600
_LONGEST_S = 10
# Frames within this of the loudest one are speech; bands further below the loudest count as this far below.
_LOUD_DB = 30.0
_LOWEST_DB = 50.0
# Coefficients of the cepstrum, without the 0th: enough for the harmonics of a high voice.
_N_COEFFICIENTS = 32
# Varied copies of each recording to learn from beside the recording itself, and how far they differ: the change of tone
# in dB per octave, and the noise relative to the sound.
_COPIES = 2
_TILT_DB = 3.0
_NOISE_DB = (-50.0, -14.0)
# A change of tone leaves this frequency as it is, and goes on down to the other.
_PIVOT_HZ = 1_000.0
_LOWEST_HZ = 60.0


@dataclass(frozen=True)
class SpeakerRecogniser:
    """A recogniser of the speakers that it was trained on; a `recogniser.Recogniser`.

    Attributes
    ----------
    weights, offsets
        A speaker's score is their weights (n_values,) times the `voice` of a waveform, and their offset.
    labels
        The speakers.
    n_training
        The number of recordings that it was trained on.
    name
        What reports call it.
    """

    weights: np.ndarray
    offsets: np.ndarray
    labels: list[str]
    n_training: int
    name: str = "trained"

    def recognise(self, waveforms: list[np.ndarray], *, sr: int) -> list[str]:
        """Return the speaker recognised in each waveform (n_samples,) at `sr` Hz, "" in silence."""
        return [self._recognise_one(resample(waveform, sr, SR)) for waveform in waveforms]

    def _recognise_one(self, waveform: np.ndarray) -> str:
        if not waveform.any():
            return ""
        return self.labels[int((self.weights @ voice(waveform) + self.offsets).argmax())]


def learned(testing: Dataset, training: Dataset | None, why: str, say: Callable[[str], None]) -> Recognition | None:
    """Return the recognition of the speakers of the testing recordings, None if they cannot be recognised.

    Parameters
    ----------
    testing
        The testing recordings.
    training, why
        The training recordings, or None and why they are not available.
    say
        Called with the reason if speakers cannot be recognised.
    """
    speakers = {name: speaker for name, speaker in zip(testing.names, testing.speakers(), strict=True) if speaker}
    if not speakers:
        say("Speakers are not recognised: none is known.")
        return None
    if training is None:
        say(f"Speakers are not recognised: {why}")
        return None
    chosen = choose(training.speakers(), speakers.values())
    if chosen and len(training.missing(chosen)) == len(chosen):
        say(f"Speakers are not recognised: the training recordings are not in {printable(training.audio_dir)}.")
        return None
    recogniser = train(_read(training, chosen))
    if recogniser is None:
        say(
            "Speakers are not recognised: this needs two speakers with eight training recordings each, of whom one is "
            "in testing too."
        )
        return None
    return Recognition(SPEAKERS.key, recogniser, speakers)


def choose(speakers: Sequence[str], wanted: Iterable[str]) -> list[int]:
    """Return the recordings (indices) to learn from, given the speaker of each, "" where unknown.

    Of more speakers than can be told apart, those that are wanted come first; of more recordings than are needed, some
    are taken evenly. None are returned if there are too few, or nobody is wanted.
    """
    members: dict[str, list[int]] = {}
    for i, speaker in enumerate(speakers):
        if speaker:
            members.setdefault(speaker, []).append(i)
    enough = {speaker: which for speaker, which in members.items() if len(which) >= _LEAST_RECORDINGS}
    known = enough.keys() & set(wanted)
    if not known or len(enough) < _LEAST_SPEAKERS:
        return []
    first = sorted(enough, key=lambda speaker: (speaker not in known, -len(enough[speaker]), speaker))[:_MOST_SPEAKERS]
    most = _MOST_RECORDINGS // len(first)
    return sorted(i for speaker in first for i in _evenly(enough[speaker], most))


def _evenly(items: Sequence[int], most: int) -> list[int]:
    """Return at most so many items, evenly over all."""
    n = min(len(items), most)
    return [items[i * len(items) // n] for i in range(n)]


def train(recordings: Iterable[tuple[str, np.ndarray]], *, seed: int = bootstrap.SEED) -> SpeakerRecogniser | None:
    """Return a recogniser trained on recordings, each a speaker and a waveform (n_samples,) at SR.

    Silent ones are left out; None is returned if fewer than two speakers remain.

    Parameters
    ----------
    recordings
        Speakers and waveforms.
    seed
        Of the tone and the noise of varied copies.
    """
    rng = np.random.default_rng(seed)
    voices, speakers = [], []
    for speaker, waveform in recordings:
        part = waveform[: _LONGEST_S * SR]
        if part.any():
            voices += [voice(copy) for copy in (part, *(_vary(part, rng) for _ in range(_COPIES)))]
            speakers += [speaker] * (1 + _COPIES)
    labels = sorted(set(speakers))
    if len(labels) < _LEAST_SPEAKERS:
        return None
    weights, offsets = _discriminant(np.array(voices), np.array([labels.index(speaker) for speaker in speakers]))
    return SpeakerRecogniser(weights, offsets, labels, len(speakers) // (1 + _COPIES))


def voice(waveform: np.ndarray) -> np.ndarray:
    """Return the means and the deviations of the cepstra of loud frames, and the deviations of their changes.

    The result is (n_values,).

    Parameters
    ----------
    waveform
        A waveform (n_samples,) at SR that is not silent.
    """
    magnitudes = mel_magnitudes(waveform, SR)
    power = (magnitudes**2).sum(axis=1)
    loud = magnitudes[power >= power.max() * 10 ** (-_LOUD_DB / 10)]
    cepstra = cepstrum(loud, magnitudes.max() * 10 ** (-_LOWEST_DB / 20), _N_COEFFICIENTS)
    changes = np.diff(cepstra, axis=0) if len(cepstra) > 1 else np.zeros_like(cepstra)
    return np.concatenate([cepstra.mean(axis=0), cepstra.std(axis=0), changes.std(axis=0)])


def _read(training: Dataset, recordings: Iterable[int]) -> Iterable[tuple[str, np.ndarray]]:
    """Yield the speaker and the waveform of each recording that can be read."""
    speakers = training.speakers()
    for i in recordings:
        with suppress(InputError):
            yield speakers[i], training.read(i, SR, salvage=False)


def _vary(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a waveform at SR of another tone, with noise."""
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(waveform), 1 / SR), _LOWEST_HZ) / _PIVOT_HZ)
    gains = 10 ** (rng.uniform(-_TILT_DB, _TILT_DB) * octaves / 20)
    toned = np.fft.irfft(np.fft.rfft(waveform) * gains, len(waveform))
    noise = rng.standard_normal(len(waveform)) * np.std(toned) * 10 ** (rng.uniform(*_NOISE_DB) / 20)
    return toned + noise


def _discriminant(vectors: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (n_classes, n_values) and offsets (n_classes,) that tell the classes of vectors apart.

    All classes have the same covariance and are equally likely; each value is standardised before the covariance is
    shrunk.
    """
    from sklearn.covariance import ledoit_wolf  # slow to load

    mean, spread = vectors.mean(axis=0), vectors.std(axis=0) + np.finfo(float).tiny
    scaled = (vectors - mean) / spread
    means = np.array([scaled[classes == k].mean(axis=0) for k in range(classes.max() + 1)])
    with threadpool_limits(1):  # how sums are split among threads changes their last bits
        covariance, _ = ledoit_wolf(scaled - means[classes], assume_centered=True)
        weights = np.linalg.solve(covariance, means.T).T
    offsets = -0.5 * (weights * means).sum(axis=1)
    return weights / spread, offsets - (weights / spread) @ mean

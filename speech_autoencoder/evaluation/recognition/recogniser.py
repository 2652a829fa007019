"""What a recogniser is, and what it recognised: its accuracy on the originals, and the confusions of each system."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import numpy as np

from speech_autoencoder.evaluation import bootstrap
from speech_autoencoder.evaluation.bootstrap import Cluster
from speech_autoencoder.evaluation.results import RecognitionResults
from speech_autoencoder.evaluation.systems import ORIGINAL


class Recogniser(Protocol):
    """What recognises the labels of recordings, such as words or speakers, installed or trained."""

    @property
    def name(self) -> str:
        """Its name in reports."""

    @property
    def labels(self) -> list[str]:
        """The labels that it knows."""

    @property
    def n_training(self) -> int:
        """The number of recordings that it was trained on here, 0 if others have trained it."""

    def recognise(self, waveforms: list[np.ndarray], *, sr: int) -> list[str]:
        """Return the label recognised in each waveform (n_samples,) at `sr` Hz, "" for none of the labels.

        May be called in several threads at once.
        """


@runtime_checkable
class FeatureRecogniser(Recogniser, Protocol):
    """A recogniser that goes by the `audio.word_features` of sound alone, which may have been computed elsewhere."""

    def recognise_features(self, inputs: np.ndarray) -> list[str]:
        """Return the label recognised in each of the features, (n, n_mels, n_frames, 1)."""


@dataclass(frozen=True)
class RecognisedLater:
    """Stands for a FeatureRecogniser on a worker, which keeps the features for it, and needs no Keras.

    Attributes
    ----------
    labels
        The labels that the recogniser knows.
    """

    labels: list[str]


@dataclass(frozen=True)
class Recognition:
    """Something to recognise in the sound of every system.

    Attributes
    ----------
    metric
        The key of the metric that it gives, one of `metrics.recognition`.
    recogniser
        What recognises it.
    labels
        {name: label} of the recordings: what is to be recognised.
    """

    metric: str
    recogniser: Recogniser | RecognisedLater
    labels: Mapping[str, str]

    def label_of(self, name: str) -> str | None:
        """Return the label of a recording, None if it has none that the recogniser knows."""
        label = self.labels.get(name)
        return label if label in self.recogniser.labels else None


def recognised(
    recognition: Recognition, waveforms: Sequence[np.ndarray], names: Sequence[str], *, sr: int
) -> np.ndarray:
    """Return 1 for each of the recordings whose label is recognised, 0 for each other, (n_labelled,).

    Parameters
    ----------
    recognition
        What is recognised, not by a recogniser that only stands for one.
    waveforms, names
        The sound (n_samples,) of each recording at `sr` Hz, and its name. Those without a label that the recogniser
        knows are left out.
    sr
        The sample rate in Hz.
    """
    labels = {i: label for i, name in enumerate(names) if (label := recognition.label_of(name)) is not None}
    found = cast(Recogniser, recognition.recogniser).recognise([waveforms[i] for i in labels], sr=sr) if labels else []
    return np.array([one == other for one, other in zip(labels.values(), found, strict=True)], float)


def count(
    clusters: list[Cluster],
    recognition: Recognition,
    recognised: Mapping[int, Mapping[str, str]],
    systems: Iterable[str],
) -> RecognitionResults:
    """Return the accuracy on the original recordings, and the confusion matrices of the labels.

    Parameters
    ----------
    clusters
        The scores of all recordings.
    recognition
        What was recognised, not by a recogniser that only stands for one.
    recognised
        {recording: {system: label}}, with the label that is right as "label".
    systems
        The keys of the systems beside "original".
    """
    metric, recogniser = recognition.metric, cast(Recogniser, recognition.recogniser)
    keys = (ORIGINAL, *systems)
    nothing = {"" for labels in recognised.values() for key in keys if labels[key] == ""}
    columns = {label: i for i, label in enumerate([*recogniser.labels, *nothing])}
    confusion = {key: np.zeros((len(recogniser.labels), len(columns)), int) for key in keys}
    for labels in recognised.values():
        for key, counts in confusion.items():
            counts[columns[labels["label"]], columns[labels[key]]] += 1
    return RecognitionResults(
        recogniser=recogniser.name,
        labels=list(recogniser.labels),
        recognised=list(columns),
        n_training=recogniser.n_training,
        n_recordings=len(recognised),
        original_accuracy=bootstrap.score(clusters, ORIGINAL, metric),
        original_interval=bootstrap.intervals(clusters, [ORIGINAL], [metric])[ORIGINAL][metric],
        confusion={key: counts.tolist() for key, counts in confusion.items()},
    )

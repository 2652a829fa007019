"""Scores of recordings: the sound that each system makes of them, and every metric of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.audio.word_features import word_features
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.metrics import registry
from speech_autoencoder.evaluation.metrics.log_mel_error import log_mel_error_by_band_db, log_mel_sums_over_time
from speech_autoencoder.evaluation.metrics.metric import LabelPair, LogMelPair, Measurement, Metric, Sound, SoundPair
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.recognition.recogniser import FeatureRecogniser, RecognisedLater, Recognition
from speech_autoencoder.evaluation.results import LeftOut, Scores
from speech_autoencoder.evaluation.segments import join
from speech_autoencoder.evaluation.systems import MODEL, ORIGINAL, System, waveform_of
from speech_autoencoder.storage.copies import fetched
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.isolation import CallFailed

# Recordings that are scored together, and whether that is as a segment.
Work = tuple[list[int], bool]


@dataclass
class SegmentScores:
    """The scores of the recordings of a segment.

    Attributes
    ----------
    sums
        {system: {metric: (sum of totals, sum of weights)}}, as a bootstrap cluster has them.
    squares_by_band, squares_over_time
        {system: sums of squared log-mel errors}: (n_mels,) in dB^2 times frames, and sums and counts (2, N_PARTS).
    recordings
        {recording: the model's scores of it alone}.
    n_known
        {metric: for how many recordings the model's value is known}.
    failures
        {metric: how often a library failed, by what it did}.
    recognised
        {metric: {recording: {system: label}}}, with the label that is right as "label", for recordings with one.
    scored
        The recordings that were scored as sound.
    left_out
        The others.
    means
        {recording: {system: the mean of what it keeps}}, unless it is silent.
    features
        {metric: {recording: those of the original and of each system, one after another}}, of what is recognised later.
    lost
        The recordings of which nothing could be scored, not even their log-mels: they ended the processes of workers.
    """

    sums: dict[str, dict[str, tuple[float, float]]]
    squares_by_band: dict[str, np.ndarray]
    squares_over_time: dict[str, np.ndarray]
    recordings: dict[int, Scores] = field(default_factory=dict)
    n_known: Counter[str] = field(default_factory=Counter)
    failures: dict[str, Counter[str]] = field(default_factory=dict)
    recognised: dict[str, dict[int, dict[str, str]]] = field(default_factory=dict)
    scored: list[int] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    means: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)
    features: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)

    def add(self, system: str, metric: Metric, measurement: Measurement) -> None:
        """Add a measurement to the sums, if anything could be measured."""
        if measurement.is_known:
            total, weight = self.sums[system].get(metric.key, (0.0, 0.0))
            self.sums[system][metric.key] = (total + float(measurement.total), weight + float(measurement.weight))

    def means_of(self, system: str, metrics: Iterable[Metric]) -> Scores:
        """Return the means of metrics of a system, None where nothing could be measured."""
        sums = self.sums[system]
        return {m.key: sums[m.key][0] / sums[m.key][1] if m.key in sums else None for m in metrics}

    def add_recording(self, recording: int, system: str, metric: Metric, measurement: Measurement) -> None:
        """Add a measurement of one recording, and keep the model's value."""
        self.add(system, metric, measurement)
        if system == MODEL.key:
            self.n_known[metric.key] += measurement.is_known
            self.keep(recording, metric, measurement)

    def add_failure(self, metric: Metric, failure: str) -> None:
        """Note that a metric is missing on a segment or recording because a library failed."""
        self.failures.setdefault(metric.key, Counter())[failure] += 1

    def keep(self, recording: int, metric: Metric, measurement: Measurement) -> None:
        """Keep the value of one recording, where evaluation.json has it."""
        if metric.of_each_recording:
            value = float(measurement.value) if measurement.is_known else None
            self.recordings.setdefault(recording, {})[metric.key] = value


@dataclass(frozen=True)
class Scorer:
    """Scores segments of a dataset; may be called in several threads at once.

    Attributes
    ----------
    encoder
        The model with its latent search.
    systems
        The systems to compare, the model first.
    recognitions
        What is recognised in their sound.
    """

    dataset: Dataset
    encoder: Encoder
    inversion: InversionConfig
    systems: Sequence[System]
    recognitions: Sequence[Recognition] = ()

    def nothing(self) -> SegmentScores:
        """Return the scores of no recording."""
        keys = [system.key for system in self.systems]
        return SegmentScores(
            {key: {} for key in (ORIGINAL, *keys)}, dict.fromkeys(keys, np.zeros(())), dict.fromkeys(keys, np.zeros(()))
        )

    def __call__(self, recordings: list[int], *, as_segment: bool) -> SegmentScores:
        """Return the scores of recordings (indices), each alone and, if asked for, joined as a segment."""
        dataset, keys = self.dataset, [system.key for system in self.systems]
        sr = int(max(dataset.sr[i] for i in recordings))
        scores = self.nothing()
        parts: dict[str, list[np.ndarray]] = {key: [] for key in (ORIGINAL, *keys)}
        for i in recordings:
            frames, original, reason = dataset.frames(i), None, ""
            try:
                original = read_original(dataset, i)
            except InputError as error:
                reason = str(error)
            seen = frames
            if original is not None and dataset.features.lacks_between:
                seen = np.concatenate([frames, dataset.frames_between(i, original)])
            latents = {
                system.key: system.encode(self.encoder, seen if system.sees_between else frames)
                for system in self.systems
            }
            if frames.any():
                scores.means[i] = {key: latent.mean(axis=0) for key, latent in latents.items()}
            log_mels = {
                system.key: system.decode(self.encoder, latents[system.key], frames.shape[1]) for system in self.systems
            }
            own = {key: log_mel[: dataset.features.n_mels] for key, log_mel in log_mels.items()}
            self._score_log_mels(scores, i, frames, own)
            if original is None:
                scores.left_out.append(LeftOut(dataset.names[i], reason))
                continue
            made = {key: waveform_of(dataset, i, log_mel, self.inversion) for key, log_mel in log_mels.items()}
            waveforms = {ORIGINAL: original} | made
            for key, waveform in waveforms.items():
                parts[key].append(resample(waveform, int(dataset.sr[i]), sr))
            scores.scored.append(i)
            self._score_sound(scores, i, waveforms)
            self._recognise(scores, i, waveforms)
        if as_segment and scores.scored:
            self._score_segment(scores, {key: Sound(join(waveforms, sr), sr) for key, waveforms in parts.items()})
        return scores

    def _score_log_mels(
        self, scores: SegmentScores, recording: int, frames: np.ndarray, log_mels: dict[str, np.ndarray]
    ) -> None:
        """Add the errors of each system's log-mel: overall, by band and over time."""
        features = self.dataset.features
        for key, log_mel in log_mels.items():
            for metric in registry.available(LogMelPair, "recordings", features.sr):
                measurement = metric.measure(LogMelPair(frames, log_mel, features))
                scores.add_recording(recording, key, metric, measurement)
            by_band = log_mel_error_by_band_db(frames, log_mel, features) ** 2
            scores.squares_by_band[key] = scores.squares_by_band[key] + by_band * frames.shape[1]
            over_time = np.array(log_mel_sums_over_time(frames, log_mel, features))
            scores.squares_over_time[key] = scores.squares_over_time[key] + over_time

    def _score_sound(self, scores: SegmentScores, recording: int, waveforms: dict[str, np.ndarray]) -> None:
        """Add the metrics of one recording's sound; of those that need a segment, only keep the model's value."""
        sr = int(self.dataset.sr[recording])
        reference = Sound(waveforms[ORIGINAL], sr)
        for system in self.systems:
            pair = SoundPair(reference, Sound(waveforms[system.key], sr))
            for metric in registry.available(SoundPair, "recordings", sr):
                scores.add_recording(recording, system.key, metric, metric.measure(pair))
            if system is MODEL:
                for metric in registry.available(SoundPair, "segments", sr):
                    if metric.of_each_recording:
                        scores.keep(recording, metric, metric.measure(pair))

    def _recognise(self, scores: SegmentScores, recording: int, waveforms: dict[str, np.ndarray]) -> None:
        """Add whether the right label is recognised in each waveform, if the recogniser knows the label."""
        sr = int(self.dataset.sr[recording])
        for recognition in self.recognitions:
            recogniser = recognition.recogniser
            if recognition.label_of(self.dataset.names[recording]) is None:
                continue
            if isinstance(recogniser, RecognisedLater):
                features = [word_features(waveform, sr=sr) for waveform in waveforms.values()]
                scores.features.setdefault(recognition.metric, {})[recording] = np.array(features)
                continue
            try:
                recognised = recogniser.recognise(list(waveforms.values()), sr=sr)
            except CallFailed as error:
                scores.add_failure(METRICS[recognition.metric], str(error))
                continue
            self._add_recognised(scores, recording, recognition, recognised)

    def recognise_later(self, scores: SegmentScores) -> None:
        """Add the labels of the recordings whose features were kept for the recogniser."""
        for recognition in self.recognitions:
            for recording, features in scores.features.pop(recognition.metric, {}).items():
                recognised = cast(FeatureRecogniser, recognition.recogniser).recognise_features(features)
                self._add_recognised(scores, recording, recognition, recognised)

    def _add_recognised(
        self, scores: SegmentScores, recording: int, recognition: Recognition, recognised: list[str]
    ) -> None:
        """Add whether the right label was recognised in the original, and in what each system made of it."""
        metric, label = METRICS[recognition.metric], recognition.labels[self.dataset.names[recording]]
        labels = dict(zip((ORIGINAL, *(system.key for system in self.systems)), recognised, strict=True))
        scores.recognised.setdefault(metric.key, {})[recording] = {"label": label} | labels
        for key, found in labels.items():
            scores.add_recording(recording, key, metric, metric.measure(LabelPair(label, found)))

    def _score_segment(self, scores: SegmentScores, sounds: dict[str, Sound]) -> None:
        """Add the metrics of the joined recordings; one that fails on one system counts for none of them."""
        pairs = {key: SoundPair(sounds[ORIGINAL], sound) for key, sound in sounds.items()}
        for metric in registry.available(SoundPair, "segments", sounds[ORIGINAL].sr):
            measured: dict[str, Measurement] = {}
            for key, pair in pairs.items():
                if key == ORIGINAL and not metric.of_originals:
                    continue
                measured[key] = metric.measure(pair)
                if measured[key].failure:
                    scores.add_failure(metric, measured[key].failure)
                    break
            else:
                for key, measurement in measured.items():
                    scores.add(key, metric, measurement)


def read_original(dataset: Dataset, recording: int) -> np.ndarray:
    """Return the waveform (n_samples,) of a recording of the dataset, at its own rate.

    Raises
    ------
    InputError
        If it is gone, has changed since the array was made, or is silent.
    """
    name = printable(dataset.names[recording])
    with fetched(dataset.path(recording)):  # once for both
        waveform = dataset.read(recording)
        has_changed = len(waveform) != dataset.n_samples[recording] or dataset.has_changed(recording)
    if has_changed:
        raise InputError(f"{name} has changed since the array was made: make the array again.")
    if not waveform.any():
        raise InputError(f"{name} is silent: there is nothing to understand.")
    return waveform

"""Measure a model on recordings, beside the PCA baseline and copy-synthesis."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import numpy as np

from speech_autoencoder.audio.log_mel import mel_edges_hz
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.data.dataset import Dataset, Progress
from speech_autoencoder.evaluation import bootstrap, mean_latents
from speech_autoencoder.evaluation.bootstrap import Cluster
from speech_autoencoder.evaluation.metrics import registry
from speech_autoencoder.evaluation.metrics.metric import Metric, SoundPair
from speech_autoencoder.evaluation.metrics.recognition import SPEAKERS, WORDS
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.recognition import recogniser
from speech_autoencoder.evaluation.recognition.recogniser import Recognition
from speech_autoencoder.evaluation.results import (
    Comparison,
    Coverage,
    ErrorProfile,
    LeftOut,
    LogMelError,
    Measurements,
    Originals,
    Probe,
    RecordingResult,
    Scores,
    SegmentResult,
)
from speech_autoencoder.evaluation.scoring import Scorer, SegmentScores, Work
from speech_autoencoder.evaluation.segments import pool
from speech_autoencoder.evaluation.systems import MODEL, ORIGINAL, OTHER, SYSTEMS, System, other_model

# A function of a scorer and all work that yields the scores in the order of the work.
Score = Callable[[Scorer, Sequence[Work]], Generator[SegmentScores]]
_TOO_SHORT = "the recordings of its speaker are too short for STOI, even together"


def evaluate(
    dataset: Dataset,
    encoder: Encoder,
    inversion: InversionConfig,
    *,
    workers: int,
    score: Score | None = None,
    other: Encoder | None = None,
    other_path: str = "",
    recognitions: Sequence[Recognition] = (),
    labels: dict[str, str] | None = None,
    progress: Progress = lambda items, total: items,
) -> Measurements:
    """Measure the encoder's model, the PCA baseline and copy-synthesis on the dataset.

    Sound is scored in segments of short recordings. The result does not depend on `workers`.

    Parameters
    ----------
    dataset
        The testing recordings, whose files are read.
    encoder
        The model with its latent search.
    inversion
        How sound is made of log-mels.
    workers
        The number of threads.
    score
        Scores segments elsewhere, in place of these threads.
    other, other_path
        Another model of the same features to compare with, and its file.
    recognitions
        What is recognised in the sound of every system.
    labels
        {name: word} of the recordings; by default, the words are those of the array.
    progress
        Wraps the segments as they are scored.
    """
    segments, too_short = pool(dataset.speakers(), dataset.n_samples / dataset.sr)
    systems = [*SYSTEMS.values(), *([other_model(other)] if other else [])]
    labels = dict(zip(dataset.names, dataset.labels(), strict=True)) if labels is None else labels
    scorer = Scorer(dataset, encoder, inversion, systems, recognitions)
    # What is too short to be scored as sound is compared as log-mel.
    work = [(segment.recordings, True) for segment in segments] + [([i], False) for i in too_short]
    tally = _Tally(dataset, systems, too_short)
    scored = (score or partial(_score_in_threads, workers=workers))(scorer, work)
    with closing(scored):
        for (recordings, is_segment), scores in zip(work, progress(scored, len(work)), strict=True):
            tally.add(recordings, scores, is_segment)
    clusters, measured = tally.clusters, tally.measured()
    found = {
        each.metric: recogniser.count(clusters, each, recognised, SYSTEMS)
        for each in recognitions
        if (recognised := tally.recognised[each.metric])
    }
    of_originals = [metric for metric in measured if METRICS[metric].of_originals]
    return Measurements(
        scores={system: _scores(clusters, system, measured) for system in SYSTEMS},
        intervals=bootstrap.intervals(clusters, [*SYSTEMS], measured),
        originals=Originals(
            _scores(clusters, ORIGINAL, of_originals),
            bootstrap.intervals(clusters, [ORIGINAL], of_originals)[ORIGINAL],
        ),
        resampled=bootstrap.resampled(clusters),
        coverage={key: tally.coverage(METRICS[key]) for key in measured},
        log_mel_error=tally.log_mel_error(),
        n_recordings=len(dataset.names),
        n_scored=len(tally.segment_of),
        n_segments=len(tally.segments),
        left_out=tally.left_out,
        segments=tally.segments,
        recordings=tally.recordings(labels),
        words=found.get(WORDS.key),
        speakers=found.get(SPEAKERS.key),
        comparison=_compare(clusters, measured, other_path) if other else None,
        probes=tally.probes(labels),
        frame_ms={system.key: system.frame_ms(dataset.features) for system in SYSTEMS.values()},
    )


def _score_in_threads(scorer: Scorer, work: Sequence[Work], *, workers: int) -> Generator[SegmentScores]:
    """Yield the scores of all work, computed in threads of this process."""
    with ThreadPoolExecutor(workers) as executor:
        yield from executor.map(lambda item: scorer(item[0], as_segment=item[1]), work)


def _scores(clusters: list[Cluster], system: str, metrics: Sequence[str]) -> Scores:
    """Return the scores of a system over all clusters."""
    return {metric: bootstrap.score(clusters, system, metric) for metric in metrics}


def _compare(clusters: list[Cluster], metrics: Sequence[str], path: str) -> Comparison:
    """Return the scores of the other model, and how the model differs from it."""
    return Comparison(
        path=path,
        scores=_scores(clusters, OTHER, metrics),
        differences=bootstrap.differences(clusters, MODEL.key, OTHER, metrics),
    )


class _Tally:
    """The scores of all segments, collected one by one: the clusters, and the results of segments and recordings."""

    def __init__(self, dataset: Dataset, systems: Sequence[System], too_short: list[int]) -> None:
        self.dataset, self.speakers = dataset, dataset.speakers()
        self.left_out = [LeftOut(dataset.names[i], _TOO_SHORT) for i in too_short]
        self.clusters: list[Cluster] = []
        self.segments: list[SegmentResult] = []
        self.segment_of: dict[int, int] = {}
        self.recognised: dict[str, dict[int, dict[str, str]]] = {WORDS.key: {}, SPEAKERS.key: {}}
        self.alone: dict[int, Scores] = {}
        self.means: dict[int, dict[str, np.ndarray]] = {}
        self.cluster_of: dict[int, int] = {}
        self.n_known = dict.fromkeys(METRICS, 0)
        self.failures = {metric: Counter[str]() for metric in METRICS}
        self.squares_by_band = dict.fromkeys(SYSTEMS, np.zeros(()))
        self.squares_over_time = dict.fromkeys(SYSTEMS, np.zeros(()))
        self.n_frames = 0

    def add(self, recordings: list[int], scores: SegmentScores, is_segment: bool) -> None:
        """Add the scores of recordings, of a segment or of one that is too short to be one."""
        self.alone |= scores.recordings
        for metric, recognised in scores.recognised.items():
            self.recognised[metric] |= recognised
        self.means |= scores.means
        self.n_frames += sum(int(self.dataset.n_frames[i]) for i in recordings if i not in scores.lost)
        self.cluster_of |= dict.fromkeys(recordings, len(self.clusters))
        for metric, n in scores.n_known.items():
            self.n_known[metric] += n
        for metric, failures in scores.failures.items():
            self.failures[metric] += failures
        for system in SYSTEMS:
            self.squares_by_band[system] = self.squares_by_band[system] + scores.squares_by_band[system]
            self.squares_over_time[system] = self.squares_over_time[system] + scores.squares_over_time[system]
        if is_segment:
            self._add_segment(recordings, scores)
        self.clusters.append(Cluster(self.speakers[recordings[0]], scores.sums))

    def _add_segment(self, recordings: list[int], scores: SegmentScores) -> None:
        """Add the result of a segment, if any of its recordings could be scored."""
        self.left_out += scores.left_out
        if not scores.scored:
            return
        self.segment_of |= dict.fromkeys(scores.scored, len(self.segments))
        sr = max(int(self.dataset.sr[i]) for i in recordings)
        recognised = [METRICS[key] for key in scores.recognised]
        metrics = [*registry.available(SoundPair, "segments", sr), *recognised]
        of_originals = [metric for metric in metrics if metric.of_originals]
        by_system: dict[str, Scores] = {system: scores.means_of(system, metrics) for system in SYSTEMS}
        originals = scores.means_of(ORIGINAL, of_originals)
        self.segments.append(SegmentResult(self.speakers[recordings[0]], len(scores.scored), by_system, originals))

    def measured(self) -> list[str]:
        """Return the metrics that were tried, even if they gave no value."""
        known = {metric for cluster in self.clusters for metric in cluster.sums[MODEL.key]}
        tried = {metric for segment in self.segments for metric in segment.scores[MODEL.key]}
        return [metric for metric in METRICS if metric in known | tried or self.failures[metric]]

    def coverage(self, metric: Metric) -> Coverage:
        """Return on how many segments or recordings a metric was measured, and why it is missing for the others."""
        if metric.measured_on == "segments":
            n_total = len(self.segments)
            n = sum(segment.scores[MODEL.key].get(metric.key) is not None for segment in self.segments)
        else:
            n_total, n = len(self.dataset.names), self.n_known[metric.key]
        failures = self.failures[metric.key]
        reasons = [reason for reason, _ in failures.most_common()]
        if n + failures.total() < n_total:
            reasons.append(metric.missing)
        return Coverage(metric.measured_on, n, n_total, ", ".join(reasons))

    def log_mel_error(self) -> LogMelError:
        """Return the RMS log-mel errors by band and over time of the systems that have an error."""
        n_frames = max(1, self.n_frames)
        profiles = {}
        for key, system in SYSTEMS.items():
            if system.changes_log_mel:
                sums, counts = self.squares_over_time[key]
                over_time = [float(np.sqrt(total / n)) if n else None for total, n in zip(sums, counts, strict=True)]
                profiles[key] = ErrorProfile(np.sqrt(self.squares_by_band[key] / n_frames).tolist(), over_time)
        band_hz = [round(float(hz), 1) for hz in mel_edges_hz(self.dataset.features)[1:-1]]
        return LogMelError(band_hz, profiles)

    def probes(self, labels: dict[str, str]) -> dict[str, Probe]:
        """Return what the mean latents of recordings tell of their speakers and words."""
        which, data = sorted(self.means), self.dataset
        return mean_latents.probe(
            {key: np.array([self.means[i][system.key] for i in which]) for key, system in mean_latents.INPUTS.items()},
            [self.speakers[i] for i in which],
            [labels.get(data.names[i], "") for i in which],
            files=[data.digests[i] if data.digests else i for i in which],
            segments=[self.cluster_of[i] for i in which],
        )

    def recordings(self, labels: dict[str, str]) -> list[RecordingResult]:
        """Return the result of each recording, with its place on the map of mean latents."""
        data = self.dataset
        metrics = [metric.key for metric in METRICS.values() if metric.of_each_recording]
        positions = mean_latents.place({i: means[MODEL.key] for i, means in self.means.items()})
        return [
            RecordingResult(
                path=name,
                speaker=self.speakers[i],
                duration_s=float(data.n_samples[i] / data.sr[i]),
                segment=self.segment_of.get(i),
                scores={key: self.alone.get(i, {}).get(key) for key in metrics},
                label=labels.get(name, ""),
                position=positions.get(i),
            )
            for i, name in enumerate(data.names)
        ]

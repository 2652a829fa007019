"""Some testing recordings whose reconstructions are scored: scoring all would take longer than the measurements."""

from dataclasses import dataclass

import numpy as np

from benchmarks.quality.scoring import values_of_segments
from benchmarks.quality.segments import join_segments, pooled_segments
from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import fit_length
from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data.dataset import Dataset


@dataclass(frozen=True)
class TestingSample:
    """Recordings of a `classic` array: their normalised log-mel, their waveforms, and their segments (indices)."""

    __test__ = False  # pytest collects classes called Test...

    frames: list[np.ndarray]
    references: list[np.ndarray]
    segments: list[list[int]]

    def score(self, estimates: list[np.ndarray]) -> dict[str, float]:
        """Return the mean STOI, ESTOI and, if PESQ is installed, PESQ-NB of estimates, cut or padded to length."""
        pairs = zip(estimates, self.references, strict=True)
        estimates = [fit_length(estimate, len(reference)) for estimate, reference in pairs]
        joined = [join_segments(waveforms, self.segments, CLASSIC.sr) for waveforms in (self.references, estimates)]
        values = values_of_segments(*joined, sr=CLASSIC.sr)
        return {metric: float(np.nanmean(scores)) for metric, scores in values.items()}


def take_sample(testing: Dataset, most: int) -> TestingSample:
    """Return at most this many recordings, evenly over the array."""
    some = np.unique(np.linspace(0, len(testing.names) - 1, most).astype(int))
    references = [read(testing.path(i), CLASSIC.sr) for i in some]
    speakers = testing.speakers()
    durations_s = np.array([len(reference) for reference in references]) / CLASSIC.sr
    segments = pooled_segments([speakers[i] for i in some], durations_s)
    return TestingSample([testing.frames(i) for i in some], references, segments)

"""Segments: recordings that are joined and scored together, as single words are too short for STOI and PESQ."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech_autoencoder.data.recording_names import conventional, understand
from speech_autoencoder.evaluation.segments import join, pool

_MOST_RECORDINGS = 10  # in a segment of one speaker and take


def segments_of(names: Sequence[str], durations_s: Sequence[float] | np.ndarray) -> list[list[int]]:
    """Return the recordings (indices) of each segment.

    If every name is label_speaker_take, as in FSDD, a segment has up to ten recordings of one speaker and take, so that
    the published tables stay comparable. Otherwise recordings are pooled as in an evaluation.
    """
    parts = [known for name in names if (known := conventional(name))]
    if len(parts) < len(names):
        return pooled_segments(understand(names).speakers, durations_s)
    takes: dict[tuple, list[int]] = {}
    for i, part in enumerate(parts):
        takes.setdefault((str(Path(names[i]).parent), part["speaker"], part["take"]), []).append(i)
    return [
        take[start : start + _MOST_RECORDINGS]
        for take in takes.values()
        for start in range(0, len(take), _MOST_RECORDINGS)
    ]


def pooled_segments(speakers: Sequence[str], durations_s: Sequence[float] | np.ndarray) -> list[list[int]]:
    """Return the recordings (indices) of each segment as an evaluation pools them, by speaker and duration."""
    return [segment.recordings for segment in pool(list(speakers), np.asarray(durations_s))[0]]


def join_segments(waveforms: Sequence[np.ndarray], segments: list[list[int]], sr: int) -> list[np.ndarray]:
    """Return the waveform of each segment, its recordings joined with short pauses."""
    return [join([waveforms[i] for i in segment], sr) for segment in segments]

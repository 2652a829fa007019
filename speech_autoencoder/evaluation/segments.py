"""Segments: recordings of one speaker that are scored together, since metrics of sound need some seconds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SEGMENT_S = 5.0  # the least length of a segment, if its speaker has as much: PESQ needs some seconds
_SHORTEST_S = 0.5  # STOI needs 30 frames (0.4 s) that are not silent
_PAUSE_S = 0.1  # after each recording


@dataclass(frozen=True)
class Segment:
    """Recordings (indices) of one speaker that are scored together, and their duration in seconds."""

    speaker: str
    recordings: list[int]
    duration_s: float


def pool(speakers: Sequence[str], durations_s: np.ndarray) -> tuple[list[Segment], list[int]]:
    """Return the segments of recordings, and the recordings whose speakers have too little sound to score.

    Each speaker's recordings are taken in order until a segment is 5 s long; what is left over joins the last segment.

    Parameters
    ----------
    speakers
        Of each recording.
    durations_s
        Of each recording, in seconds.
    """
    segments, too_short = [], []
    members_of: dict[str, list[int]] = {}
    for i, speaker in enumerate(speakers):
        members_of.setdefault(speaker, []).append(i)
    for speaker, members in sorted(members_of.items()):
        mine: list[Segment] = []
        pending: list[int] = []
        length = 0.0
        for i in members:
            pending.append(i)
            length += float(durations_s[i])
            if length >= _SEGMENT_S:
                mine.append(Segment(speaker, pending, length))
                pending, length = [], 0.0
        if pending and mine:
            last = mine.pop()
            mine.append(Segment(speaker, last.recordings + pending, last.duration_s + length))
        elif pending and length >= _SHORTEST_S:
            mine.append(Segment(speaker, pending, length))
        else:
            too_short += pending
        segments += mine
    return segments, too_short


def join(waveforms: list[np.ndarray], sr: int) -> np.ndarray:
    """Return waveforms (n_samples,) at `sr` Hz one after another, each with a short pause behind it; see `cut`."""
    pause = np.zeros(round(_PAUSE_S * sr), np.float32)
    return np.concatenate([part for waveform in waveforms for part in (waveform, pause)])


def cut(joined: np.ndarray, lengths: Sequence[int], sr: int) -> list[np.ndarray]:
    """Return the waveforms of these lengths in samples that `join` has joined."""
    starts = np.cumsum([0, *(n + round(_PAUSE_S * sr) for n in lengths[:-1])])
    return [joined[start : start + n] for start, n in zip(starts, lengths, strict=True)]

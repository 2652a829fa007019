"""The files that codecs are measured on, one for each segment, and the recordings cut out of what they decode."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality.segments import segments_of
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import read
from speech_autoencoder.data.building import most_common_rate
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.codecs.sixteen_bits import from_raw, to_raw
from speech_autoencoder.evaluation.segments import join


@dataclass(frozen=True)
class SegmentFile:
    """A segment as a file: its waveform (n_samples,) as 16 bits hold it, its recordings and their (start, stop)."""

    waveform: np.ndarray
    names: list[str]
    places: list[tuple[int, int]]


def files_of(folder: Path, sr: int | None = None) -> tuple[list[SegmentFile], int]:
    """Return (a file of each segment of the recordings below folder, their rate).

    The rate is sr, or the one that most recordings have. Recordings that cannot be read are left out.
    """
    sr = sr or most_common_rate(folder)
    names, waveforms = [], []
    for name in find_recordings(folder):
        try:
            waveforms.append(read(folder / name, sr))
        except InputError:
            continue
        names.append(name)
    segments = segments_of(names, [len(waveform) / sr for waveform in waveforms])
    return [to_file([waveforms[i] for i in segment], [names[i] for i in segment], sr) for segment in segments], sr


def to_file(waveforms: list[np.ndarray], names: list[str], sr: int) -> SegmentFile:
    """Return the recordings as one file, joined as an evaluation joins them."""
    joined = join(waveforms, sr)
    pause = (len(joined) - sum(map(len, waveforms))) // len(waveforms)
    starts = np.cumsum([0, *(len(waveform) + pause for waveform in waveforms)])
    places = [(int(start), int(start) + len(waveform)) for start, waveform in zip(starts, waveforms, strict=False)]
    return SegmentFile(from_raw(to_raw(joined)), names, places)


def cut_recordings(files: list[SegmentFile], decoded: list[np.ndarray]) -> tuple[list[np.ndarray], list[str]]:
    """Return (the recordings, cut out of the decoded files at their places; their names)."""
    pairs = list(zip(files, decoded, strict=True))
    cut = [waveform[start:stop] for file, waveform in pairs for start, stop in file.places]
    return cut, [name for file, _ in pairs for name in file.names]

"""The files that codecs are measured on, strings of recordings with short pauses, and what codecs make of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality.scoring import segments_of
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import read
from speech_autoencoder.data.building import most_common_rate
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import metrics
from speech_autoencoder.evaluation.other_codecs import from_raw, to_raw


@dataclass(frozen=True)
class SoundFile:
    """A string of recordings: its waveform (n_samples,), as 16 bits hold it, their names and (start, stop) in it."""

    waveform: np.ndarray
    names: list[str]
    places: list[tuple[int, int]]


def files_of(folder: Path, sr: int | None = None) -> tuple[list[SoundFile], int]:
    """(a file for each string of the recordings below folder, their rate: sr, or what most recordings have)."""
    sr = sr or most_common_rate(folder)
    names, waveforms = [], []
    for name in find_recordings(folder):
        try:
            waveforms.append(read(folder / name, sr))
        except InputError:
            continue
        names.append(name)
    strings = segments_of(names, [len(waveform) / sr for waveform in waveforms])
    return [string_file([waveforms[i] for i in string], [names[i] for i in string], sr) for string in strings], sr


def string_file(waveforms: list[np.ndarray], names: list[str], sr: int) -> SoundFile:
    """The recordings as one file, as `metrics.join` puts them."""
    joined = metrics.join(waveforms, sr)
    pause = (len(joined) - sum(map(len, waveforms))) // len(waveforms)
    starts = np.cumsum([0, *(len(waveform) + pause for waveform in waveforms)])
    places = [(int(start), int(start) + len(waveform)) for start, waveform in zip(starts, waveforms, strict=False)]
    return SoundFile(from_raw(to_raw(joined)), names, places)


def cut_back(files: list[SoundFile], decoded: list[np.ndarray]) -> tuple[list[np.ndarray], list[str]]:
    """(the recordings, cut out of the decoded files at their own places; their names)."""
    pairs = list(zip(files, decoded, strict=True))
    cut = [waveform[start:stop] for file, waveform in pairs for start, stop in file.places]
    return cut, [name for file, _ in pairs for name in file.names]

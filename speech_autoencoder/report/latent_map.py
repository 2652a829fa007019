"""The page's map of recordings: their points, what colours and shapes stand for, and a sound for each."""

import re
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.results import RecordingResult
from speech_autoencoder.evaluation.scoring import read_original
from speech_autoencoder.report.samples import loudest_start
from speech_autoencoder.system.files import printable

# The side of the picture, and the room around the points.
SIZE = 400
_MARGIN = 14
# Outlines of shapes around 0, as SVG writes them. There is one more than colours, so that 56 classes look different.
SHAPES = (
    "M-4.6 0a4.6 4.6 0 1 0 9.2 0a4.6 4.6 0 1 0-9.2 0Z",
    "M-4.2-4.2h8.4v8.4h-8.4Z",
    "M0-5.8L5.3 4.2H-5.3Z",
    "M0-6L5.2 0L0 6L-5.2 0Z",
    "M0 5.8L5.3-4.2H-5.3Z",
    "M-1.8-5.4h3.6v3.6h3.6v3.6h-3.6v3.6h-3.6v-3.6h-3.6v-3.6h3.6Z",
    "M0-2.5L3.1-5.6L5.6-3.1L2.5 0L5.6 3.1L3.1 5.6L0 2.5L-3.1 5.6L-5.6 3.1L-2.5 0L-5.6-3.1L-3.1-5.6Z",
    "M0-6.2L1.7-1.9L6.2-1.9L2.6 1L3.8 5.6L0 3L-3.8 5.6L-2.6 1L-6.2-1.9L-1.7-1.9Z",
)
_N_COLOURS = 7  # of latent_map.css
# More classes have a field to find one by its name.
FEW_CLASSES = 10
# Of the sounds: enough to hear who says what. Every browser plays MP3 at these rates, in Hz.
_COMPRESSION = {"format": "MP3", "bitrate_mode": "VARIABLE", "compression_level": 0.9}
_SAMPLE_RATES = (8_000, 11_025, 12_000)
_BYTES_PER_S = 4_000
# What they may take together, about, and the longest of them.
_SOUND_BYTES = 600_000
_LONGEST_S = 3.0
_PEAK = 0.99


@dataclass(frozen=True)
class Class:
    """A speaker or a word: its name, "" if unknown, and the colour and the shape (an index) of its points."""

    name: str
    colour: str
    shape: int


@dataclass(frozen=True)
class Point:
    """A recording: where it is, its name with what is known of it, its class (an index) by kind, its sound or ""."""

    x: float
    y: float
    title: str
    classes: dict[str, int]
    sound: str


@dataclass(frozen=True)
class LatentMap:
    """The points, and the classes by kind: "speaker" and "word", as far as any is known."""

    points: list[Point]
    kinds: dict[str, list[Class]]


@dataclass(frozen=True)
class Sounds:
    """The files of sounds, {recording: path from the page}, and to what length longer ones were cut, if any was."""

    files: dict[int, str]
    cut_s: float | None


UNKNOWN = Class("", "colour-none", 0)


def make_map(recordings: Sequence[RecordingResult], sounds: Sounds) -> LatentMap | None:
    """Return the map of the recordings that have a position, None without any."""
    placed = [(i, entry, entry.position) for i, entry in enumerate(recordings) if entry.position]
    if not placed:
        return None
    names = [{"speaker": printable(entry.speaker), "word": printable(entry.label)} for _, entry, _ in placed]
    kinds = {
        kind: _classes({of[kind] for of in names}) for kind in ("speaker", "word") if any(of[kind] for of in names)
    }
    index = {kind: {entry.name: i for i, entry in enumerate(classes)} for kind, classes in kinds.items()}
    points = [
        Point(
            round(_MARGIN + (SIZE - 2 * _MARGIN) * x, 1),
            round(_MARGIN + (SIZE - 2 * _MARGIN) * (1 - y), 1),
            ", ".join([printable(entry.path), *(f"{kind} {name}" for kind, name in of.items() if name)]),
            {kind: index[kind][of[kind]] for kind in kinds},
            sounds.files.get(i, ""),
        )
        for (i, entry, (x, y)), of in zip(placed, names, strict=True)
    ]
    return LatentMap(points, kinds)


def _classes(names: Collection[str]) -> list[Class]:
    """Return the classes of these names in their order, numbers as numbers, and the unknown one last."""
    known = sorted(filter(None, names), key=_natural)
    classes = [Class(name, f"colour-{i % _N_COLOURS}", i % len(SHAPES)) for i, name in enumerate(known)]
    return [*classes, UNKNOWN] if "" in names else classes


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key by which "9" comes before "10"."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def write_sounds(folder: Path, recordings: Sequence[RecordingResult], dataset: Dataset, *, workers: int) -> Sounds:
    """Write the sounds of the recordings that have a position, as far as they are available, to a folder.

    They are compressed, and of long recordings only the loudest part, so that all take some 600 kB at most.
    """
    placed = [i for i, entry in enumerate(recordings) if entry.position]
    longest_s = _longest([recordings[i].duration_s for i in placed])

    def write(recording: int) -> str:
        try:
            sound = read_original(dataset, recording)
        except InputError:
            return ""  # gone, or changed
        own_sr = int(dataset.sr[recording])
        length = round(longest_s * own_sr)
        if len(sound) > length:
            start = loudest_start(sound, length)
            sound = sound[start : start + length]
        sr = max((sr for sr in _SAMPLE_RATES if sr <= own_sr), default=_SAMPLE_RATES[0])
        sound = resample(sound, own_sr, sr)
        path = folder / f"map-{recording + 1}.mp3"
        sf.write(path, sound / max(1.0, float(np.abs(sound).max()) / _PEAK), sr, **_COMPRESSION)
        return f"{folder.name}/{path.name}"

    if "MP3" not in sf.available_formats():
        return Sounds({}, None)  # a libsndfile without it
    with ThreadPoolExecutor(workers) as executor:
        files = dict(zip(placed, executor.map(write, placed), strict=True))
    is_cut = any(recordings[i].duration_s > longest_s for i in placed)
    return Sounds({i: name for i, name in files.items() if name}, longest_s if is_cut else None)


def _longest(durations_s: Sequence[float]) -> float:
    """Return the length to which sounds are cut so that all of them fit."""
    left, longest_s = _SOUND_BYTES / _BYTES_PER_S, _LONGEST_S
    for n_left, duration_s in zip(range(len(durations_s), 0, -1), sorted(durations_s), strict=True):
        if duration_s * n_left > left:  # this one and all longer ones share what is left
            return min(longest_s, left / n_left)
        left -= duration_s
    return longest_s


def is_sound_name(name: str) -> bool:
    """Return whether a file has a name that `write_sounds` gives."""
    return re.fullmatch(r"map-\d+\.mp3", name) is not None

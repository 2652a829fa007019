"""Which recordings train, and which validate."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.data.recording_names import groups_of
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.wording import counted

# Whole speakers may hold out this much less, or more, than the requested share of the recordings.
_LEAST_HELD = 0.5
_MOST_HELD = 1.25
# Speakers that are named.
_MOST_NAMED = 10


@dataclass(frozen=True)
class Split:
    """The recordings on either side.

    Attributes
    ----------
    training, validation : np.ndarray of int
        Indices of recordings.
    how : str
        How they were chosen, in words.
    """

    training: np.ndarray
    validation: np.ndarray
    how: str


def split(dataset: Dataset, config: TrainingConfig, by: str = "auto") -> Split:
    """Choose the recordings that validate: whole speakers if names tell enough of them, else whole recordings.

    Where names tell neither speakers nor labels, the folders that group the recordings stand in for speakers, or the
    files that they are parts of: what was recorded together is not on both sides.

    Parameters
    ----------
    config : TrainingConfig
        Its `validation` is the share to hold out; its `seed` determines the choice.
    by : str
        One of VALIDATION_SPLITS. "auto" holds out speakers if whole ones are about the requested share of the
        recordings, as one of eight or more is. Recordings are held out evenly over the speakers that the names tell.

    Raises
    ------
    InputError
        If speakers are to be held out, but the names tell fewer than two.
    """
    rng = np.random.default_rng([config.seed, 1])
    told = dataset.understanding
    is_grouped = not told.n_understood
    noun = "folder" if is_grouped else "speaker"
    names, speakers = _ranked(groups_of(dataset.files or dataset.names) if is_grouped else told.speakers)
    if is_grouped and dataset.files and not any(names):
        noun, (names, speakers) = "file", _ranked(dataset.files)
    sizes = np.bincount(speakers)
    known = [speaker for speaker, name in enumerate(names) if name]
    n_wanted = max(1, round(config.validation * len(speakers)))
    if len(speakers) < 2:
        everything = np.arange(len(speakers))
        return Split(everything, everything, "the only recording, which is also trained on: add more")
    if by != "recording" and len(known) > 1:
        chosen: list[int] = []
        count = 0
        for speaker in rng.permutation(known).tolist():
            if count + sizes[speaker] <= _MOST_HELD * n_wanted and count < n_wanted:
                chosen.append(speaker)
                count += int(sizes[speaker])
        if by == "auto" and count < _LEAST_HELD * n_wanted:
            chosen = []  # too few recordings to judge an epoch by
        if by == "speaker" and not chosen:
            chosen = [min(known, key=lambda speaker: sizes[speaker])]
        if chosen:
            held = np.isin(speakers, chosen)
            listed = ", ".join(printable(names[speaker]) for speaker in sorted(chosen)[:_MOST_NAMED])
            more = f" and {len(chosen) - _MOST_NAMED} more" if len(chosen) > _MOST_NAMED else ""
            how = f"{len(chosen)} of {counted(len(known), noun)}, never trained on: {listed}{more}"
            return Split(np.flatnonzero(~held), np.flatnonzero(held), how)
    if by == "speaker":
        raise InputError(
            "The recordings' names tell fewer than two speakers: say how they do with --names when you make the array, "
            "or use --validation recording."
        )
    shuffled = rng.permutation(len(speakers))
    shuffled = shuffled[np.argsort(speakers[shuffled], kind="stable")]
    held = np.zeros(len(speakers), bool)
    held[shuffled[np.linspace(0, len(speakers) - 1, n_wanted).round().astype(int)]] = True
    how = f"whole recordings, evenly over {len(known)} {noun}s" if len(known) > 1 else "whole recordings"
    return Split(np.flatnonzero(~held), np.flatnonzero(held), how)


def _ranked(values: Iterable[str]) -> tuple[list[str], np.ndarray]:
    """Return the distinct values in order, and of each value its place among them: not a text for each of millions."""
    places: dict[str, int] = {}
    found = np.fromiter((places.setdefault(value, len(places)) for value in values), np.int64)
    distinct = sorted(places)
    rank = np.empty(len(distinct), np.int64)
    rank[[places[value] for value in distinct]] = np.arange(len(distinct))
    return distinct, rank[found]

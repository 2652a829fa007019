"""Which recordings train, and which validate."""

from dataclasses import dataclass

import numpy as np

from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.errors import InputError

# The least and the most of the share that was asked for that may be held out when that is whole speakers.
_LEAST_HELD, _MOST_HELD = 0.5, 1.25


@dataclass(frozen=True)
class Split:
    """The recordings (indices) that train and that validate, and in words how they were chosen."""

    training: np.ndarray
    validation: np.ndarray
    how: str


def split(dataset: Dataset, config: TrainingConfig, by: str = "auto") -> Split:
    """Which recordings validate: whole speakers where names tell enough of them, else whole recordings.

    by is "speaker", "recording" or "auto": speakers when whole ones are about the share of the recordings that was
    asked for, as one of eight or more is. Recordings are held out evenly over the speakers that the names tell.
    """
    rng = np.random.default_rng([config.seed, 1])
    groups = np.array(dataset.groups())
    names = sorted(set(groups) - {""})
    n_wanted = max(1, round(config.validation * len(groups)))
    if len(groups) < 2:
        everything = np.arange(len(groups))
        return Split(everything, everything, "the only recording, which is also trained on: record more")
    if by != "recording" and len(names) > 1:
        chosen, count = [], 0
        for name in rng.permutation(names):
            size = int((groups == name).sum())
            if count + size <= _MOST_HELD * n_wanted and count < n_wanted:
                chosen.append(str(name))
                count += size
        if by == "auto" and count < _LEAST_HELD * n_wanted:
            chosen = []  # too few to judge an epoch by
        if by == "speaker" and not chosen:
            chosen = [min(names, key=lambda name: ((groups == name).sum(), name))]
        if chosen:
            held = np.isin(groups, chosen)
            how = f"{len(chosen)} of {len(names)} speakers, never trained on: {', '.join(sorted(chosen))}"
            return Split(np.flatnonzero(~held), np.flatnonzero(held), how)
    if by == "speaker":
        raise InputError(
            "The recordings' names tell no two speakers: put each speaker's in a folder, or use --validation recording."
        )
    shuffled = rng.permutation(len(groups))
    shuffled = shuffled[np.argsort(groups[shuffled], kind="stable")]
    held = np.zeros(len(groups), bool)
    held[shuffled[np.linspace(0, len(groups) - 1, n_wanted).round().astype(int)]] = True
    how = f"whole recordings, evenly over {len(names)} speakers" if len(names) > 1 else "whole recordings"
    return Split(np.flatnonzero(~held), np.flatnonzero(held), how)

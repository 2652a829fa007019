"""A description of a corpus, with warnings, before minutes are spent on training with it."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from speech_autoencoder.config import ENOUGH, ENOUGH_SECONDS, LEAST_RECORDINGS, LEAST_SECONDS
from speech_autoencoder.script_names import TRAINER
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.wording import counted, duration

# The most names, or sample rates, that are listed.
_MOST_NAMED = 5
# The share of samples at full scale from which a recording counts as clipped.
_CLIPPED = 0.001
# The share of 20 ms pieces below -60 dBFS from which it is mostly silence.
_SILENT = 0.8
# dBFS below which it is too quiet compared with its noise.
_QUIET_DBFS = -50.0
# Seconds that are too short for a word.
_SHORT_S = 0.1
# The least power in dBFS, of silence too.
_LEAST_POWER = 1e-20
# Suggested minutes of training for each minute of recordings, as in docs/quality.md, and their bounds.
_TRAINING = 0.5
_LEAST_MINUTES = 2
_MOST_MINUTES = 60


def describe(columns: dict[str, Sequence]) -> list[str]:
    """Return lines that describe a corpus: its size and levels, warnings, a suggested training time.

    `columns` is what the sidecar says of each recording, by column (sidecar.columns.COLUMNS).
    """
    names = columns["path"]
    keys = ("sr", "n_samples", "power", "clipped", "quiet")
    sr, n_samples, power, clipped, quiet = (np.asarray(columns[key]) for key in keys)
    seconds = n_samples / sr
    dbfs = 10 * np.log10(np.maximum(power, _LEAST_POWER))
    levels_dbfs = dbfs[power > 0]
    total_s = float(seconds.sum())
    lines = [
        f"Corpus: {duration(total_s)} in {counted(len(names), 'recording')} of {_lengths(seconds)}; "
        f"{_speakers(columns['speaker'])}; {_rates(columns['sr'])}."
    ]
    if len(levels_dbfs):
        n_full_scale = int((clipped > 0).sum())
        quiet_share = float((quiet * seconds).sum()) / total_s
        least, median, most = (f"{level:.0f}" for level in np.percentile(levels_dbfs, [0, 50, 100]))
        levels = f"median {median} dBFS, from {least} to {most}" if least != most else f"{median} dBFS"
        lines.append(
            f"Levels: {levels}; {100 * quiet_share:.0f} % of the time is below -60 dBFS; "
            f"{counted(n_full_scale, 'recording')} {'reaches' if n_full_scale == 1 else 'reach'} full scale."
        )
    for what, chosen in (
        ("clipped, and should be recorded with less gain", clipped > _CLIPPED * n_samples),
        ("silent, and should be removed", power == 0),
        ("mostly silence, and should be trimmed", (quiet > _SILENT) & (power > 0)),
        ("very quiet, so that noise is learned as well", (dbfs < _QUIET_DBFS) & (power > 0)),
        ("too short for a word", seconds < _SHORT_S),
        ("identical to another, byte for byte", _are_copies(columns)),
    ):
        found = np.flatnonzero(chosen)
        if len(found):
            verb = "is" if len(found) == 1 else "are"
            lines.append(f"Warning: {counted(len(found), 'recording')} {verb} {what}: {_named(names, found)}.")
    small = warn_if_small(columns["n_samples"], columns["sr"])
    if small:
        return lines + small
    minutes = min(_MOST_MINUTES, max(_LEAST_MINUTES, math.floor(_TRAINING * total_s / 60 + 0.5)))
    lines.append(f"Suggested: {TRAINER} --minutes {minutes}, on two cores.")
    return lines


def warn_if_small(n_samples: Sequence[int] | np.ndarray, sr: Sequence[int] | np.ndarray) -> list[str]:
    """Return a line if recordings of these lengths and rates (Hz) are too few for any claim, otherwise none."""
    n_recordings, total_s = len(n_samples), float((np.asarray(n_samples) / np.asarray(sr)).sum())
    if not is_small(n_recordings, total_s):
        return []
    return [
        f"Warning: {counted(n_recordings, 'recording')}, {duration(total_s)} in all: enough to try things out, "
        f"too little for any claim about other recordings. Use at least {LEAST_RECORDINGS} recordings and "
        f"{LEAST_SECONDS:.0f} s, better {ENOUGH}."
    ]


def is_small(n_recordings: int, seconds: float) -> bool:
    """Return whether recordings of this many seconds in all are too few for any claim about others."""
    return seconds < LEAST_SECONDS or (n_recordings < LEAST_RECORDINGS and seconds < ENOUGH_SECONDS)


def _are_copies(columns: dict[str, Sequence]) -> np.ndarray:
    """Return whether each recording has the same bytes as an earlier one."""
    digest, n_samples = np.asarray(columns["digest"]), np.asarray(columns["n_samples"])
    is_copy = np.zeros(len(digest), bool)
    order = np.argsort(digest, kind="stable")
    is_again = np.concatenate([[False], np.diff(digest[order]) == 0])
    # Few have the digest of another: only these are compared in full, as parts of files have that of their file.
    some = np.sort(order[is_again | np.roll(is_again, -1)])
    start = np.asarray(columns["start"])[some] if "start" in columns else np.zeros_like(some)
    contents = np.stack([digest[some], start, n_samples[some]])
    is_copy[some] = True
    is_copy[some[np.unique(contents, axis=1, return_index=True)[1]]] = False
    return is_copy


def _named(names: Sequence[str], chosen: np.ndarray) -> str:
    """Return the first names of those that are chosen (indices), and how many more there are."""
    text = ", ".join(printable(names[i]) for i in chosen[:_MOST_NAMED])
    more = len(chosen) - _MOST_NAMED
    return f"{text} and {more} more" if more > 0 else text


def _lengths(seconds: np.ndarray) -> str:
    """Return the lengths of the shortest and the longest recording, or of the only one."""
    least, most = f"{seconds.min():.2f}", f"{seconds.max():.2f}"
    return f"{most} s" if least == most else f"{least} to {most} s"


def _speakers(of_recordings: Sequence[str]) -> str:
    """Return how many speakers are known."""
    speakers = Counter(of_recordings)
    n_unknown = speakers.pop("", 0)
    if not speakers:
        return "their names do not tell the speakers"
    text = f"{counted(len(speakers), 'speaker')} by name"
    return f"{text}, and {counted(n_unknown, 'recording')} of unknown speakers" if n_unknown else text


def _rates(rates: Sequence[int]) -> str:
    """Return the sample rates, the most common first."""
    values, firsts, n_each = np.unique(np.asarray(rates), return_index=True, return_counts=True)
    counts = [(int(values[i]), int(n_each[i])) for i in np.lexsort([firsts, -n_each])]
    if len(counts) == 1:
        return f"{counts[0][0]:,} Hz"
    text = ", ".join(f"{count} at {rate:,} Hz" for rate, count in counts[:_MOST_NAMED])
    more = len(counts) - _MOST_NAMED
    return f"{text} and {counted(more, 'other rate')}" if more > 0 else text

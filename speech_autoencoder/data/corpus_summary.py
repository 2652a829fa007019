"""A description of a corpus, with warnings, before minutes are spent on training with it."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from speech_autoencoder.config import ENOUGH, ENOUGH_SECONDS, LEAST_RECORDINGS, LEAST_SECONDS
from speech_autoencoder.script_names import TRAINER
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.wording import counted, duration

# Recordings that are in memory at once.
_AT_ONCE = 1 << 16
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
# What may be wrong with recordings, in the order of what `describe` finds.
_WARNINGS = (
    "clipped, and should be recorded with less gain",
    "silent, and should be removed",
    "mostly silence, and should be trimmed",
    "very quiet, so that noise is learned as well",
    "too short for a word",
    "identical to another, byte for byte",
)


def describe(columns: dict[str, Sequence]) -> list[str]:
    """Return lines that describe a corpus: its size and levels, warnings, a suggested training time.

    `columns` is what the sidecar says of each recording, by column (sidecar.columns.COLUMNS).
    """
    names, keys = columns["path"], ("sr", "n_samples", "power", "clipped", "quiet")
    clipped_ones, silent, mostly_silent, very_quiet, short, copies = found = [_Found() for _ in range(6)]
    levels_dbfs = np.empty(len(names))
    n_levels = n_full_scale = 0
    total_s = quiet_s = most_s = 0.0
    least_s = math.inf
    for start in range(0, len(names), _AT_ONCE):
        sr, n_samples, power, clipped, quiet = (np.asarray(columns[key][start : start + _AT_ONCE]) for key in keys)
        seconds, has_sound = n_samples / sr, power > 0
        dbfs = 10 * np.log10(np.maximum(power, _LEAST_POWER))
        levels = dbfs[has_sound]
        levels_dbfs[n_levels : n_levels + len(levels)] = levels
        n_levels += len(levels)
        n_full_scale += int((clipped > 0).sum())
        total_s, quiet_s = total_s + float(seconds.sum()), quiet_s + float((quiet * seconds).sum())
        least_s, most_s = min(least_s, seconds.min()), max(most_s, seconds.max())
        clipped_ones.add(start, clipped > _CLIPPED * n_samples)
        silent.add(start, power == 0)
        mostly_silent.add(start, (quiet > _SILENT) & has_sound)
        very_quiet.add(start, (dbfs < _QUIET_DBFS) & has_sound)
        short.add(start, seconds < _SHORT_S)
    copies.add(0, _are_copies(columns))
    lines = [
        f"Corpus: {duration(total_s)} in {counted(len(names), 'recording')} of {_lengths(least_s, most_s)}; "
        f"{_speakers(columns['speaker'])}; {_rates(columns['sr'])}."
    ]
    if n_levels:
        least, median, most = (f"{level:.0f}" for level in np.percentile(levels_dbfs[:n_levels], [0, 50, 100]))
        text = f"median {median} dBFS, from {least} to {most}" if least != most else f"{median} dBFS"
        lines.append(
            f"Levels: {text}; {100 * quiet_s / total_s:.0f} % of the time is below -60 dBFS; "
            f"{counted(n_full_scale, 'recording')} {'reaches' if n_full_scale == 1 else 'reach'} full scale."
        )
    for each, what in zip(found, _WARNINGS, strict=True):
        if each.count:
            verb = "is" if each.count == 1 else "are"
            lines.append(f"Warning: {counted(each.count, 'recording')} {verb} {what}: {each.named(names)}.")
    small = warn_if_small(columns["n_samples"], columns["sr"])
    if small:
        return lines + small
    minutes = min(_MOST_MINUTES, max(_LEAST_MINUTES, math.floor(_TRAINING * total_s / 60 + 0.5)))
    lines.append(f"Suggested: {TRAINER} --minutes {minutes}, on two cores.")
    return lines


class _Found:
    """Recordings that something is wrong with: how many, and the first ones (indices)."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[int] = []

    def add(self, start: int, chosen: np.ndarray) -> None:
        """Add those that are chosen of the recordings from `start` on."""
        places = np.flatnonzero(chosen)
        self.count += len(places)
        self.first += (start + places[: _MOST_NAMED - len(self.first)]).tolist()

    def named(self, names: Sequence[str]) -> str:
        """Return the first names, and how many more there are."""
        text = ", ".join(printable(names[i]) for i in self.first)
        more = self.count - len(self.first)
        return f"{text} and {more} more" if more > 0 else text


def warn_if_small(n_samples: Sequence[int] | np.ndarray, sr: Sequence[int] | np.ndarray) -> list[str]:
    """Return a line if recordings of these lengths and rates (Hz) are too few for any claim, otherwise none."""
    n_recordings, total_s = len(n_samples), 0.0
    for start in range(0, n_recordings, _AT_ONCE):
        total_s += float(
            (np.asarray(n_samples[start : start + _AT_ONCE]) / np.asarray(sr[start : start + _AT_ONCE])).sum()
        )
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
    digests = np.asarray(columns["digest"])
    in_order = np.sort(digests)
    # Few have the digest of another: only these are compared in full, as parts of files have that of their file.
    some = np.flatnonzero(np.isin(digests, in_order[1:][np.diff(in_order) == 0]))
    is_copy = np.zeros(len(digests), bool)
    if len(some):
        start = np.asarray(columns["start"])[some] if "start" in columns else np.zeros_like(some)
        contents = np.stack([digests[some], start, np.asarray(columns["n_samples"])[some]])
        is_copy[some] = True
        is_copy[some[np.unique(contents, axis=1, return_index=True)[1]]] = False
    return is_copy


def _lengths(least_s: float, most_s: float) -> str:
    """Return the lengths of the shortest and the longest recording, or of the only one."""
    least, most = f"{least_s:.2f}", f"{most_s:.2f}"
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
    count_of: Counter[int] = Counter()
    for start in range(0, len(rates), _AT_ONCE):
        count_of.update(np.asarray(rates[start : start + _AT_ONCE]).tolist())
    counts = count_of.most_common()
    if len(counts) == 1:
        return f"{counts[0][0]:,} Hz"
    text = ", ".join(f"{count} at {rate:,} Hz" for rate, count in counts[:_MOST_NAMED])
    more = len(counts) - _MOST_NAMED
    return f"{text} and {counted(more, 'other rate')}" if more > 0 else text

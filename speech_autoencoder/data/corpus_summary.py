"""What a corpus is like, in words, before minutes are spent on training with it."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from speech_autoencoder.data.dataset import group_of
from speech_autoencoder.script_names import TRAINER
from speech_autoencoder.system.files import printable

# The names that a warning lists.
_MOST_NAMED = 5
# The share of samples at full scale, and of 20 ms pieces below -60 dBFS, that are worth a warning; dBFS below which
# a recording is too quiet for its noise; and seconds that hold no word.
_CLIPPED, _SILENT, _QUIET_DBFS, _SHORT_S = 0.001, 0.8, -50.0, 0.1
# Minutes of training for each minute of recordings: what docs/quality.md was measured with; and their bounds.
_TRAINING, _LEAST_MINUTES, _MOST_MINUTES = 0.5, 2, 60


def describe(columns: dict[str, Sequence]) -> list[str]:
    """Lines about the recordings that a sidecar's columns tell of: what they are, warnings, minutes to train for."""
    names = columns["path"]
    keys = ("sr", "n_samples", "power", "clipped", "quiet")
    sr, n_samples, power, clipped, quiet = (np.asarray(columns[key]) for key in keys)
    seconds = n_samples / sr
    dbfs = 10 * np.log10(np.maximum(power, 1e-20))
    heard = dbfs[power > 0]
    speakers = Counter(group_of(name) for name in names)
    unknown = speakers.pop("", 0)
    total_s = float(seconds.sum())
    lines = [
        f"Corpus: {_duration(total_s)} in {len(names)} recordings of {seconds.min():.2f} to {seconds.max():.2f} s; "
        f"{_speakers(speakers, unknown)}; {_rates(columns['sr'])}."
    ]
    if len(heard):
        lines.append(
            f"Levels: {np.median(heard):.0f} dBFS at the median, {heard.min():.0f} the quietest, {heard.max():.0f} the "
            f"loudest; {100 * float((quiet * seconds).sum()) / total_s:.0f} % is below -60 dBFS; "
            f"{int((clipped > 0).sum())} recordings reach full scale."
        )
    is_copy = np.ones(len(names), bool)
    is_copy[np.unique(columns["digest"], return_index=True)[1]] = False
    for what, found in (
        ("are clipped: record them with less gain", _where(names, clipped > _CLIPPED * n_samples)),
        ("are silent: take them out", _where(names, power == 0)),
        ("are mostly silence: cut it off", _where(names, (quiet > _SILENT) & (power > 0))),
        ("are very quiet, so that their noise is learned too", _where(names, (dbfs < _QUIET_DBFS) & (power > 0))),
        ("are too short to hold a word", _where(names, seconds < _SHORT_S)),
        ("are copies of another, byte for byte", _where(names, is_copy)),
    ):
        if found:
            lines.append(f"Warning: {len(found)} recordings {what}: {_named(found)}.")
    minutes = min(_MOST_MINUTES, max(_LEAST_MINUTES, math.floor(_TRAINING * total_s / 60 + 0.5)))
    lines.append(f"Suggested: {TRAINER} --minutes {minutes}, on two cores.")
    return lines


def _where(names, chosen):
    """The names that are chosen."""
    return [name for name, is_chosen in zip(names, chosen, strict=True) if is_chosen]


def _named(names):
    """The first of the names, and how many more there are."""
    text = ", ".join(printable(name) for name in names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{text} and {more} more" if more > 0 else text


def _duration(seconds):
    """The seconds in the unit that one would say."""
    return f"{seconds / 3_600:.1f} hours" if seconds >= 3_600 else f"{seconds / 60:.1f} minutes"


def _speakers(speakers, unknown):
    """How many speakers the names tell."""
    if not speakers:
        return "their names tell no speakers"
    text = f"{len(speakers)} speaker{'s' if len(speakers) > 1 else ''} by their names"
    return f"{text}, and {unknown} recordings that tell none" if unknown else text


def _rates(rates):
    """The sample rates, the most common first."""
    counts = Counter(rates).most_common()
    if len(counts) == 1:
        return f"{counts[0][0]:,} Hz"
    text = ", ".join(f"{count} at {rate:,} Hz" for rate, count in counts[:_MOST_NAMED])
    return f"{text} and {len(counts) - _MOST_NAMED} other rates" if len(counts) > _MOST_NAMED else text

"""The goals of our codec, and whether it meets them and beats other codecs at equal bytes."""

from benchmarks.codec import own_codec
from benchmarks.quality.scoring import HEADINGS
from speech_autoencoder.evaluation.codecs.codec import WIDE_HZ

# {the bitrate that is asked for, kbit/s: {metric: the least score}}
Goals = dict[str, dict[str, float]]
# Of FSDD (8 kHz): voices of the training recordings, and voices that were left out of it.
_KNOWN: Goals = {
    "0.5": {"stoi": 0.92, "estoi": 0.81, "pesq_nb": 2.8},
    "0.8": {"stoi": 0.94, "estoi": 0.855, "pesq_nb": 3.25},
    "1.6": {"stoi": 0.962, "estoi": 0.905, "pesq_nb": 3.65},
    "3.2": {"stoi": 0.973, "estoi": 0.933, "pesq_nb": 3.85},
    "6": {"stoi": 0.98, "estoi": 0.95, "pesq_nb": 4.05},
}
_UNSEEN: Goals = {"0.8": {"stoi": 0.915, "estoi": 0.8, "pesq_nb": 2.75}}
# Of the recordings that come with the project (16 kHz), known voices.
_WIDE: Goals = {
    "0.8": {"pesq_wb": 2.5},
    "1.6": {"pesq_wb": 3.1},
    "3.2": {"pesq_wb": 3.45},
    "6": {"pesq_wb": 3.75},
}
_COMPARED = ("stoi", "estoi", "pesq_nb", "pesq_wb")


def goals_at(sr: int, *, unseen: bool) -> Goals:
    """Return the goals for sound at `sr` Hz, of known or unseen voices; none were set for unseen ones at 16 kHz."""
    if sr >= WIDE_HZ:
        return {} if unseen else _WIDE
    return _UNSEEN if unseen else _KNOWN


def verdicts(rows: list[dict], goals: Goals) -> list[str]:
    """Return a line for each goal whose bitrate was measured: the rate, each metric, and who is beaten.

    A codec is beaten if it is worse on every metric at its lowest bitrate that is no lower than ours, or else at its
    highest. Each row has system, setting, bits_per_second and scores by metric; what was not scored is left out.
    """
    lines = []
    for row in rows:
        if row["system"] != own_codec.NAME or row["setting"] not in goals:
            continue
        kept = row["bits_per_second"] <= 1_000 * float(row["setting"])
        parts = [f"{row['bits_per_second']:,.0f} bit/s spent{'' if kept else ', TOO MANY'}"]
        for metric, goal in goals[row["setting"]].items():
            score = row["scores"].get(metric)
            if score is not None:
                parts.append(f"{HEADINGS[metric]} {score:.3f} of {goal:g} {'met' if score >= goal else 'NOT met'}")
        parts += [_compare(row, rival) for rival in _rivals(row, rows)]
        lines.append(f"{row['setting']} kbit/s: {'; '.join(parts)}.")
    return lines


def _rivals(ours: dict, rows: list[dict]) -> list[dict]:
    """Return the row of each other system that spends at least as many bits as ours, or else its most."""
    systems: dict[str, list[dict]] = {}
    for row in rows:
        if row["system"] != own_codec.NAME:
            systems.setdefault(row["system"], []).append(row)
    rivals = []
    for some in systems.values():
        some.sort(key=lambda row: row["bits_per_second"])
        rivals.append(next((row for row in some if row["bits_per_second"] >= ours["bits_per_second"]), some[-1]))
    return rivals


def _compare(ours: dict, theirs: dict) -> str:
    """Return whether ours is better on all metrics that both have, and on which it is not."""
    both = [m for m in _COMPARED if ours["scores"].get(m) is not None and theirs["scores"].get(m) is not None]
    worse = [m for m in both if ours["scores"][m] <= theirs["scores"][m]]
    rival = f"{theirs['system']} {theirs['setting']} ({theirs['bits_per_second']:,.0f} bit/s)"
    found = f"is NOT beaten on {_names(worse)}" if worse else f"is beaten on all of {_names(both)}"
    return f"{rival} {found}"


def _names(metrics: list[str]) -> str:
    return ", ".join(HEADINGS[metric] for metric in metrics)

"""Whether our codec is as good as is asked of it, and better than what people have at such a rate."""

from benchmarks.codec.own_codec import NAME
from benchmarks.quality.scoring import METRICS

# Of spoken digits at 8 kHz: kbit/s -> the least of each of METRICS, and the settings of others that must be beaten on
# all of them. Opus that is asked for 6 kbit/s spends less than 5 on such files, and less than 6 where asked for 7.
TARGETS = {
    "0.8": ((0.93, 0.88, 0.75, 2.4), (("PCA floor", "0.8"), ("Codec 2", "700C"))),
    "1.6": ((0.97, 0.925, 0.84, 3.0), (("PCA floor", "1.6"), ("Codec 2", "1600"))),
    "3.2": ((0.98, 0.955, 0.89, 3.4), (("PCA floor", "3.2"), ("Codec 2", "3200"), ("Opus", "6"), ("Opus", "7"))),
}


def verdicts(rows: list[dict]) -> list[str]:
    """A line for each target whose bitrate was measured: whether the rate is kept, each metric reached, who is beaten.

    Each row has system, setting, bits_per_second and scores by metric; a metric that was not scored is left out.
    """
    found = {(row["system"], row["setting"]): row for row in rows}
    lines = []
    for setting, (least, rivals) in TARGETS.items():
        row = found.get((NAME, setting))
        if not row:
            continue
        kept = row["bits_per_second"] <= 1_000 * float(setting)
        parts = [f"{row['bits_per_second']:,.0f} bit/s spent{'' if kept else ', MORE THAN THAT'}"]
        for metric, wanted in zip(METRICS, least, strict=True):
            score = row["scores"].get(metric)
            if score is not None:
                parts.append(f"{metric} {score:.3f} of {wanted:g} {_said(score >= wanted)}")
        parts += [_against(row, found[rival]) for rival in rivals if rival in found]
        lines.append(f"{setting} kbit/s: {'; '.join(parts)}.")
    return lines


def _against(ours, theirs):
    """Whether ours is better on all metrics that both have, and on which it is not."""
    both = [m for m in METRICS if ours["scores"].get(m) is not None and theirs["scores"].get(m) is not None]
    worse = [m for m in both if ours["scores"][m] <= theirs["scores"][m]]
    who = f"{theirs['system']} {theirs['setting']} ({theirs['bits_per_second']:,.0f} bit/s)"
    return f"{who} is NOT beaten on {', '.join(worse)}" if worse else f"{who} is beaten on all of {', '.join(both)}"


def _said(met):
    """The word for it."""
    return "met" if met else "NOT met"

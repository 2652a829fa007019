"""The goals of our codec, and whether it meets them and beats other codecs at about the same bitrate."""

from benchmarks.codec import own_codec, pca_codec
from benchmarks.quality.scoring import METRICS

# Of spoken digits at 8 kHz, by bitrate in kbit/s: the least of each of METRICS, and the settings of other codecs that
# must be beaten on all of them. On such files, Opus spends less than 5 kbit/s if asked for 6, less than 6 if for 7.
TARGETS = {
    "0.8": ((0.93, 0.88, 0.75, 2.4), ((pca_codec.NAME, "0.8"), ("Codec 2", "700C"))),
    "1.6": ((0.97, 0.925, 0.84, 3.0), ((pca_codec.NAME, "1.6"), ("Codec 2", "1600"))),
    "3.2": ((0.98, 0.955, 0.89, 3.4), ((pca_codec.NAME, "3.2"), ("Codec 2", "3200"), ("Opus", "6"), ("Opus", "7"))),
}


def verdicts(rows: list[dict]) -> list[str]:
    """Return a line for each goal whose bitrate was measured: the rate, each metric, and who is beaten.

    Each row has system, setting, bits_per_second and scores by metric; a metric that was not scored is left out.
    """
    found = {(row["system"], row["setting"]): row for row in rows}
    lines = []
    for setting, (least, rivals) in TARGETS.items():
        row = found.get((own_codec.NAME, setting))
        if not row:
            continue
        kept = row["bits_per_second"] <= 1_000 * float(setting)
        parts = [f"{row['bits_per_second']:,.0f} bit/s spent{'' if kept else ', TOO MANY'}"]
        for metric, goal in zip(METRICS, least, strict=True):
            score = row["scores"].get(metric)
            if score is not None:
                parts.append(f"{metric} {score:.3f} of {goal:g} {'met' if score >= goal else 'NOT met'}")
        parts += [_compare(row, found[rival]) for rival in rivals if rival in found]
        lines.append(f"{setting} kbit/s: {'; '.join(parts)}.")
    return lines


def _compare(ours: dict, theirs: dict) -> str:
    """Return whether ours is better on all metrics that both have, and on which it is not."""
    both = [m for m in METRICS if ours["scores"].get(m) is not None and theirs["scores"].get(m) is not None]
    worse = [m for m in both if ours["scores"][m] <= theirs["scores"][m]]
    rival = f"{theirs['system']} {theirs['setting']} ({theirs['bits_per_second']:,.0f} bit/s)"
    return f"{rival} is NOT beaten on {', '.join(worse)}" if worse else f"{rival} is beaten on all of {', '.join(both)}"

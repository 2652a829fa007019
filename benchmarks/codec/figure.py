"""The figure of the codecs: what each scores against the bits that it takes."""

from pathlib import Path

import numpy as np

from benchmarks.codec.own_codec import NAME
from benchmarks.codec.targets import TARGETS
from benchmarks.quality.scoring import METRICS
from speech_autoencoder.system.files import atomic_write

_TITLES = {
    "pesq_nb": "PESQ-NB",
    "pesq_wb": "PESQ-WB",
    "stoi": "STOI",
    "estoi": "ESTOI",
    "digits": "words heard right",
}
# Colours that the colour-blind can tell apart (Okabe and Ito), and marks, for print.
_LOOKS = {
    NAME: {"color": "#0072b2", "marker": "o", "linewidth": 3.2, "markersize": 7, "zorder": 5},
    "PCA floor": {"color": "#777777", "marker": "s", "linestyle": "--"},
    "Codec 2": {"color": "#d55e00", "marker": "^"},
    "Opus": {"color": "#009e73", "marker": "D"},
    "Speex": {"color": "#cc79a7", "marker": "v"},
}
# Whose bit/s are not those of whole files.
_COUNTED = {"PCA floor": "ideal code length", "Opus": "packets alone", "Speex": "packets alone"}
_TICKS = (0.5, 0.7, 1, 1.4, 2, 3, 4, 6, 8, 12, 16, 24)


def draw(path: Path, rows: list[dict], *, title: str, originals: float | None = None) -> None:
    """Nothing; path shows each metric against bit/s, a line a system with the band of its 95 % intervals.

    The rows are those of `benchmarks.codec.codecs`; originals is the share of originals that are heard right, and where there
    is one, what is asked of ours is shown too.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [metric for metric in _TITLES if any(row["scores"].get(metric) is not None for row in rows)]
    n_columns = 2 if len(shown) in (1, 2, 4) else 3
    n_rows = -(-len(shown) // n_columns)
    figure = Figure(figsize=(5.2 * n_columns, 3.9 * n_rows + 0.9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for axis, metric in zip(axes.flat, shown, strict=False):
        _draw_metric(axis, rows, metric, with_targets=originals is not None)
        if metric == "digits" and originals is not None:
            axis.axhline(originals, color="#333333", linestyle=":", linewidth=1.2, label="originals")
    for axis in axes.flat[len(shown) :]:
        axis.set_visible(False)
    entries = {}
    for axis in axes.flat:
        handles, labels = axis.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    figure.suptitle(title, fontsize=13)
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=2 * n_columns, frameon=False)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")


def _draw_metric(axis, rows, metric, *, with_targets):
    """Nothing; the axis shows one metric of every system that has it."""
    rates = [row["bits_per_second"] / 1_000 for row in rows]
    for system, look in _LOOKS.items():
        points = [row for row in rows if row["system"] == system and row["scores"].get(metric) is not None]
        if not points:
            continue
        points.sort(key=lambda row: row["bits_per_second"])
        x = [row["bits_per_second"] / 1_000 for row in points]
        low, high = np.transpose([row["intervals_95"][metric] for row in points])
        axis.fill_between(x, low, high, color=look["color"], alpha=0.15, linewidth=0)
        label = f"{system} ({_COUNTED[system]})" if system in _COUNTED else system
        axis.plot(x, [row["scores"][metric] for row in points], label=label, **({"markersize": 5} | look))
    if with_targets and metric in METRICS and any(row["system"] == NAME for row in rows):
        wanted = [least[METRICS.index(metric)] for least, _ in TARGETS.values()]
        style = {"marker": "*", "s": 110, "facecolor": "white", "edgecolor": "#0072b2", "zorder": 6}
        axis.scatter([float(rate) for rate in TARGETS], wanted, label="what is asked of ours", **style)
    axis.set_xscale("log")
    axis.set_xlim(min(rates) * 0.9, max(rates) * 1.1)
    axis.set_xticks([tick for tick in _TICKS if min(rates) * 0.9 <= tick <= max(rates) * 1.1])
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_locator(_no_ticks())
    axis.set(xlabel="kbit/s", title=_TITLES[metric])
    axis.grid(color="#dddddd", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def _no_ticks():
    """A locator of nothing: the minor ticks of a logarithmic axis would only be noise between ours."""
    from matplotlib.ticker import NullLocator

    return NullLocator()

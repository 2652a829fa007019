"""The figure of the codecs: each score against the bitrate."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.codec import own_codec, pca_codec
from benchmarks.codec.targets import TARGETS
from benchmarks.quality.scoring import METRICS, TITLES
from speech_autoencoder.system.figures import new_figure, save_figure
from speech_autoencoder.system.integers import ceil_div

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = ("pesq_nb", "pesq_wb", "stoi", "estoi", "digits")
# Colours that the colour-blind can tell apart (Okabe and Ito), and markers, for print.
_LOOKS: dict[str, dict[str, Any]] = {
    own_codec.NAME: {"color": "#0072b2", "marker": "o", "linewidth": 3.2, "markersize": 7, "zorder": 5},
    pca_codec.NAME: {"color": "#777777", "marker": "s", "linestyle": "--"},
    "Codec 2": {"color": "#d55e00", "marker": "^"},
    "Opus": {"color": "#009e73", "marker": "D"},
    "Speex": {"color": "#cc79a7", "marker": "v"},
}
# The systems whose bit/s are not those of whole files.
_COUNTED = {pca_codec.NAME: "ideal code length", "Opus": "packets only", "Speex": "packets only"}
_TICKS = (0.5, 0.7, 1, 1.4, 2, 3, 4, 6, 8, 12, 16, 24)  # kbit/s


def draw(path: Path, rows: list[dict], *, title: str, originals: float | None = None) -> None:
    """Draw each metric against kbit/s, a line for each system with the band of its 95 % intervals.

    Parameters
    ----------
    path
        The PNG to write.
    rows
        Those of `benchmarks.codec.codecs`.
    title
        Above the figure.
    originals
        The share of the originals that is recognised; if it is given, the goals of our codec are shown too.
    """
    shown = [metric for metric in _PANELS if any(row["scores"].get(metric) is not None for row in rows)]
    n_columns = 2 if len(shown) in (1, 2, 4) else 3
    n_rows = ceil_div(len(shown), n_columns)
    figure, axes = new_figure(n_rows, n_columns, (5.2 * n_columns, 3.9 * n_rows + 0.9), squeeze=False)
    for axis, metric in zip(axes.flat, shown, strict=False):
        _draw_metric(axis, rows, metric, with_targets=originals is not None)
        if metric == "digits" and originals is not None:
            axis.axhline(originals, color="#333333", linestyle=":", linewidth=1.2, label="originals")
    for axis in axes.flat[len(shown) :]:
        axis.set_visible(False)
    entries: dict[str, Any] = {}
    for axis in axes.flat:
        handles, labels = axis.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    figure.suptitle(title, fontsize=13)
    figure.legend([*entries.values()], [*entries], loc="outside lower center", ncols=2 * n_columns, frameon=False)
    save_figure(figure, path, dpi=130)


def _draw_metric(axis: "Axes", rows: list[dict], metric: str, *, with_targets: bool) -> None:
    """Draw one metric of every system that has it."""
    from matplotlib.ticker import NullLocator

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
    if with_targets and metric in METRICS and any(row["system"] == own_codec.NAME for row in rows):
        goals = [least[METRICS.index(metric)] for least, _ in TARGETS.values()]
        style: dict[str, Any] = {"marker": "*", "s": 110, "facecolor": "white", "edgecolor": "#0072b2", "zorder": 6}
        axis.scatter([float(rate) for rate in TARGETS], goals, label="our goals", **style)
    axis.set_xscale("log")
    axis.set_xlim(min(rates) * 0.9, max(rates) * 1.1)
    axis.set_xticks([tick for tick in _TICKS if min(rates) * 0.9 <= tick <= max(rates) * 1.1])
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_locator(NullLocator())  # a logarithmic axis would add ticks between ours
    axis.set(xlabel="kbit/s", title=TITLES[metric])
    axis.grid(color="#dddddd", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)

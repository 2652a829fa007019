"""The figure of the codecs: each score against the bitrate."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.codec import own_codec, pca_codec
from benchmarks.codec.targets import Goals
from benchmarks.quality.scoring import TITLES
from speech_autoencoder.system.figures import new_figure, save_figure
from speech_autoencoder.system.integers import ceil_div

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = ("pesq_nb", "pesq_wb", "stoi", "estoi", "digits", "speakers")
# Colours that the colour-blind can tell apart (Okabe and Ito), and markers, for print.
_LOOKS: dict[str, dict[str, Any]] = {
    own_codec.NAME: {"color": "#0072b2", "marker": "o", "linewidth": 3.2, "markersize": 7, "zorder": 5},
    pca_codec.NAME: {"color": "#777777", "marker": "s", "linestyle": "--"},
    "Codec 2": {"color": "#d55e00", "marker": "^"},
    "Opus": {"color": "#009e73", "marker": "D"},
    "Opus, LACE": {"color": "#009e73", "marker": "d", "linestyle": ":"},
    "Opus, NoLACE": {"color": "#009e73", "marker": "D", "linestyle": "--"},
    "AMR-NB": {"color": "#e69f00", "marker": "P"},
    "G.723.1": {"color": "#a6761d", "marker": "X", "linestyle": "none"},
    "Lyra v2": {"color": "#56b4e9", "marker": "h"},
    "Speex": {"color": "#cc79a7", "marker": "v"},
}
_TICKS = (0.5, 0.7, 1, 1.4, 2, 3, 4, 6, 8, 12, 16, 24)  # kbit/s


def draw(
    path: Path,
    rows: list[dict],
    *,
    title: str,
    goals: Goals | None = None,
    originals: Mapping[str, float] | None = None,
) -> None:
    """Draw each metric against kbit/s, a line for each system with the band of its 95 % intervals.

    Parameters
    ----------
    path
        The PNG to write.
    rows
        Those of `benchmarks.codec.codecs`.
    title
        Above the figure.
    goals
        The goals of our codec, if they are to be shown.
    originals
        The shares of the originals that are recognised, by metric.
    """
    shown = [metric for metric in _PANELS if any(row["scores"].get(metric) is not None for row in rows)]
    n_columns = 2 if len(shown) in (1, 2, 4) else 3
    n_rows = ceil_div(len(shown), n_columns)
    figure, axes = new_figure(n_rows, n_columns, (5.2 * n_columns, 3.9 * n_rows + 0.9), squeeze=False)
    for axis, metric in zip(axes.flat, shown, strict=False):
        _draw_metric(axis, rows, metric, goals or {})
        if originals and metric in originals:
            axis.axhline(originals[metric], color="#333333", linestyle=":", linewidth=1.2, label="originals")
    for axis in axes.flat[len(shown) :]:
        axis.set_visible(False)
    entries: dict[str, Any] = {}
    for axis in axes.flat:
        handles, labels = axis.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    figure.suptitle(title, fontsize=13)
    figure.legend([*entries.values()], [*entries], loc="outside lower center", ncols=2 * n_columns, frameon=False)
    save_figure(figure, path, dpi=130)


def _draw_metric(axis: "Axes", rows: list[dict], metric: str, goals: Goals) -> None:
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
        axis.plot(x, [row["scores"][metric] for row in points], label=system, **({"markersize": 5} | look))
    aims = [(float(rate), least[metric]) for rate, least in goals.items() if metric in least]
    if aims and any(row["system"] == own_codec.NAME for row in rows):
        style: dict[str, Any] = {"marker": "*", "s": 110, "facecolor": "white", "edgecolor": "#0072b2", "zorder": 6}
        axis.scatter(*zip(*aims, strict=True), label="our goals", **style)
    axis.set_xscale("log")
    axis.set_xlim(min(rates) * 0.9, max(rates) * 1.1)
    axis.set_xticks([tick for tick in _TICKS if min(rates) * 0.9 <= tick <= max(rates) * 1.1])
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_locator(NullLocator())  # a logarithmic axis would add ticks between ours
    axis.set(xlabel="kbit/s", title=TITLES[metric])
    axis.grid(color="#dddddd", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)

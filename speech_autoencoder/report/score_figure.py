"""The figure of the scores: the model, the PCA baseline and copy-synthesis, by the metrics that are `in_figure`."""

from collections.abc import Mapping
from pathlib import Path

from speech_autoencoder.evaluation.metrics.metric import Metric
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.results import Scores
from speech_autoencoder.evaluation.systems import ORIGINAL, ORIGINAL_TITLE, SYSTEMS
from speech_autoencoder.system.figures import new_figure, own_settings, save_figure

_WIDTH = 2.4  # of each metric, in inches
_HEIGHT = 3.6
# Room above the bars for their values, in heights of the bars.
_ROOM = 0.15


@own_settings()
def draw_scores(path: Path, scores: Mapping[str, Scores]) -> None:
    """Write a figure with a panel for each metric, and in it a bar for each system.

    Parameters
    ----------
    path
        The PNG to write.
    scores
        By system and metric.
    """
    measured = [metric for key, metric in METRICS.items() if metric.in_figure and scores["model"].get(key) is not None]
    metrics = sorted(measured, key=lambda metric: metric.higher_is_better)  # errors first
    figure, axes = new_figure(1, len(metrics), (_WIDTH * len(metrics), _HEIGHT), squeeze=False)
    for axis, metric in zip(axes[0], metrics, strict=True):
        names = [system.short_title.replace("-", "-\n") for system in SYSTEMS.values()]
        values = [scores[key][metric.key] for key in SYSTEMS]
        bars = axis.bar(names, values, color=[system.colour for system in SYSTEMS.values()])
        axis.bar_label(bars, fmt="%.3g", padding=2)
        axis.set(title=f"{metric.title}\n{_second_line(metric, scores.get(ORIGINAL, {}).get(metric.key))}".strip())
        axis.margins(y=_ROOM)
        axis.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)


def _second_line(metric: Metric, original: float | None) -> str:
    """Return what stands below the title of a metric: the score of the originals, if they have one."""
    if original is not None:
        return f"{ORIGINAL_TITLE}: {metric.format(original)}"
    return "" if metric.higher_is_better else "lower is better"

"""The figure of the scores."""

from pathlib import Path

from speech_autoencoder.evaluation.scoring import SYSTEMS
from speech_autoencoder.system.figures import new_figure, save_figure

_COLOURS = {"model": "#0072b2", "pca": "#999999", "copy_synthesis": "#009e73"}


def draw_scores(path: Path, scores: dict) -> None:
    """Nothing; path shows each metric of the model between its floor and its ceiling."""
    titles = {
        "log_mel_db": "log-mel error (dB)\nless is better",
        "stoi": "STOI",
        "estoi": "ESTOI",
        "pesq_nb": "PESQ-NB",
        "pesq_wb": "PESQ-WB",
    }
    metrics = [key for key in titles if scores["model"].get(key) is not None]
    figure, axes = new_figure(1, len(metrics), (2.4 * len(metrics), 3.6), squeeze=False)
    for axis, metric in zip(axes[0], metrics, strict=True):
        values = [scores[system][metric] for system in SYSTEMS]
        bars = axis.bar(["model", "PCA", "copy_synthesis"], values, color=[_COLOURS[system] for system in SYSTEMS])
        axis.bar_label(bars, fmt="%.3g", padding=2)
        axis.set(title=titles[metric])
        axis.margins(y=0.15)
        axis.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)

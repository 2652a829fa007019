"""The figure of the scores is a readable file, whatever was measured."""

import pytest

from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.report import score_figure
from speech_autoencoder.report.score_figure import draw_scores
from tests.helpers.common import is_figure, png_size

SCORES = {
    "model": {"log_mel_db": 3.1, "stoi": 0.88, "estoi": 0.7, "pesq_nb": 2.5},
    "pca": {"log_mel_db": 4.0, "stoi": 0.8, "estoi": 0.6, "pesq_nb": 2.0},
    "copy_synthesis": {"log_mel_db": 0.0, "stoi": 0.95, "estoi": 0.9, "pesq_nb": 3.5},
}

pytestmark = pytest.mark.usefixtures("no_warning")


@pytest.mark.parametrize(
    "missing", [(), ("pesq_nb",), ("stoi", "estoi", "pesq_nb")], ids=["all", "no PESQ", "no sound"]
)
def test_draw_scores_any_metrics_writes_a_figure(tmp_path, missing):
    scores = {system: row | dict.fromkeys(missing) for system, row in SCORES.items()}
    draw_scores(tmp_path / "scores.png", scores)
    assert is_figure(tmp_path / "scores.png")


def test_draw_scores_more_metrics_make_a_wider_figure(tmp_path):
    draw_scores(tmp_path / "all.png", SCORES)
    few = {system: {"log_mel_db": row["log_mel_db"], "stoi": row["stoi"]} for system, row in SCORES.items()}
    draw_scores(tmp_path / "few.png", few)
    assert png_size(tmp_path / "all.png")[0] > png_size(tmp_path / "few.png")[0]


def test_draw_scores_has_a_panel_for_each_metric_of_the_figure_errors_first(tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr(
        score_figure, "save_figure", lambda figure, path: titles.extend(a.get_title() for a in figure.axes)
    )
    draw_scores(tmp_path / "scores.png", {system: dict.fromkeys(METRICS, 0.5) for system in SCORES})
    assert titles == [
        "log-mel error, dB\nlower is better",
        "STOI",
        "ESTOI",
        "speakers recognised",
        "PESQ-NB",
        "PESQ-WB",
    ]
    titles.clear()
    draw_scores(
        tmp_path / "scores.png", {system: {"speakers": 0.5} for system in SCORES} | {"original": {"speakers": 0.98}}
    )
    assert titles == ["speakers recognised\nthe originals: 0.980"]

"""The figure of the scores is a file that opens, whatever was measured."""

import warnings

import pytest

from speech_autoencoder.report import figures
from tests.helpers.common import png_size

SCORES = {
    "model": {"log_mel_db": 3.1, "stoi": 0.88, "estoi": 0.7, "pesq_nb": 2.5},
    "pca": {"log_mel_db": 4.0, "stoi": 0.8, "estoi": 0.6, "pesq_nb": 2.0},
    "copy_synthesis": {"log_mel_db": 0.0, "stoi": 0.95, "estoi": 0.9, "pesq_nb": 3.5},
}


@pytest.fixture(autouse=True)
def no_warning():
    """Matplotlib's warnings would be seen under --quiet."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def is_figure(path):
    """Whether path is a PNG of a size that one can look at."""
    return min(png_size(path)) >= 200


@pytest.mark.parametrize(
    "missing", [(), ("pesq_nb",), ("stoi", "estoi", "pesq_nb")], ids=["all", "no PESQ", "no sound"]
)
def test_draw_scores_any_metrics_is_figure(tmp_path, missing):
    scores = {system: row | dict.fromkeys(missing) for system, row in SCORES.items()}
    figures.draw_scores(tmp_path / "scores.png", scores)
    assert is_figure(tmp_path / "scores.png")


def test_draw_scores_more_metrics_are_a_wider_figure(tmp_path):
    figures.draw_scores(tmp_path / "all.png", SCORES)
    few = {system: {"log_mel_db": row["log_mel_db"], "stoi": row["stoi"]} for system, row in SCORES.items()}
    figures.draw_scores(tmp_path / "few.png", few)
    assert png_size(tmp_path / "all.png")[0] > png_size(tmp_path / "few.png")[0]

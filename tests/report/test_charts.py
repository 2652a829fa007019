"""Charts: what is more is drawn higher, in the box, with ticks where they belong, and said in words too."""

import numpy as np
import pytest

from speech_autoencoder.report import charts


def points_of(line):
    """[(x, y)] of a drawn line."""
    return [tuple(map(float, pair.split(","))) for pair in line["points"].split()]


def test_chart_places_points_ticks_and_level():
    lines = {"model": [(100, 1.0), (200, 3.0), (400, 2.0)], "pca": [(100, 2.0), (400, 4.0)]}
    chart = charts.chart("t", lines, x_label="x", summary="s", ticks=[(200, "two"), (800, "far")], scale=np.log)
    model, floor = map(points_of, (line for line in chart["lines"]))
    box = chart["box"]
    assert [model[0][0], model[-1][0]] == [box["left"], box["right"]]
    assert model[1][0] == pytest.approx((box["left"] + box["right"]) / 2, abs=0.1)
    assert box["top"] < floor[-1][1] < model[1][1] < model[2][1] < model[0][1] < box["bottom"]
    assert chart["x_ticks"] == [(model[1][0], "two")]
    one, four = model[0][1], floor[-1][1]
    for y, text in chart["y_ticks"]:
        assert y == pytest.approx(one + (float(text) - 1) / 3 * (four - one), abs=0.2)
    assert charts.chart("t", {"model": []}, x_label="x", summary="s") is None


def test_by_epoch_says_where_lines_end():
    chart = charts.by_epoch("Loss", {"validation": [0.3, 0.2, 0.1], "training": []}, ("PCA", 0.25))
    assert chart["summary"] == "Loss over 3 epochs; validation ends at 0.1; PCA 0.25"
    assert [text for _, text in chart["x_ticks"]] == ["1", "2", "3"]
    assert chart["reference"]["y"] == pytest.approx(
        (points_of(chart["lines"][0])[0][1] * 1 + points_of(chart["lines"][0])[1][1]) / 2, abs=0.1
    )
    assert charts.by_epoch("Loss", {"validation": []}, ("PCA", 0.25)) is None


def test_of_errors_draws_bands_and_time_and_says_the_extremes():
    profile = {"band_hz": [100.0, 1_000.0, 4_000.0]}
    profile["model"] = {"by_band_db": [1.0, 2.0, 3.0], "over_time_db": [None, 2.0] + [1.5] * 8}
    profile["pca"] = {"by_band_db": [2.0, 3.0, 4.0], "over_time_db": [3.0] * 10}
    bands, time = charts.of_errors(profile)
    assert [line["name"] for line in bands["lines"]] == ["the model", "PCA"]
    assert "the model 1.00 dB at 100 Hz to 3.00 dB at 4,000 Hz" in bands["summary"]
    assert [text for _, text in bands["x_ticks"]] == ["0.25", "0.5", "1", "2", "4"]
    assert "the model 1.50 dB at 25 % of the time to 2.00 dB at 15 % of the time" in time["summary"]
    assert len(points_of(time["lines"][0])) == 9

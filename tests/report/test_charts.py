"""Charts: higher values are drawn higher, inside the box, with ticks at their places and a summary in words."""

import numpy as np
import pytest

from speech_autoencoder.evaluation.results import ErrorProfile, LogMelError, RateRow, Rates
from speech_autoencoder.report import charts


def points_of(line):
    """Return [(x, y)] of a drawn line."""
    return [tuple(map(float, pair.split(","))) for pair in line.points.split()]


def test_line_chart_places_points_and_ticks():
    lines = {"model": [(100, 1.0), (200, 3.0), (400, 2.0)], "pca": [(100, 2.0), (400, 4.0)]}
    chart = charts.line_chart("t", lines, x_label="x", summary="s", ticks=[(200, "two"), (800, "far")], scale=np.log)
    model, pca = map(points_of, chart.lines)
    box = chart.box
    assert [model[0][0], model[-1][0]] == [box.left, box.right]
    assert model[1][0] == pytest.approx((box.left + box.right) / 2, abs=0.1)
    assert box.top < pca[-1][1] < model[1][1] < model[2][1] < model[0][1] < box.bottom
    assert chart.x_ticks == [(model[1][0], "two")]
    one, four = model[0][1], pca[-1][1]
    for y, text in chart.y_ticks:
        assert y == pytest.approx(one + (float(text) - 1) / 3 * (four - one), abs=0.2)


def test_line_chart_no_points_is_none():
    assert charts.line_chart("t", {"model": []}, x_label="x", summary="s") is None


def test_epoch_chart_summary_tells_where_lines_end():
    chart = charts.epoch_chart("Loss", {"validation": [0.3, 0.2, 0.1], "training": []}, ("PCA", 0.25))
    assert chart.summary == "Loss over 3 epochs; validation ends at 0.1; PCA 0.25"
    assert [text for _, text in chart.x_ticks] == ["1", "2", "3"]
    points = points_of(chart.lines[0])
    assert chart.reference.y == pytest.approx((points[0][1] + points[1][1]) / 2, abs=0.1)
    assert charts.epoch_chart("Loss", {"validation": []}, ("PCA", 0.25)) is None


def test_error_charts_draw_bands_and_time_and_tell_the_extremes():
    profiles = {
        "model": ErrorProfile([1.0, 2.0, 3.0], [None, 2.0] + [1.5] * 8),
        "pca": ErrorProfile([2.0, 3.0, 4.0], [3.0] * 10),
    }
    bands, time = charts.error_charts(LogMelError([100.0, 1_000.0, 4_000.0], profiles))
    assert [line.name for line in bands.lines] == ["the model", "PCA baseline"]
    assert "the model 1.00 dB at 100 Hz to 3.00 dB at 4,000 Hz" in bands.summary
    assert [text for _, text in bands.x_ticks] == ["0.25", "0.5", "1", "2", "4"]
    assert "the model 1.50 dB at 25 % of the recording to 2.00 dB at 15 % of the recording" in time.summary
    assert len(points_of(time.lines[0])) == 9


def test_rate_charts_draw_a_line_for_each_system():
    rows = [
        RateRow("model", "", 400.0, None, {"stoi": 0.9}),
        RateRow("pca", "", 400.0, None, {"stoi": 0.8}),
        RateRow("pca", "", 200.0, None, {"stoi": 0.7}),
        RateRow("copy_synthesis", "", None, None, {"stoi": 0.95}),
        RateRow("codec_2", "1600", None, 1.6, {"stoi": 0.75}),
        RateRow("opus", "6", None, 6.0, {"stoi": None}),
    ]
    by_latent_rate, by_bitrate = charts.rate_charts(Rates(3, 15.0, rows, []))
    assert [line.key for line in by_latent_rate.lines] == ["pca", "model"]
    assert len(points_of(by_latent_rate.lines[0])) == 2
    assert (by_latent_rate.x_label, by_latent_rate.reference.name) == ("values/s", "copy-synthesis")
    assert [(line.key, line.name) for line in by_bitrate.lines] == [("codec-2", "Codec 2")]
    assert by_bitrate.summary == "STOI by bitrate, kbit/s: Codec 2 0.750 at 1.6"

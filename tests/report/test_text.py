"""What was measured, as a table and sentences."""

from speech_autoencoder.report import text as summary


def test_format_table_has_a_line_for_each_metric_and_intervals_in_brackets():
    scores = {
        "model": {"log_mel_db": 3.14159, "stoi": 0.87654, "estoi": 0.7, "pesq_nb": None},
        "pca": {"log_mel_db": 4.0, "stoi": 0.8, "estoi": 0.6, "pesq_nb": 2.0},
        "copy_synthesis": {"log_mel_db": 0.0, "stoi": 0.95, "estoi": 0.9, "pesq_nb": 3.5},
    }
    heading, *lines = summary.format_table(scores).splitlines()
    assert heading.split() == ["the", "model", "PCA", "pca", "copy_synthesis"]
    assert [line.split()[-4:] for line in lines] == [
        ["STOI", "0.877", "0.800", "0.950"],
        ["ESTOI", "0.700", "0.600", "0.900"],
        ["PESQ-NB", "-", "2.00", "3.50"],
        ["dB", "3.14", "4.00", "0.00"],
    ]
    text = summary.format_table(scores, {"model": {"stoi": [0.86, 0.89], "pesq_nb": None}})
    assert "STOI               0.877 [0.860, 0.890]  0.800" in text


def test_format_comparison_says_which_is_better():
    entry = {"difference": 0.02, "interval": [0.01, 0.03], "shows": "better"}
    lines = summary.format_comparison({"differences": {"stoi": entry}}, "other.h5")
    assert lines[0].startswith("The model is better than other.h5, by STOI")
    assert lines[1] == "  STOI: +0.020 [+0.010, +0.030], better"

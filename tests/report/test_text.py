"""What was measured, as a table and sentences."""

import pytest

from speech_autoencoder.evaluation.results import (
    Comparison,
    Coverage,
    Difference,
    Measurements,
    Probe,
    RecognitionResults,
    SegmentResult,
)
from speech_autoencoder.report import text

SCORES = {
    "model": {"log_mel_db": 3.14159, "stoi": 0.87654, "estoi": 0.7, "pesq_nb": None},
    "pca": {"log_mel_db": 4.0, "stoi": 0.8, "estoi": 0.6, "pesq_nb": 2.0},
    "copy_synthesis": {"log_mel_db": 0.0, "stoi": 0.95, "estoi": 0.9, "pesq_nb": 3.5},
}


def test_format_table_has_a_line_for_each_metric():
    heading, *lines = text.format_table(SCORES).splitlines()
    assert heading.split() == ["the", "model", "PCA", "baseline", "copy-synthesis"]
    assert [line.split()[-4:] for line in lines] == [
        ["STOI", "0.877", "0.800", "0.950"],
        ["ESTOI", "0.700", "0.600", "0.900"],
        ["PESQ-NB", "-", "2.00", "3.50"],
        ["dB", "3.14", "4.00", "0.00"],
    ]


def test_format_table_tells_what_systems_are_given_where_it_differs():
    heading, inputs, *_ = text.format_table(
        SCORES, None, {"model": 11.61, "pca": 23.2, "copy_synthesis": 23.2}
    ).splitlines()
    assert inputs.split("  ")[0] == "input"
    assert [inputs.index(words) for words in ("a frame every 11.6 ms", "a frame every 23.2 ms")] == [
        heading.index(title) for title in ("the model", "PCA baseline")
    ]
    assert text.format_table(SCORES, None, dict.fromkeys(SCORES, 8.0)) == text.format_table(SCORES)


def test_format_table_puts_intervals_in_brackets():
    table = text.format_table(SCORES, {"model": {"stoi": [0.86, 0.89], "pesq_nb": None}})
    assert "STOI               0.877 [0.860, 0.890]  0.800" in table


def test_describe_recordings_agrees_with_the_numbers():
    one = Measurements(scores={}, n_recordings=1, n_scored=1, n_segments=1)
    assert text.describe_recordings(one) == "1 of 1 recording scored as sound, in 1 segment of a few seconds."


@pytest.mark.parametrize(
    ("resampled", "speakers", "expected"),
    [
        ("speakers", "abcdefghij", "In brackets: 95 % intervals over 10 speakers. "),
        ("segments", "aabbb", "In brackets: 95 % intervals over 5 segments of these 2 speakers; other speakers may"),
        ("segments", "aaaaaa", "In brackets: 95 % intervals over 6 segments of this speaker; other speakers may"),
        ("segments", [""] * 6, "In brackets: 95 % intervals over 6 segments of unknown speakers; other speakers may"),
    ],
)
def test_describe_intervals_tells_what_they_rest_on_and_what_is_missing(resampled, speakers, expected):
    coverage = {
        "stoi": Coverage("segments", 3, 4, "less than 0.4 s of sound"),
        "log_mel_db": Coverage("recordings", 9, 9),
    }
    measured = Measurements(
        scores={},
        intervals={"model": {"stoi": [0.8, 0.9]}},
        resampled=resampled,
        coverage=coverage,
        n_segments=len(speakers),
        segments=[SegmentResult(speaker, 1, {}) for speaker in speakers],
    )
    sentences = text.describe_intervals(measured)
    assert sentences.startswith(expected)
    assert sentences.endswith("Not measured everywhere: STOI, on 3 of 4 segments (less than 0.4 s of sound).")


def test_describe_intervals_without_one_tells_why():
    measured = Measurements(scores={}, intervals={"model": {"stoi": None}}, n_segments=3)
    expected = "3 segments: too few for 95 % intervals, and for any claim about other recordings."
    assert text.describe_intervals(measured) == expected


@pytest.mark.parametrize(
    ("n_training", "recogniser", "expected"),
    [
        (20, "trained", "A recogniser of 2 words, trained on 20 original training recordings, recognises 0.900 of"),
        (0, "whisper base.en", "With a choice of 2 words, whisper base.en recognises 0.900 of"),
    ],
)
def test_describe_recognition_tells_the_recogniser_and_its_accuracy(n_training, recogniser, expected):
    words = RecognitionResults(recogniser, ["no", "yes"], ["no", "yes"], n_training, 10, 0.9, None, {})
    assert text.describe_recognition("word", words) == f"{expected} 10 original testing recordings."


@pytest.mark.parametrize(
    ("shows", "expected"),
    [
        ("better", "The model is better than other.h5 (STOI"),
        ("worse", "The model is worse than other.h5 (STOI"),
        ("no difference", "These recordings show no difference from other.h5 (STOI"),
    ],
)
def test_describe_comparison_tells_which_model_is_better(shows, expected):
    comparison = Comparison("other.h5", {}, {"stoi": Difference(0.02, [0.01, 0.03], shows)})
    heading, line = text.describe_comparison(comparison, "other.h5")
    assert heading.startswith(expected)
    assert line == f"  STOI: +0.020 [+0.010, +0.030], {shows}"


def test_describe_comparison_without_intervals_tells_nothing():
    comparison = Comparison("other.h5", {}, {"stoi": Difference(0.02, None, "unknown")})
    heading, line = text.describe_comparison(comparison, "other.h5")
    assert heading.startswith("There are too few recordings to tell")
    assert line == "  STOI: +0.020, unknown"


def make_probe(accuracy, interval):
    """Return a probe with the same result for every input."""
    names = ("model", "pca", "log_mel")
    return Probe(
        n_recordings=90,
        n_classes=3,
        n_values=32,
        chance=0.5,
        accuracy=dict.fromkeys(names, accuracy),
        intervals=dict.fromkeys(names, interval),
    )


def test_describe_probes_is_a_table_with_chance():
    probes = {"speaker": make_probe(0.98765, [0.95, 1.0]), "word": make_probe(0.7, None)}
    first, table = text.describe_probes(probes)
    assert "32 values" in first
    heading, speaker, word = table.splitlines()
    assert heading.split() == ["the", "model", "PCA", "baseline", "mean", "log-mel", "chance"]
    assert speaker.split() == ["speaker,", "1", "of", "3", *["0.988", "[0.950,", "1.000]"] * 3, "0.500"]
    assert word.split() == ["word,", "1", "of", "3", *["0.700"] * 3, "0.500"]


def test_describe_probes_that_were_not_possible_says_why_once():
    no_word = Probe(reason="no word is known")
    probes = {"speaker": make_probe(0.9, None), "word": no_word, "word_of_new_speakers": no_word}
    assert text.describe_probes(probes)[2:] == ["Not told from latents: the word (no word is known)."]
    both = {key: Probe(reason="no sound") for key in probes}
    assert text.describe_probes(both) == ["Not told from latents: the speaker and the word (no sound)."]
    assert text.describe_probes({}) == []

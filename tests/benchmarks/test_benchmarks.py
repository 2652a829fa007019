"""The benchmarks' own parts: what is scored together, what is left out, that the perfect score is for the original."""

import argparse

import numpy as np
import pytest

from benchmarks.quality import table
from benchmarks.quality.hearing import HEARD, measure, sounds
from benchmarks.quality.scoring import METRICS, segments_of, summary, values_of
from benchmarks.quality.speakers import in_turn, without
from robustness import extremes
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import read
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct_recording
from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import metrics
from tests.helpers.common import make_speech, one_line_of
from tests.helpers.two_words import write_two_words

SR = 8_000
TAKES = [f"{digit}_{speaker}_{take}.wav" for digit in range(10) for speaker in ("ann", "bob") for take in (0, 1)]


@pytest.fixture
def corpus(tmp_path):
    """A folder with training/ and testing/ of two speakers and two words."""
    write_two_words(tmp_path)
    return tmp_path


# Pooling


def test_strings_of_takes_are_one_speaker_and_take_each():
    strings = segments_of(TAKES, [0.4] * len(TAKES))
    assert sorted(i for string in strings for i in string) == list(range(len(TAKES)))
    assert [len(string) for string in strings] == [10] * 4
    for string in strings:
        assert len({TAKES[i].split("_", 1)[1] for i in string}) == 1


def test_strings_of_a_long_take_are_of_ten_at_most():
    assert [len(string) for string in segments_of([f"{i}_ann_letters.wav" for i in range(23)], [1] * 23)] == [10, 10, 3]


def test_strings_of_other_names_are_those_of_the_project():
    names, durations_s = ["ann/x.wav", "ann/y.wav", "bob/x.wav", "bob/7_bob_1.wav"], np.array([3.0, 4.0, 6.0, 1.0])
    expected = [string.recordings for string in metrics.pool(["ann", "ann", "bob", "bob"], durations_s)[0]]
    assert segments_of(names, durations_s) == expected == [[0, 1], [2, 3]]


# Scores


def test_values_of_identical_are_perfect():
    names = ["a_ann_1.wav", "b_ann_1.wav"]
    speech = [make_speech(SR, SR, seed) for seed in (0, 1)]
    values = values_of(speech, [0.3 * waveform for waveform in speech], names=names, sr=SR, strings=[[0, 1]])
    assert values["stoi"] == pytest.approx([1], abs=1e-6)
    assert values["estoi"] == pytest.approx([1], abs=1e-6)
    assert "digits" not in values
    if metrics.has_pesq():
        assert values["pesq_nb"] == pytest.approx([4.549], abs=0.001)


def test_summary_parts_weigh_the_same_and_what_is_no_number_is_left_out():
    parts = [{"stoi": np.array([0.2, 0.4, np.nan])}, {"stoi": np.array([0.9])}, {"stoi": np.array([np.nan])}]
    means, intervals = summary(parts)
    assert means == {"stoi": pytest.approx(0.6)} | dict.fromkeys(set(METRICS) - {"stoi"})
    assert intervals["stoi"] == pytest.approx([0.55, 0.65])
    assert intervals["digits"] is None


def test_summary_interval_is_that_of_the_normal_distribution_for_many():
    values = np.random.default_rng(0).normal(0.8, 0.1, 400)
    low, high = summary([{"stoi": values}])[1]["stoi"]
    assert (low, high) == pytest.approx((values.mean() - 0.0098, values.mean() + 0.0098), abs=0.0015)


# Leaving out


def test_without_a_speaker_trains_on_the_others_and_tests_on_that_one(corpus, tmp_path):
    training, testing = without("ann", corpus / "training", corpus / "testing", tmp_path / "links")
    assert find_recordings(training) == [n for n in find_recordings(corpus / "training") if n.startswith("bob/")]
    assert find_recordings(testing) == [n for n in find_recordings(corpus / "testing") if n.startswith("ann/")]
    name = find_recordings(testing)[0]
    assert (testing / name).read_bytes() == (corpus / "testing" / name).read_bytes()


def test_without_nobody_is_the_folders_themselves(corpus, tmp_path):
    folders = corpus / "training", corpus / "testing"
    assert without("", *folders, tmp_path / "links") == folders
    assert not (tmp_path / "links").exists()


def test_in_turn_all_is_every_speaker(corpus):
    assert in_turn([], corpus / "testing") == [""]
    assert in_turn(["bob"], corpus / "testing") == ["bob"]
    assert in_turn(["all"], corpus / "testing") == ["ann", "bob"]
    with pytest.raises(InputError, match="theo cannot be left out") as error:
        in_turn(["bob", "theo"], corpus / "testing")
    assert "ann, bob" in one_line_of(error)


# The table


def test_setting_is_a_preset_and_numbers():
    assert table.setting("classic:705") == ("classic", 705)
    for text in ("classic", "classic:", "coarse:705", "fine:-1", "fine:many"):
        with pytest.raises(argparse.ArgumentTypeError):
            table.setting(text)


def test_measure_hears_what_predict_writes(small_arrays, shaken, tmp_path):
    data, encoder = small_arrays[1], Encoder(shaken, LatentSearchConfig(steps=2))
    waveforms = sounds(data, encoder, workers=2)[0]["model"]
    for i in (0, len(data.names) - 1):
        reconstruct_recording(data.path(i), encoder, InversionConfig(), tmp_path / "out.wav")
        assert np.allclose(read(tmp_path / "out.wav"), waveforms[i], atol=3 / 32_768)


def test_lines_of_row_have_a_cell_for_every_heading(small_arrays, shaken):
    heard = measure(small_arrays[1], Encoder(shaken, LatentSearchConfig(steps=2)), recogniser=None, workers=2)
    assert heard.n_recordings == len(small_arrays[1].names)
    facts = {"latent_per_second": 129.2, "log_mel_per_second": CLASSIC.n_mels * CLASSIC.frame_rate, "training_s": 60.0}
    row = table.row_of(("classic", 130.0), facts, {"ann": heard, "bob": heard})
    assert row["n_recordings"] == 2 * heard.n_recordings
    assert row["latent_per_second_last_steps_whole"] > 129.2
    assert row["scores"]["copy_synthesis"]["stoi"] > row["scores"]["pca"]["stoi"] > row["scores"]["model"]["stoi"]
    assert row["speakers"]["ann"]["model"] == row["speakers"]["bob"]["model"]
    lines = table.lines_of(row).splitlines()
    assert len(lines) == len(HEARD)
    assert {line.count("|") for line in lines} == {table._HEADINGS.count("|") + 2}
    assert lines[0].startswith("| classic:130 | the model | 129 | - | ")


def test_extremes_of_one_corpus_come_back_without_overflow_at_their_level(tmp_path):
    """All at once, as a training takes seconds; python -m robustness.extremes has a corpus of each."""
    names = ("constant", "silent", "an offset of half of full scale", "one sample", "one clip")
    mixed = dict(next(iter(extremes.corpora()[name].items())) for name in names)
    heard = {each.name: each for each in extremes.reconstructed(mixed, tmp_path)}
    assert set(heard) == set(mixed)
    assert max(each.peak for each in heard.values()) <= 1
    assert {name for name, each in heard.items() if each.level_db is None} == {"constant", "silent", "one sample"}
    assert all(abs(each.level_db) <= 1 for each in heard.values() if each.level_db is not None)
    assert max(heard["constant"].peak, heard["silent"].peak) < 1e-3


def test_extremes_compare_finds_a_click_and_an_overflow():
    t = np.arange(8_000) / 8_000
    original = 0.2 * np.sin(2 * np.pi * 200 * t)
    assert extremes.compare("", original, original) == extremes.Heard("", pytest.approx(0.2), pytest.approx(0), 0.0)
    clicking = original.copy()
    clicking[4_000] += 0.6
    assert extremes.compare("", original, clicking).click == pytest.approx(0.4, abs=0.01)
    with pytest.raises(ArithmeticError, match="no numbers"):
        extremes.compare("", original, original * np.nan)

"""What the names of a corpus tell: the layouts that people use, and nothing where names do not agree."""

import pytest

from speech_autoencoder.data.name_patterns import parse_pattern
from speech_autoencoder.data.recording_names import (
    Understanding,
    conventional,
    describe,
    folder_of,
    groups_of,
    understand,
    understand_as,
)
from tests.helpers.common import refused
from tests.helpers.layouts import FSDD, TOLD, UNTOLD, VCTK


def told(names):
    """Return the known speakers and labels of names."""
    found = understand(names)
    return set(found.speakers) - {""}, set(found.labels) - {""}


@pytest.mark.parametrize(("names", "speakers", "labels"), TOLD.values(), ids=TOLD.keys())
def test_understand_layout_of_a_corpus_tells_its_speakers_and_labels(names, speakers, labels):
    assert told(names) == (speakers, labels)


@pytest.mark.parametrize("names", UNTOLD.values(), ids=UNTOLD.keys())
def test_understand_names_that_do_not_agree_tell_nothing(names):
    assert told(names) == (set(), set())


def test_understand_each_recording_has_its_own_speaker_and_label():
    found = understand(["yes/ann_1.wav", "yes/bob_1.wav", "no/ann_2.wav", "no/bob_1.wav"])
    assert found.speakers == ["ann", "bob", "ann", "bob"]
    assert found.labels == ["yes", "yes", "no", "no"]


def test_understand_a_few_names_of_another_form_have_no_speaker():
    found = understand([*FSDD, "notes.wav"])
    assert found.speakers[-1] == found.labels[-1] == ""
    assert found.n_understood == len(FSDD)


def test_understand_pattern_that_was_asked_for_is_taken_at_its_word():
    found = understand(["rec_from_phone.wav", "memo.wav"], "{label}_{speaker}_{take}")
    assert (found.speakers, found.labels, found.source) == (["from", ""], ["rec", ""], "pattern")


def test_understand_pattern_that_fits_no_name_is_refused():
    refused(
        "--names {speaker}/{label}/*",
        "none of the 2 recordings, such as a.wav",
        "{label}_{speaker}_{take}",
        do=lambda: understand(["a.wav", "b.wav"], "{speaker}/{label}/*"),
    )


def test_understand_as_testing_is_read_as_training_where_that_fits():
    training = understand(FSDD)
    assert understand(["5_theo_7.wav", "6_jackson_7.wav"]).speakers == ["", ""]  # too few to tell by themselves
    assert understand_as(["5_theo_7.wav", "6_jackson_7.wav"], training).speakers == ["theo", "jackson"]
    assert understand_as(["5_newcomer_7.wav"], training).speakers == ["newcomer"]
    assert understand_as(["rec_from_phone.wav", "the_red_car.wav"], training).speakers == ["", ""]
    assert set(understand_as(VCTK, training).speakers) == {"p225", "p226", "p227"}
    few = ["en-theo/7_theo_4.wav", "de-theo/8_theo_1.wav", "en-ben/5_ben_2.wav"]
    assert understand(few).speakers == ["en-theo", "de-theo", "en-ben"]
    assert understand_as(few, training).speakers == ["theo", "theo", "ben"]


def test_understand_as_pattern_that_was_asked_for_in_training_holds_for_testing():
    training = understand(["a-x.wav", "b-x.wav"], "{speaker}-{take}")
    assert understand_as(["c-y.wav"], training).speakers == ["c"]
    assert set(understand_as(VCTK, training).speakers) == {"p225", "p226", "p227"}


def test_describe_says_what_was_understood_with_examples_and_how_to_say_otherwise():
    text = describe(understand([*FSDD, "notes.wav"]), [*FSDD, "notes.wav"])
    for words in (
        "{label}_{speaker}_{take}",
        "3 speakers (jackson, theo, ...)",
        "10 labels (0, 1, ...)",
        "0_jackson_0",
    ):
        assert words in text
    assert "1 name is of another form, such as notes.wav" in text
    assert "--names" in text
    assert "\n" not in text


def test_describe_folders_that_may_be_either_asks_which_with_patterns_that_work():
    names = [f"corpus/{folder}/{take}.wav" for folder in ("qa", "qb") for take in range(3)]
    text = describe(understand(names), names)
    assert "2 folders (qa, qb) may be speakers or words: neither is assumed" in text
    for pattern in ("*/{speaker}/**", "*/{label}/**"):
        assert pattern in text
        assert parse_pattern(pattern).fields_of(names[0]) in ({"speaker": "qa"}, {"label": "qa"})


def test_describe_names_that_tell_nothing_name_one_and_the_option():
    text = describe(understand(["rec_from_phone.wav"]), ["rec_from_phone.wav"])
    assert "rec_from_phone.wav tell neither speakers nor words" in text
    assert "--names" in text


def test_groups_of_is_the_first_folder_that_tells_recordings_apart():
    names = ["corpus/train/qa/1.wav", "corpus/train/qb/1.wav", "corpus/test/qa/2.wav"]
    assert groups_of(names) == ["qa", "qb", "qa"]
    assert groups_of(["a.wav", "b.wav"]) == ["", ""]


@pytest.mark.parametrize(("name", "folder"), [("a.wav", ""), ("anna/a.wav", "anna"), ("anna/monday/a.wav", "anna")])
def test_folder_of_is_the_first_one(name, folder):
    assert folder_of(name) == folder


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("digits/7_jackson_32.wav", ["7", "jackson", "32"]),
        ("ann/yes_ann_a.b.flac", ["yes", "ann", "a.b"]),
        ("anna_001.wav", None),
        ("p225_001_mic1.wav", None),
        ("a__b.wav", None),
        ("a_b_c_d.wav", None),
    ],
)
def test_conventional_name_of_another_form_is_none(name, parts):
    found = conventional(name)
    assert (list(found.values()) if found else None) == parts


def test_describe_long_identifiers_of_a_list_are_shortened():
    told = Understanding(["0123456789abcdef" * 8, ""], ["", ""], source="list")
    assert describe(told, ["a.wav", "b.wav"]) == (
        "The list tells: 1 speaker (0123456789abcdef0123456789abcdef...), as in a.wav. 1 recording has neither, "
        "such as b.wav."
    )

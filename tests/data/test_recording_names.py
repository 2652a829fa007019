"""What the name of a recording tells."""

import pytest

from speech_autoencoder.data.recording_names import folder_of, label_of, parts_of, speaker_of


@pytest.mark.parametrize(
    ("name", "label"),
    [("7_jackson_32.wav", "7"), ("a/b_c/yes_ann.flac", "yes"), ("hello.wav", ""), ("some_folder/hello.wav", "")],
)
def test_label_of_is_what_stands_before_the_first_underscore(name, label):
    assert label_of(name) == label


@pytest.mark.parametrize(("name", "folder"), [("a.wav", ""), ("anna/a.wav", "anna"), ("anna/monday/a.wav", "anna")])
def test_folder_of_is_the_first_one(name, folder):
    assert folder_of(name) == folder


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("7_jackson_32.wav", "jackson"),
        ("digits/7_jackson_32.wav", "jackson"),
        ("allison/100-and_allison_digits.flac", "allison"),
        ("anna/take 1.wav", "anna"),
        ("anna/monday/1.wav", "anna"),
        ("2024_01_02.wav", ""),
        ("anna/2024_01_02.wav", "anna"),
        ("a.wav", ""),
        ("a_b.wav", ""),
        ("a__b.wav", ""),
        ("anna/a__b.wav", "anna"),
    ],
)
def test_speaker_of_is_the_middle_part_or_the_folder(name, speaker):
    assert speaker_of(name) == speaker


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("7_jackson_32.wav", ("7", "jackson", "32")),
        ("ann/yes_ann_a.b.flac", ("yes", "ann", "a.b")),
        ("anna_001.wav", None),
        ("p225_001_mic1.wav", None),
        ("a__b.wav", None),
        ("a_b_c_d.wav", None),
    ],
)
def test_parts_of_name_of_another_form_is_none(name, parts):
    assert parts_of(name) == parts

"""What the name of a recording tells."""

import pytest

from speech_autoencoder.data.recording_names import label_of


@pytest.mark.parametrize(
    ("name", "label"),
    [("7_jackson_32.wav", "7"), ("a/b_c/yes_ann.flac", "yes"), ("hello.wav", ""), ("some_folder/hello.wav", "")],
)
def test_label_of_is_what_stands_before_the_first_underscore(name, label):
    assert label_of(name) == label

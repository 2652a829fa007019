"""Corpora without one speaker."""

import pytest

from benchmarks.quality.unseen_speakers import leave_out, speakers_to_leave_out
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.errors import InputError
from tests.helpers.common import one_line_of
from tests.helpers.two_words import write_two_words


@pytest.fixture
def corpus(tmp_path):
    """Return a folder with training/ and testing/ of two speakers and two words."""
    write_two_words(tmp_path)
    return tmp_path


def test_leave_out_speaker_trains_on_the_others_and_tests_on_that_one(corpus, tmp_path):
    training, testing = leave_out("ann", corpus / "training", corpus / "testing", tmp_path / "links")
    assert find_recordings(training) == [n for n in find_recordings(corpus / "training") if n.startswith("bob/")]
    assert find_recordings(testing) == [n for n in find_recordings(corpus / "testing") if n.startswith("ann/")]
    name = find_recordings(testing)[0]
    assert (testing / name).read_bytes() == (corpus / "testing" / name).read_bytes()


def test_leave_out_nobody_gives_the_folders_themselves(corpus, tmp_path):
    folders = corpus / "training", corpus / "testing"
    assert leave_out("", *folders, tmp_path / "links") == folders
    assert not (tmp_path / "links").exists()


def test_speakers_to_leave_out_all_is_every_speaker_and_others_are_refused(corpus):
    assert speakers_to_leave_out([], corpus / "testing") == [""]
    assert speakers_to_leave_out(["bob"], corpus / "testing") == ["bob"]
    assert speakers_to_leave_out(["all"], corpus / "testing") == ["ann", "bob"]
    with pytest.raises(InputError, match="theo cannot be left out") as error:
        speakers_to_leave_out(["bob", "theo"], corpus / "testing")
    assert "ann, bob" in one_line_of(error)

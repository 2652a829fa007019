"""Which recordings validate: whole speakers if there are enough of them, else recordings of each."""

from collections import Counter

import pytest

from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.data.splits import split
from speech_autoencoder.errors import InputError
from tests.helpers.common import make_dataset


def corpus(*names):
    """Return a Dataset of short recordings with these names."""
    return make_dataset(names, [4] * len(names))


def of_speakers(**counts):
    """Return a Dataset of recordings, by the count of each speaker's."""
    return corpus(*(f"{take}_{name}_{take}.wav" for name, count in counts.items() for take in range(count)))


def speakers_of(data, recordings):
    """Return the count of each speaker's recordings."""
    speakers = data.speakers()
    return Counter(speakers[i] for i in recordings)


@pytest.mark.parametrize("by", ["auto", "speaker", "recording"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "data",
    [of_speakers(ann=9, bob=12, cy=30), of_speakers(**{f"s{i}": 5 for i in range(20)}), of_speakers(ann=2, bob=2)],
    ids=["three", "twenty", "two"],
)
def test_split_every_recording_is_on_one_side(data, by, seed):
    parts = split(data, TrainingConfig(seed=seed), by)
    assert len(parts.training) > 0
    assert len(parts.validation) > 0
    assert sorted([*parts.training, *parts.validation]) == list(range(len(data.names)))


@pytest.mark.parametrize("seed", range(4))
def test_split_many_speakers_holds_out_whole_ones(seed):
    data = of_speakers(**{f"s{i}": 5 for i in range(20)})
    parts = split(data, TrainingConfig(seed=seed))
    held = speakers_of(data, parts.validation)
    assert not set(held) & set(speakers_of(data, parts.training))
    assert 5 <= len(parts.validation) <= 20
    assert all(name in parts.how for name in held)


def test_split_two_speakers_holds_out_recordings_of_both():
    """One whole speaker of two would be half of the training recordings."""
    data = of_speakers(ann=50, bob=50)
    parts = split(data, TrainingConfig())
    assert len(parts.validation) == 10
    assert speakers_of(data, parts.validation) == {"ann": 5, "bob": 5}


def test_split_one_small_speaker_is_not_held_out_alone():
    """Three recordings are too few to find the best epoch."""
    data = of_speakers(ann=97, bob=3)
    parts = split(data, TrainingConfig())
    assert len(parts.validation) == 10
    assert "recordings" in parts.how


def test_split_by_recording_holds_out_recordings_of_every_speaker():
    data = of_speakers(**{f"s{i}": 20 for i in range(10)})
    parts = split(data, TrainingConfig(), "recording")
    assert len(parts.validation) == 20
    assert set(speakers_of(data, parts.validation).values()) <= {1, 2, 3}
    assert len(speakers_of(data, parts.validation)) == 10


def test_split_by_speaker_of_two_holds_out_the_smaller():
    data = of_speakers(ann=30, bob=10)
    parts = split(data, TrainingConfig(), "speaker")
    assert speakers_of(data, parts.validation) == {"bob": 10}


def test_split_speakers_of_folders_are_held_out_whole():
    data = corpus(*(f"spk{number}/{take}.wav" for number in range(12) for take in range(4)))
    parts = split(data, TrainingConfig())
    assert not set(speakers_of(data, parts.training)) & set(speakers_of(data, parts.validation))
    assert "1 of 12 speakers" in parts.how


@pytest.mark.parametrize("by", ["auto", "speaker"])
def test_split_folders_that_may_be_speakers_are_held_out_whole_and_not_called_speakers(by):
    data = corpus(*(f"{folder}/{take}.wav" for folder in "abcdefghijkl" for take in range(4)))
    parts = split(data, TrainingConfig(), by)
    held, others = ({data.names[i][0] for i in side} for side in (parts.validation, parts.training))
    assert held
    assert not held & others
    assert "1 of 12 folders" in parts.how


def test_split_folders_of_words_hold_out_recordings():
    data = corpus(*(f"{word}/{take}.wav" for word in ("yes", "no", "stop", "go") for take in range(10)))
    parts = split(data, TrainingConfig())
    assert parts.how == "whole recordings"


def test_split_names_without_speaker_holds_out_recordings():
    parts = split(corpus(*(f"take{i}.wav" for i in range(40))), TrainingConfig())
    assert len(parts.validation) == 4
    assert "recording" in parts.how


def test_split_by_speaker_without_speakers_is_refused():
    with pytest.raises(InputError, match="--validation recording"):
        split(corpus("a.wav", "b.wav"), TrainingConfig(), "speaker")


def test_split_one_recording_is_on_both_sides():
    parts = split(corpus("only.wav"), TrainingConfig())
    assert list(parts.training) == list(parts.validation) == [0]
    assert "only recording" in parts.how


def test_split_is_determined_by_the_seed():
    data = corpus(*(f"take{i}.wav" for i in range(40)))
    held = [tuple(split(data, TrainingConfig(seed=seed)).validation) for seed in (0, 0, 1, 2)]
    assert held[0] == held[1]
    assert len(set(held)) > 1


def test_split_names_few_of_many_speakers():
    how = split(of_speakers(**{f"s{i:03}": 2 for i in range(150)}), TrainingConfig()).how
    assert how.startswith("15 of 150 speakers, never trained on: s")
    assert how.endswith(" and 5 more")

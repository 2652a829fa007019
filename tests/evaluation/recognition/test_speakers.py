"""The recogniser of speakers: it tells voices apart, not levels or backgrounds; and when there is none."""

from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.evaluation.metrics.recognition import SPEAKERS
from speech_autoencoder.evaluation.recognition import speakers
from speech_autoencoder.evaluation.recognition.speakers import SR, choose, learned, train, voice
from tests.helpers.arrays import array_of
from tests.helpers.voices import vowels

NAMES = ["ann", "ben", "kim"]
TRAINING = [(name, vowels(number, take, SR)) for number, name in enumerate(NAMES) for take in range(12)]
TESTING = [(name, vowels(number, take, SR)) for number, name in enumerate(NAMES) for take in range(20, 26)]


def accuracy(recogniser, recordings, sr=SR):
    """Return the share of (speaker, waveform) pairs that are recognised."""
    found = recogniser.recognise([waveform for _, waveform in recordings], sr=sr)
    return np.mean([one == other for one, (other, _) in zip(found, recordings, strict=True)])


@pytest.fixture(scope="module")
def recogniser():
    return train(TRAINING)


def test_train_tells_voices_apart_at_any_level_and_rate(recogniser):
    assert (recogniser.labels, recogniser.n_training) == (NAMES, 36)
    assert accuracy(recogniser, TESTING) == 1
    assert accuracy(recogniser, [(name, waveform / 1_000) for name, waveform in TESTING]) == 1
    at_44 = [(name, vowels(number, 30, 44_100)) for number, name in enumerate(NAMES)]
    assert accuracy(recogniser, at_44, 44_100) == 1
    assert accuracy(recogniser, [(NAMES[NAMES.index(name) - 1], waveform) for name, waveform in TESTING]) == 0


def test_train_again_gives_the_same_weights(recogniser):
    again = train(TRAINING)
    assert np.array_equal(again.weights, recogniser.weights)
    assert np.array_equal(again.offsets, recogniser.offsets)


def test_train_background_and_tone_of_a_speaker_are_not_the_voice():
    """Each speaker of training has a noise of their own; in testing, each has that of another."""
    rng = np.random.default_rng(0)

    def with_noise(waveform, db):
        return waveform + rng.standard_normal(len(waveform)) * np.std(waveform) * 10 ** (db / 20)

    db = {"ann": -20, "ben": -30, "kim": -60}
    others = {"ann": -60, "ben": -20, "kim": -30}
    found = train((name, with_noise(waveform, db[name])) for name, waveform in TRAINING)
    assert accuracy(found, [(name, with_noise(waveform, others[name])) for name, waveform in TESTING]) > 0.9


def test_voice_does_not_depend_on_level_or_pauses():
    waveform = TESTING[0][1]
    assert voice(waveform / 100) == pytest.approx(voice(waveform), abs=1e-4)
    padded = np.pad(waveform, (80 * 10, 80 * 30))  # whole hops
    assert voice(padded) == pytest.approx(voice(waveform), abs=0.02)


def test_recognise_silence_is_nobody(recogniser):
    assert recogniser.recognise([np.zeros(4_000), np.zeros(0), TESTING[0][1]], sr=SR) == ["", "", "ann"]


def test_train_silence_and_a_single_speaker_are_nothing_to_learn_from():
    assert train(TRAINING[:12]) is None
    assert train([*TRAINING[:12], ("ben", np.zeros(4_000))]) is None
    assert train([]) is None


def test_choose_takes_speakers_with_enough_recordings(monkeypatch):
    of_all = ["ann"] * 8 + ["ben"] * 7 + ["kim"] * 9 + [""] * 20
    assert choose(of_all, ["ann"]) == [*range(8), *range(15, 24)]
    assert choose(of_all, ["ben", "joe", ""]) == []
    assert choose(["ann"] * 20, ["ann"]) == []
    monkeypatch.setattr(speakers, "_MOST_SPEAKERS", 2)
    monkeypatch.setattr(speakers, "_MOST_RECORDINGS", 20)
    many = [name for name, n in (("ann", 11), ("joe", 9), ("kim", 30)) for _ in range(n)]
    chosen = choose(many, ["kim"])
    assert [many[i] for i in chosen] == ["ann"] * 10 + ["kim"] * 10
    assert chosen[-1] - chosen[-10] == 27  # evenly over all 30


def test_learned_recognises_those_who_are_in_training(tmp_path):
    training = array_of({f"one_{n}_{i}.wav": (w, SR) for i, (n, w) in enumerate(TRAINING)}, tmp_path / "training")
    strangers = [("stranger", vowels(5, take, SR)) for take in range(3)]
    sounds = {f"one_{n}_{i}.wav": (w, SR) for i, (n, w) in enumerate([*TESTING, *strangers])}
    testing = array_of(sounds, tmp_path / "testing")
    said = []
    found = learned(testing, training, "", said.append)
    assert said == []
    assert found.metric == SPEAKERS.key
    assert found.recogniser.labels == NAMES
    known = [name for name in testing.names if found.label_of(name)]
    assert len(known) == len(TESTING)
    assert accuracy(found.recogniser, [(found.label_of(n), testing.read(testing.names.index(n))) for n in known]) == 1

    moved = replace(training, audio_dir=tmp_path / "gone")
    for data, why, expected in (
        (None, "no training array was named.", "no training array was named."),
        (testing, "", "two speakers with eight training recordings each"),
        (moved, "", f"the training recordings are not in {tmp_path / 'gone'}"),
    ):
        assert learned(testing, data, why, said.append) is None
        assert said.pop().startswith(f"Speakers are not recognised: {expected}" if data is not testing else "Speakers")
    nameless = replace(testing, names=[f"{i}.wav" for i in range(len(testing.names))], understood=None)
    assert learned(nameless, training, "", said.append) is None
    assert "none is known" in said.pop()

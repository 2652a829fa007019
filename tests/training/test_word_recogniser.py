"""The word recogniser that is trained here: what it tells apart, at any level and rate, and when there is none."""

import numpy as np
import soundfile as sf

from speech_autoencoder.training import word_recogniser
from speech_autoencoder.training.word_recogniser import labels_in, train, train_quickly
from tests.helpers.two_words import write_two_words

SR = 8_000


def write_words(folder, n_each):
    """Write n_each recordings of each of two words, which are tones; return {name: label}."""
    rng, labels = np.random.default_rng(0), {}
    for label, pitch_hz in (("low", 300), ("high", 1_500)):
        for take in range(n_each):
            t = np.arange(SR // 4 + 20 * take) / SR
            waveform = 0.3 * np.sin(2 * np.pi * pitch_hz * rng.uniform(0.95, 1.05) * t)
            sf.write(folder / f"{label}_ann_{take}.wav", waveform + 0.005 * rng.standard_normal(len(t)), SR)
            labels[f"{label}_ann_{take}.wav"] = label
    return labels


def accuracy(recogniser, waveforms, *, sr, labels):
    """Return the share of waveforms whose label is recognised."""
    recognised = recogniser.recognise(waveforms, sr=sr)
    return np.mean([one == other for one, other in zip(recognised, labels, strict=True)])


def test_labels_in_is_empty_without_a_vocabulary():
    assert labels_in([f"{label}_{who}_{i}.wav" for label in "ba" for who in ("jo", "al") for i in "01"]) == ["a", "b"]
    assert labels_in(["a_1.wav", "a_2.wav", "c.wav"]) == []
    assert labels_in([f"{label}_{who}_1.wav" for label in range(101) for who in ("jo", "al")]) == []


def test_train_without_a_vocabulary_is_none(tmp_path):
    sf.write(tmp_path / "hello.wav", np.ones(800) / 2, SR)
    assert train(tmp_path) is None


def test_train_tells_words_apart_at_any_level_and_rate(tmp_path):
    write_two_words(tmp_path)
    recogniser = train(tmp_path / "training", least_steps=1)
    words = word_recogniser.words_in(tmp_path / "testing", recogniser.labels)
    labels, waveforms = zip(*words, strict=True)
    assert sorted(set(labels)) == ["high", "low"]
    assert accuracy(recogniser, waveforms, sr=SR, labels=labels) == 1
    assert accuracy(recogniser, [w / 100 for w in waveforms], sr=SR, labels=labels) == 1
    assert accuracy(recogniser, [np.repeat(w, 2) for w in waveforms], sr=2 * SR, labels=labels) == 1
    assert accuracy(recogniser, waveforms, sr=SR, labels=labels[::-1]) == 0


def test_train_quickly_tells_words_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(word_recogniser, "_QUICK_STEPS", 60)
    labels = write_words(tmp_path, 10)
    (tmp_path / "low_ann_0.wav").write_text("no sound any more")
    recogniser = train_quickly(tmp_path, labels)
    assert (recogniser.labels, recogniser.n_training) == (["high", "low"], 19)
    names, waveforms = zip(*word_recogniser.words_in(tmp_path, recogniser.labels), strict=True)
    assert accuracy(recogniser, list(waveforms), sr=SR, labels=list(names)) == 1


def test_train_quickly_few_recordings_are_no_vocabulary(tmp_path):
    assert train_quickly(tmp_path, write_words(tmp_path, 7)) is None
    assert train_quickly(tmp_path, {}) is None
    labels = {f"one_{i}.wav": "one" for i in range(20)} | {"two_0.wav": "two"}
    assert train_quickly(tmp_path, labels) is None

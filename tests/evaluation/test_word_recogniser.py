"""What label a recording has, and a recogniser that learns in an evaluation; the rest is in test_benchmarks.py."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import word_recogniser as recogniser
from speech_autoencoder.evaluation.word_recogniser import labels_of
from tests.helpers.common import one_line_of

SR = 8_000
NAMES = ["7_jackson_32.wav", "yes/a_nohash_0.wav", "plain.wav", "anna_001.wav", "p225_001_mic1.wav"]


def test_labels_of_names_and_folders():
    assert labels_of(NAMES, Path("nowhere")) == {"7_jackson_32.wav": "7", "yes/a_nohash_0.wav": "a"}
    assert labels_of(NAMES, Path("nowhere"), "folders") == {"yes/a_nohash_0.wav": "yes"}


def test_labels_of_csv_goes_before_names(tmp_path):
    (tmp_path / "labels.csv").write_text("\ufefflabel,path\nseven,7_jackson_32.wav\n,plain.wav\n", encoding="utf-8")
    assert labels_of(NAMES, tmp_path) == {"7_jackson_32.wav": "seven"}
    assert labels_of(NAMES, tmp_path, "names")["7_jackson_32.wav"] == "7"
    assert labels_of(NAMES, Path("nowhere"), str(tmp_path / "labels.csv")) == {"7_jackson_32.wav": "seven"}


@pytest.mark.parametrize("content", [None, "file,word\na,b\n", b"path,label\n\xff\xfe,1\n", ""])
def test_labels_of_bad_csv_is_refused(tmp_path, content):
    path = tmp_path / "words.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as error:
        labels_of(NAMES, tmp_path, path)
    assert "words.csv" in one_line_of(error)


def write_words(folder, n_each):
    """{name: label} of recordings of words that are tones of their own, n_each of each."""
    rng, labels = np.random.default_rng(0), {}
    for label, pitch_hz in (("low", 300), ("high", 1_500)):
        for take in range(n_each):
            t = np.arange(SR // 4 + 20 * take) / SR
            sound = 0.3 * np.sin(2 * np.pi * pitch_hz * rng.uniform(0.95, 1.05) * t)
            sf.write(folder / f"{label}_ann_{take}.wav", sound + 0.005 * rng.standard_normal(len(t)), SR)
            labels[f"{label}_ann_{take}.wav"] = label
    return labels


def test_train_quickly_tells_words_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(recogniser, "_QUICK_STEPS", 60)
    labels = write_words(tmp_path, 10)
    (tmp_path / "low_ann_0.wav").write_text("no sound any more")
    heard = recogniser.train_quickly(tmp_path, labels)
    assert (heard.labels, heard.n_training) == (["high", "low"], 19)
    words = recogniser.words_in(tmp_path, heard.labels)
    names, waveforms = zip(*words, strict=True)
    assert recogniser.accuracy(heard, list(waveforms), sr=SR, labels=list(names)) == 1


def test_train_quickly_few_recordings_are_no_vocabulary(tmp_path):
    assert recogniser.train_quickly(tmp_path, write_words(tmp_path, 7)) is None
    assert recogniser.train_quickly(tmp_path, {}) is None
    labels = {f"one_{i}.wav": "one" for i in range(20)} | {"two_0.wav": "two"}
    assert recogniser.train_quickly(tmp_path, labels) is None

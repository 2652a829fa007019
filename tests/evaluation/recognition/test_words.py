"""Where the labels of recordings come from."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio.reading import read
from speech_autoencoder.data.audio_list import read_audio_list
from speech_autoencoder.data.building import build
from speech_autoencoder.data.dataset import load
from speech_autoencoder.data.recording_names import Understanding, understand
from speech_autoencoder.data.recordings import LISTED
from speech_autoencoder.evaluation.recognition import words
from speech_autoencoder.evaluation.recognition.words import labels_of
from tests.helpers.common import TINY, make_dataset, make_speech, refused

SR = 8_000

NAMES = [
    f"{folder}/{word}_{who}_{i}.wav" for folder in "ab" for word in ("7", "8") for who in ("jo", "al") for i in "01"
]


def recordings(folder):
    """Return a Dataset of recordings with these names in this folder."""
    return replace(make_dataset(NAMES, [4] * len(NAMES)), audio_dir=folder)


def test_labels_of_names_and_folders(tmp_path):
    data = recordings(tmp_path)
    assert labels_of(data) == labels_of(data, "names") == {name: name[2] for name in NAMES}
    assert labels_of(data, "folders") == {name: name[0] for name in NAMES}


def test_labels_of_names_are_those_that_were_understood_when_the_array_was_made(tmp_path):
    data = replace(recordings(tmp_path), understood=understand(NAMES, "{label}/*"))
    assert labels_of(data) == {name: name[0] for name in NAMES}


def test_labels_of_csv_takes_precedence_over_names(tmp_path):
    (tmp_path / "labels.csv").write_text("label,path\nseven,a/7_jo_0.wav\n,a/7_jo_1.wav\n", encoding="utf-8")
    data, said = recordings(tmp_path), []
    assert labels_of(data, say=said.append) == {"a/7_jo_0.wav": "seven"}
    assert "1 of 1 row match" in said[0]
    assert labels_of(data, "names")["a/7_jo_0.wav"] == "7"
    elsewhere = recordings(tmp_path / "nowhere")
    assert labels_of(elsewhere, str(tmp_path / "labels.csv")) == {"a/7_jo_0.wav": "seven"}


def test_labels_of_csv_of_speakers_alone_leaves_the_labels_to_names(tmp_path):
    (tmp_path / "labels.csv").write_text("path,speaker\na/7_jo_0.wav,ann\n")
    assert labels_of(recordings(tmp_path))["a/7_jo_0.wav"] == "7"
    refused("no column label", do=lambda: labels_of(recordings(tmp_path), tmp_path / "labels.csv"))


def test_labels_of_a_list_take_precedence_over_labels_csv(tmp_path):
    told = Understanding(["jo"] * len(NAMES), ["yes", *["no"] * (len(NAMES) - 1)], source=LISTED)
    data = replace(recordings(tmp_path), understood=told)
    (tmp_path / "labels.csv").write_text("label,path\nseven,a/7_jo_0.wav\n")
    assert labels_of(data) == dict(zip(NAMES, told.labels, strict=True))
    without = replace(data, understood=replace(told, labels=[""] * len(NAMES)))
    assert labels_of(without) == {"a/7_jo_0.wav": "seven"}


def test_labels_of_parts_are_those_of_their_files_in_a_csv_and_folders(tmp_path):
    files = [name.rsplit("_", 1)[0] for name in NAMES]
    data = replace(recordings(tmp_path), files=files, starts=[0] * len(files))
    (tmp_path / "labels.csv").write_text("label,path\nseven,a/7_jo\n")
    assert labels_of(data) == {"a/7_jo_0.wav": "seven", "a/7_jo_1.wav": "seven"}
    assert labels_of(data, "folders")["b/8_al_1.wav"] == "b"


def test_learned_reads_parts_as_parts(tmp_path):
    sf.write(tmp_path / "talk.wav", make_speech(20 * SR, SR), SR)
    rows = "".join(f"talk.wav,{i},{i + 1},w{i % 2}\n" for i in range(20))
    (tmp_path / "list.csv").write_text("path,start,end,word\n" + rows)
    build(read_audio_list(tmp_path / "list.csv").recordings, tmp_path / "a.npy", TINY, workers=1)
    data, whole, asked = load(tmp_path / "a.npy", ""), read(tmp_path / "talk.wav"), []

    def train(training_dir, labels, *, seed, read_named):
        asked.append(labels)
        assert np.array_equal(read_named(data.names[3], SR), whole[3 * SR : 4 * SR])

    assert words.learned("auto", data, data, "", train, lambda text: None)[0] is None
    assert asked == [dict(zip(data.names, ["w0", "w1"] * 10, strict=True))]


def test_learned_of_many_recordings_looks_at_some_of_all_words(tmp_path, monkeypatch):
    monkeypatch.setattr(words, "_MOST_TRAINING", 10)
    data, asked = recordings(tmp_path), []
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    words.learned("names", data, data, "", lambda folder, labels, **_: asked.append(labels), lambda text: None)
    assert len(asked[0]) == 10
    assert asked[0].items() < labels_of(data).items()
    assert set(asked[0].values()) == {"7", "8"}


@pytest.mark.parametrize(
    "content", [None, "file,word\na,b\n", b"path,label\n\xff\xfe,1\n", "", "path,label\nx.wav,1\n"]
)
def test_labels_of_bad_csv_is_refused(tmp_path, content):
    path = tmp_path / "words.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused("words.csv", do=lambda: labels_of(recordings(tmp_path), path))


def test_learned_without_the_training_recordings_says_so_and_trains_nothing(tmp_path):
    data, said = recordings(tmp_path / "gone"), []
    found = words.learned("names", data, data, "", lambda *args, **options: pytest.fail("trained"), said.append)
    assert found == (None, labels_of(data))
    assert f"the training recordings are not in {tmp_path / 'gone'}" in said[0]

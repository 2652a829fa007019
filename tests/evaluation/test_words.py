"""Where the labels of recordings come from."""

from dataclasses import replace

import pytest

from speech_autoencoder.data.recording_names import understand
from speech_autoencoder.evaluation import words
from speech_autoencoder.evaluation.words import labels_of
from tests.helpers.common import make_dataset, refused

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

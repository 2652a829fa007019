"""Where the labels of recordings come from."""

from pathlib import Path

import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.words import labels_of
from tests.helpers.common import one_line_of

NAMES = ["7_jackson_32.wav", "yes/a_nohash_0.wav", "plain.wav", "anna_001.wav", "p225_001_mic1.wav"]


def test_labels_of_names_and_folders():
    assert labels_of(NAMES, Path("nowhere")) == {"7_jackson_32.wav": "7", "yes/a_nohash_0.wav": "a"}
    assert labels_of(NAMES, Path("nowhere"), "folders") == {"yes/a_nohash_0.wav": "yes"}


def test_labels_of_csv_takes_precedence_over_names(tmp_path):
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

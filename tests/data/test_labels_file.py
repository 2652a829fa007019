"""labels.csv as spreadsheets write it, and paths as people do."""

import unicodedata

import pytest

from speech_autoencoder.data.labels_file import find_labels, read_labels
from tests.helpers.common import refused

NAMES = ["yes/anna 1.wav", "no/anna 1.wav", "no/Café.flac", "stop.wav"]
EXPECTED = {"yes/anna 1.wav": "yes", "no/Café.flac": "nein"}
ROWS = "yes/anna 1.wav,yes\nno/Café.flac,nein\n"


def labels_in(tmp_path, content, names=NAMES, say=lambda text: None):
    """Return {name: label} of the recordings with this content of the file, text or bytes."""
    path = tmp_path / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_labels(path).values("label", names, say)


CONTENTS = {
    "plain": "path,label\n" + ROWS,
    "other order, a column more": "n,label,path\n1,yes,yes/anna 1.wav\n2,nein,no/Café.flac\n",
    "semicolons": "path;label\n" + ROWS.replace(",", ";"),
    "tabs": "path\tlabel\n" + ROWS.replace(",", "\t"),
    "bars": "path|label\n" + ROWS.replace(",", "|"),
    "a line for Excel": "sep=;\npath;label\n" + ROWS.replace(",", ";"),
    "a quoted line for Excel": '"sep=,"\r\n' + ("path,label\n" + ROWS).replace("\n", "\r\n"),
    "a mark": "\ufeffpath,label\n" + ROWS,
    "Excel's Unicode text": ("path\tlabel\r\n" + ROWS.replace(",", "\t")).encode("utf-16"),
    "UTF-16 without a mark": ("path,label\n" + ROWS).encode("utf-16-le"),
    "Windows-1252": ("path,label\n" + ROWS).encode("cp1252"),
    "names of columns in another case": " Path, LABEL \n" + ROWS,
    "blanks": "path , label\n yes/anna 1.wav , yes \n no/Café.flac ,\tnein\n",
    "quotes": '"path", "label"\n"yes/anna 1.wav", "yes"\n"no/Café.flac","nein"\n',
    "blank lines": "\n\npath,label\n\nyes/anna 1.wav,yes\n,\n\nno/Café.flac,nein\n\n",
    "lines of Windows and of old Macs": ("path,label\n" + ROWS).replace("\n", "\r\n").encode()[:-1] + b"\r",
    "an empty label": "path,label\nstop.wav,\n" + ROWS,
    "columns left out at the end": "path,label,note,more\n" + ROWS,
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_values_of_table_as_spreadsheets_write_it(tmp_path, content):
    assert labels_in(tmp_path, content) == EXPECTED


@pytest.mark.parametrize(
    "path",
    [
        "no/Café.flac",
        "./no/Café.flac",
        "no\\Café.flac",
        ".\\no\\Café.flac",
        "/home/anna/corpus/no/Café.flac",
        "C:\\Users\\anna\\corpus\\no\\Café.flac",
        "corpus/no/Café.flac",
        "Café.flac",
        "no/Café",
        "Café",
        "NO/CAFÉ.FLAC",
        "no/Café.wav",
        "no//Café.flac",
        unicodedata.normalize("NFD", "no/Café.flac"),
        unicodedata.normalize("NFD", "C:\\Corpus\\No\\Café"),
        "  no/Café.flac  ",
    ],
)
def test_values_path_written_otherwise_means_the_same_recording(tmp_path, path):
    assert labels_in(tmp_path, f"path,label\n{path},nein\n") == {"no/Café.flac": "nein"}


def test_values_of_names_that_are_spelled_with_two_characters(tmp_path):
    name = unicodedata.normalize("NFD", "no/Café.flac")
    assert labels_in(tmp_path, "path,label\nno/Café.flac,nein\n", [name]) == {name: "nein"}


def test_values_names_with_dots_and_without_a_suffix_match(tmp_path):
    assert labels_in(tmp_path, "path,label\na.b,x\n", ["c/a.b.wav", "c/a.c.wav"]) == {"c/a.b.wav": "x"}


def test_values_path_of_several_recordings_matches_none(tmp_path):
    said = []
    found = labels_in(tmp_path, "path,label\nanna 1.wav,yes\nstop.wav,stop\n", say=said.append)
    assert found == {"stop.wav": "stop"}
    assert "1 of 2 rows match; 1 of 4 recordings have a label" in said[0]
    assert "row 2, anna 1.wav" in said[0]


def test_values_exact_path_goes_before_one_that_is_only_alike(tmp_path):
    rows = "path,label\nA.WAV,upper\na.wav,lower\nelsewhere/a.wav,other\n"
    assert labels_in(tmp_path, rows, ["a.wav", "A.WAV"]) == {"a.wav": "lower", "A.WAV": "upper"}
    assert labels_in(tmp_path, "path,label\nelsewhere/a.wav,other\na.wav,lower\n", ["a.wav"]) == {"a.wav": "lower"}


def test_values_says_how_many_rows_matched_and_the_first_that_did_not(tmp_path):
    said = []
    labels_in(tmp_path, "path;label\n" + ROWS.replace(",", ";") + "\ngone.wav;x\nalso.wav;y\n", say=said.append)
    assert len(said) == 1
    assert "labels.csv: 2 of 4 rows match" in said[0]
    assert "row 5, gone.wav" in said[0]
    labels_in(tmp_path, "path,label\n" + ROWS, say=said.append)
    assert said[1].endswith("labels.csv: 2 of 2 rows match; 2 of 4 recordings have a label.")


def test_values_two_labels_of_one_recording_are_refused_with_both_rows(tmp_path):
    rows = "path,label\nstop.wav,stop\nno/Café.flac,nein\nstop.wav,halt\n"
    refused("stop.wav", "stop in row 2", "halt in row 4", "remove", do=lambda: labels_in(tmp_path, rows))
    rows = "sep=,\npath,label\nSTOP.wav,stop\n\nStop.WAV,halt\n"
    refused("stop.wav", "stop in row 3", "halt in row 5", do=lambda: labels_in(tmp_path, rows))
    assert labels_in(tmp_path, "path,label\nstop.wav,stop\nstop.wav,stop\n") == {"stop.wav": "stop"}


def test_values_no_row_that_matches_is_refused_with_an_example_of_both(tmp_path):
    rows = "path,label\nx/1.wav,yes\n"
    refused("labels.csv", "row 2", "x/1.wav", "yes/anna 1.wav", do=lambda: labels_in(tmp_path, rows))


def test_values_of_speakers_are_read_alike(tmp_path):
    (tmp_path / "labels.csv").write_text("path,Speaker\nstop.wav,anna\n")
    table = read_labels(tmp_path / "labels.csv")
    assert table.columns == ["path", "speaker"]
    assert table.values("speaker", NAMES) == {"stop.wav": "anna"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        ("", "no columns path and label (its first row is nothing)"),
        ("file,word\na,b\n", "its first row is file,word"),
        ("yes/anna 1.wav,yes\n", "its first row is yes/anna 1.wav,yes"),
        (b"path,label\n\x81\x8d,1\n", "not text in UTF-8, UTF-16 or Windows-1252"),
        ("path,label\n" + "x" * 200_000 + ",1\n", "is not a CSV file"),
    ],
)
def test_read_labels_bad_file_is_refused(tmp_path, content, words):
    path = tmp_path / "words.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused("words.csv", words, do=lambda: read_labels(path))


def test_find_labels_has_any_case(tmp_path):
    assert find_labels(tmp_path) is None
    (tmp_path / "Labels.CSV").touch()
    assert find_labels(tmp_path) == tmp_path / "Labels.CSV"
    assert find_labels(tmp_path / "nowhere") is None

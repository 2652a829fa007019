"""Lists of recordings as people write them: columns, times, paths, splits, and rows that cannot be used."""

import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_autoencoder.audio.parts import Part
from speech_autoencoder.data import audio_list
from speech_autoencoder.data.audio_list import TESTING, TRAINING, read_audio_list
from speech_autoencoder.errors import InputError
from tests.helpers.common import ROOT, refused

FILES = ["talk.wav", "b/Café 1.flac", "clips/common.mp3", "a.wav"]


@pytest.fixture
def folder(tmp_path):
    """Return a folder with empty files, since reading a list opens none of them."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def read(folder, content, split=None, name="list.csv", **options):
    """Return what a list with this content, text or bytes, in the folder holds."""
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_audio_list(folder / name, split, **options)


def spans(found):
    """Return (file, start, end) in seconds of each recording; the end is None where the file ends."""
    parts = found.recordings.parts
    return [
        (part.file, part.start_us / 1e6, part.end_us and part.end_us / 1e6) if (part := parts.get(name)) else name
        for name in found.recordings.names
    ]


PARTS = [("talk.wav", 0.5, 1.25), ("talk.wav", 3.0, 4.0)]
TABLES = {
    "plain": "path,start,end,speaker,label\ntalk.wav,0.5,1.25,anna,ja\ntalk.wav,3,4,ben,nö\n",
    "in another order, unsorted": "label,end,path,speaker,start\nnö,4,talk.wav,ben,3\nja,1.25,talk.wav,anna,0.5\n",
    "semicolons and decimal commas": "path;start;end;speaker;label\ntalk.wav;0,5;1,25;anna;ja\ntalk.wav;3;4,0;ben;nö\n",
    "synonyms": "Filename,Begin (s),End-Time (s),Speaker ID,Word\ntalk.wav,.5,1.25,anna,ja\ntalk.wav,3.,4,ben,nö\n",
    "milliseconds": "file\tstart_ms\tend_ms\tspk\ttext\ntalk.wav\t500\t1250\tanna\tja\ntalk.wav\t3000\t4000\tben\tnö\n",
    "clocks": "audio,start,end,speaker,label\ntalk.wav,00:00.5,0:00:01.250,anna,ja\ntalk.wav,0:03,00:00:04,ben,nö\n",
    "durations": "path,offset,duration,speaker,label\ntalk.wav,0.5,0.75,anna,ja\ntalk.wav,3,1,ben,nö\n",
    "onset and offset": "path,onset,offset,speaker,label\ntalk.wav,0.5,1.25,anna,ja\ntalk.wav,3,4,ben,nö\n",
    "a mark, and lines of Windows": "\ufeffpath,start,end,speaker,label\r\ntalk.wav,0.5,1.25,anna,ja\r\n"
    "talk.wav,3,4,ben,nö\r\n",
    "Windows-1252": "path,start,end,speaker,label\ntalk.wav,0.5,1.25,anna,ja\ntalk.wav,3,4,ben,nö\n".encode("cp1252"),
    "UTF-16": "path\tstart\tend\tspeaker\tlabel\ntalk.wav\t0,5\t1,25\tanna\tja\ntalk.wav\t3\t4\tben\tnö\n".encode(
        "utf-16"
    ),
    "JSON lines": '{"audio_filepath": "talk.wav", "offset": 0.5, "duration": 0.75, "text": "ja", "speaker": "anna"}\n'
    '{"audio_filepath": "talk.wav", "offset": "3", "duration": 1, "text": "nö", "speaker": "ben", "n": [1]}\n',
    "a list in JSON": json.dumps(
        [
            {"path": "talk.wav", "start": 0.5, "end": 1.25, "speaker": "anna", "label": "ja"},
            {"path": "talk.wav", "start": 3, "end": 4, "speaker": "ben", "label": "nö"},
        ]
    ),
}


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES.keys())
def test_read_list_as_people_write_it(folder, content):
    found = read(folder, content)
    assert spans(found) == PARTS
    assert found.recordings.names == ["talk.wav 0.50-1.25 s", "talk.wav 3.00-4.00 s"]
    assert (found.recordings.speakers, found.recordings.labels) == (["anna", "ben"], ["ja", "nö"])
    assert not found.problems.count


def test_read_list_of_common_voice_as_it_is(folder):
    content = "client_id\tpath\tsentence_id\tsentence\tup_votes\tdown_votes\tage\n"
    content += 'f00\tcommon.mp3\t1\t"Oh no!\t2\t0\t\nf01\ta.wav\t2\tFine, "this" is.\t2\t0\ttwenties\n'
    found = read(folder, content, TRAINING, name="train.tsv")
    assert found.recordings.names == ["a.wav", "clips/common.mp3"]
    assert found.recordings.speakers == ["f01", "f00"]
    assert found.recordings.labels == ['Fine, "this" is.', '"Oh no!']
    assert not found.problems.count


def test_read_list_without_times_is_of_whole_files(folder):
    found = read(folder, "path,start,end\na.wav,,\ntalk.wav,0,\nb/Café 1.flac,2,\nclips/common.mp3,,3\n")
    assert spans(found) == ["a.wav", ("b/Café 1.flac", 2.0, None), ("clips/common.mp3", 0.0, 3.0), "talk.wav"]
    assert found.recordings.names[1] == "b/Café 1.flac 2.00 s to the end"
    assert (found.recordings.speakers, found.recordings.labels) == (None, None)


def test_read_list_is_sorted_by_file_and_time(folder):
    content = "path,start,end\ntalk.wav,10,11\ntalk.wav,9,10\na.wav,1,2\ntalk.wav,9,9.5\ntalk.wav,,\ntalk.wav,100,\n"
    assert spans(read(folder, content)) == [
        ("a.wav", 1.0, 2.0),
        "talk.wav",
        ("talk.wav", 9.0, 9.5),
        ("talk.wav", 9.0, 10.0),
        ("talk.wav", 10.0, 11.0),
        ("talk.wav", 100.0, None),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "b/Café 1.flac",
        "./b//Café 1.flac",
        "b\\Café 1.flac",
        unicodedata.normalize("NFD", "b/Café 1.flac"),
        "b/CAFÉ 1.FLAC",
        "~/b/Café 1.flac",
        "{folder}/b/Café 1.flac",
        "{folder}\\b\\Café 1.flac",
        "b/../b/Café 1.flac",
    ],
)
def test_read_path_written_otherwise_is_found(folder, path, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    [name] = read(folder, json.dumps({"path": path.format(folder=folder)})).recordings.names
    assert (folder / name).samefile(folder / "b" / "Café 1.flac")
    assert "{" in path or ".." in path or "~" in path or name == "b/Café 1.flac"


def test_read_files_elsewhere_are_found_relative_to_the_list_and_by_absolute_paths(folder, monkeypatch):
    (folder / "lists").mkdir()
    monkeypatch.chdir(folder.parent)
    content = f"path\n../talk.wav\n{folder}/a.wav\n"
    found = read(folder / "lists", content).recordings
    assert [found.path(name).resolve() for name in found.names] == [folder / "talk.wav", folder / "a.wav"]
    # The working directory does not matter, and a file in the folder of the list has a short name.
    relative = Path(folder.name, "list.csv")
    relative.write_text(content.replace("../", ""))
    assert read_audio_list(relative).recordings.names == ["a.wav", "talk.wav"]


SPLIT = (
    "path,start,end,split\ntalk.wav,0,1,train\ntalk.wav,1,2,Training\ntalk.wav,2,3,TEST\ntalk.wav,3,4,eval\n"
    "talk.wav,4,5,dev\ntalk.wav,5,6,validation\ntalk.wav,6,7,\ntalk.wav,7,8,other\n"
)


def test_read_rows_of_a_split_alone_and_counts_the_others(folder):
    found = read(folder, SPLIT, TRAINING)
    assert [start for _, start, _ in spans(found)] == [0, 1]
    assert found.notes[1].endswith(
        "4 rows are not for training (2 of testing and 2 of validation): training chooses the recordings that "
        "validate by itself."
    )
    assert found.problems.lines() == [
        "row 8: it has no split, and other rows have one",
        "row 9: the split is other: expected train, validation or test",
    ]
    assert [start for _, start, _ in spans(read(folder, SPLIT, TESTING))] == [2, 3]
    assert len(read(folder, SPLIT).recordings.names) == 7
    refused(
        "list.csv has no row of testing, only 1 row of training",
        do=lambda: read(folder, "path,split\na.wav,train\n", TESTING),
    )


@pytest.mark.parametrize("header", ["path,split", "path,label"])
def test_read_rows_without_any_split_are_for_both(folder, header):
    for split in (TRAINING, TESTING):
        assert read(folder, f"{header}\na.wav,\ntalk.wav,\n", split).recordings.names == ["a.wav", "talk.wav"]


def test_read_reports_the_columns_that_are_used_and_what_is_missing_in_them(folder):
    content = "File,Sentence,Reader,client_id\na.wav,yes,x,\ntalk.wav,,x,anna\nb/Café 1.flac,no,y,\n"
    assert read(folder, content).notes == [
        f"{folder}/list.csv: 3 rows are used, with path from file, speaker from client_id, label from sentence.",
        f"{folder}/list.csv: 2 of 3 have no speaker: rows 2, 4.",
        f"{folder}/list.csv: 1 of 3 has no label: row 3.",
    ]


BAD = {
    "gone.wav,,": "there is no file gone.wav",
    "b,,": "b is a folder",
    ",1,2": "it has no path",
    "talk.wav,3,2": "talk.wav starts at 3.00 s and ends at 2 s: expected an end after the start",
    "talk.wav,2,2": "expected an end after the start",
    "talk.wav,-1,2": "starts at -1 s: expected 0 or more",
    "talk.wav,x,2": "the start is x: expected seconds, such as 12.5, or 1:02:03.5",
    "talk.wav,1,nan": "the end is nan",
    "talk.wav,1,1e400": "the end is 1e400",
    'talk.wav,1,"1,500"': "the end is 1,500",
    "talk.wav,1,0:99": "the end is 0:99",
    "talk.wav,,99999999999": "the end is 99999999999",
    "a.wav,0.0,": "a.wav is in row 2 already",
    "./a.wav,,,": "a.wav is in row 2 already",
    '"talk\n.wav",1,2': "the path has a line break",
    "talk.wav,1,2,3": "has 4 cells, and the first row 3",
}


@pytest.mark.parametrize("row", BAD)
def test_read_bad_row_is_named_and_left_out_or_stops(folder, row):
    content = f"path,start,end\na.wav,,\n{row}\ntalk.wav,5,6\n"
    found = read(folder, content)
    assert found.recordings.names == ["a.wav", "talk.wav 5.00-6.00 s"]
    [line] = found.problems.lines()
    assert line.startswith("row 3: ")
    assert BAD[row] in line
    refused("list.csv, row 3: ", BAD[row], do=lambda: read(folder, content, strict=True))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"start": 1}, "it has no column path"),
        ({"path": None}, "it has no path"),
        ({"path": ["talk.wav"]}, "the path is ['talk.wav']: expected text"),
        ({"path": "talk.wav", "start": True}, "the start is True"),
        ({"path": "talk.wav", "end": float("inf")}, "the end is inf"),
        ({"path": "talk.wav", "end": 10**300}, "the end is 1000"),
        ({"path": "talk.wav", "duration": 0}, "the duration of talk.wav is 0 s"),
        ({"path": "talk.wav", "label": {"a": 1}}, "the label is {'a': 1}"),
        ({"path": "a\0b"}, "there is no file a\\x00b"),
        ({"path": "\ud800"}, "there is no file \\ud800"),
        (3, "is not a JSON object"),
    ],
)
def test_read_bad_row_of_json_is_named(folder, row, words):
    [line] = read(folder, f'{{"path": "a.wav"}}\n{json.dumps(row)}\n').problems.lines()
    assert line.startswith("row 2: ")
    assert words in line


def test_read_texts_of_json_may_be_numbers(folder):
    found = read(folder, '{"path": "a.wav", "label": 7, "speaker": 12.0}\n{"path": "talk.wav", "label": null}')
    assert (found.recordings.speakers, found.recordings.labels) == (["12", ""], ["7", ""])


def test_read_list_without_a_row_that_can_be_used_is_refused(folder):
    refused(
        "list.csv has 2 rows, none of which can be used; the first is row 2: there is no file x.wav",
        f"relative to {folder}",
        do=lambda: read(folder, "path\nx.wav\ny.wav\n"),
    )
    refused("list.csv has no rows below its first", do=lambda: read(folder, "path\n"))
    refused("no column path (its first row is a.wav,talk.wav)", do=lambda: read(folder, "a.wav,talk.wav\n"))


def test_where_tells_the_row_of_a_recording(folder):
    found = read(folder, "path,start,end\n\ntalk.wav,1,2\n").recordings
    assert found.where("talk.wav 1.00-2.00 s") == f"{folder}/list.csv, row 3: "
    assert found.parts == {"talk.wav 1.00-2.00 s": Part("talk.wav", 1_000_000, 2_000_000)}


def test_read_many_rows_takes_little_for_each(folder, monkeypatch):
    """A row costs one look at the disk for each file, and no more than some microseconds."""
    monkeypatch.setattr(audio_list.ListedFiles, "find", found := Found())
    content = "".join(f"f{i % 10}.wav,{i},{i + 0.5},s{i % 7}\n" for i in range(20_000))
    assert len(read(folder, "path,start,end,speaker\n" + content).recordings.names) == 20_000
    assert found.n == 10


class Found:
    """Finds every file, and counts how often it is asked."""

    n = 0

    def __call__(self, text):
        self.n += 1
        return text, ""


WORDS = st.sampled_from(
    ["a.wav", "talk.wav", "path", "start", "1", "2,5", "0:01", "-", "train", "\n", ",", ";", "\t", '"', "\r", "\ufeff"]
)
BYTES = st.one_of(
    st.binary(max_size=100),
    st.lists(WORDS, max_size=30).map(lambda words: ("path,start,end\n" + "".join(words)).encode()),
    st.lists(WORDS, max_size=30).map(lambda words: ("path;start\n" + "".join(words)).encode("utf-16")),
    st.text(max_size=50).map(lambda text: f"path\tsplit\n{text}".encode("utf-8", "surrogatepass")),
    st.lists(st.dictionaries(WORDS, st.floats() | st.text(max_size=9) | st.none(), max_size=5), max_size=5).map(
        lambda rows: "\n".join(map(json.dumps, rows)).encode()
    ),
)


@settings(max_examples=300, deadline=None)
@given(BYTES)
def test_read_any_bytes_are_recordings_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    for name in ("a.wav", "talk.wav"):
        (folder / name).touch()
    try:
        recordings = read(folder, content, TRAINING).recordings
    except InputError as error:
        assert "list.csv" in str(error)
        assert "\n" not in str(error)
        return
    assert recordings.names
    assert len(set(recordings.names)) == len(recordings.names)
    assert all(recordings.path(name).exists() and recordings.rows[name] > 0 for name in recordings.names)


def test_documentation_names_columns_that_are_read():
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE)
    assert [role for role, _ in rows] == ["path", "start", "end", "duration", "speaker", "label", "split"]
    for role, names in rows:
        for name in [role, *names.strip().split(", ")]:
            assert role in audio_list._roles((name,)), name

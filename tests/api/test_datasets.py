"""What the generators make arrays of: folders, whose names they read, and lists."""

import json
from functools import partial

import pytest
import soundfile as sf

from speech_autoencoder.api.datasets import build_dataset, read_names
from speech_autoencoder.data.building import build
from speech_autoencoder.data.dataset import load
from speech_autoencoder.data.recording_names import describe
from speech_autoencoder.data.sidecar import json_file
from tests.helpers.common import TINY, assert_refused, make_speech, names_in, refused, run_script
from tests.helpers.layouts import FSDD

TESTING = ["5_theo_7.wav", "6_jackson_8.wav"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Return a folder of recordings in training/, named as those of FSDD, and two in testing/."""
    folder = tmp_path_factory.mktemp("corpus")
    for side, names in (("training", FSDD), ("testing", TESTING)):
        (folder / side).mkdir()
        for i, name in enumerate(names):
            sf.write(folder / side / name, make_speech(400, 8_000, i), 8_000)
    return folder


def read(folder, names, *, pattern=None, training_array=None):
    """Return what the names of recordings in the folder tell."""
    return read_names(names, audio_dir=folder, pattern=pattern, training_array=training_array)


def test_read_names_of_testing_are_read_as_those_of_training(corpus, tmp_path):
    build(corpus / "training", tmp_path / "train.npy", TINY, workers=1)
    assert read(corpus / "testing", TESTING).speakers == ["", ""]
    told = read(corpus / "testing", TESTING, training_array=tmp_path / "train.npy")
    assert (told.speakers, told.source) == (["theo", "jackson"], "training")
    assert "as those of training" in describe(told, TESTING)
    assert read(corpus / "testing", TESTING, training_array=tmp_path / "gone.npy").speakers == ["", ""]


def test_read_names_speakers_of_labels_csv_go_before_names_and_after_a_pattern(tmp_path):
    (tmp_path / "labels.csv").write_text("path;speaker\n0_jackson_0.wav;ann\n")
    told = read(tmp_path, FSDD)
    assert dict(zip(FSDD, told.speakers, strict=True)) == dict.fromkeys(FSDD, "") | {"0_jackson_0.wav": "ann"}
    assert told.labels[:2] == ["0", "0"]
    assert "labels.csv tells: 1 speaker (ann)" in describe(told, FSDD)
    assert "jackson" in read(tmp_path, FSDD, pattern="{label}_{speaker}_{take}").speakers


@pytest.mark.parametrize("content", ["path,label\n0_jackson_0.wav,zero\n", "something else", b"\xff"])
def test_read_names_file_without_speakers_leaves_them_to_names(tmp_path, content):
    (tmp_path / "labels.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert read(tmp_path, FSDD).speakers[0] == "jackson"


def test_generators_say_how_names_are_read_and_take_a_pattern(corpus, tmp_path):
    done = run_script("train_data_generator", "--audio-dir", corpus / "training", cwd=tmp_path)
    assert "Names are read as {label}_{speaker}_{take}: 3 speakers (jackson, theo, ...)" in done.stdout
    assert "3 speakers by name" in done.stdout
    done = run_script("test_data_generator", "--audio-dir", corpus / "testing", cwd=tmp_path)
    assert "as those of training: 2 speakers (jackson, theo) and 2 labels (5, 6)" in done.stdout
    pattern = ("--names", "{speaker}_{label}_{take}")
    done = run_script("train_data_generator", "--audio-dir", corpus / "training", *pattern, cwd=tmp_path)
    assert "Nothing has changed" in done.stdout
    assert "10 speakers (0, 1, ...)" in done.stdout
    data = load(tmp_path / "train_data.npy", "")
    assert set(data.labels()) == {"jackson", "theo", "yweweler"}
    assert json.loads((tmp_path / "train_data.json").read_text())["names"] == {
        "pattern": "{speaker}_{label}_{take}",
        "source": "pattern",
    }
    # Testing follows, also where the names of training were read as asked for.
    done = run_script("test_data_generator", "--audio-dir", corpus / "testing", cwd=tmp_path)
    assert "2 speakers (5, 6) and 2 labels (jackson, theo)" in done.stdout


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("{speaker}/{label}/*", "fits none of the 2 recordings, such as 5_theo_7"), ("*.wav", "neither {speaker} nor")],
)
def test_generator_pattern_that_says_nothing_is_refused(corpus, tmp_path, pattern, words):
    done = run_script("train_data_generator", "--audio-dir", corpus / "testing", "--names", pattern, cwd=tmp_path)
    assert_refused(done, words.replace("{", r"\{"))
    assert not list(tmp_path.glob("*.npy"))


@pytest.fixture
def listed(tmp_path):
    """Return a folder with a long recording and a list of its parts, for training and for testing."""
    sf.write(tmp_path / "talk.flac", make_speech(10 * 8_000, 8_000), 8_000)
    rows = [f"talk.flac;{i},5;{i + 1},25;s{i % 2};w{i};{'test' if i > 6 else 'train'}" for i in range(9)]
    rows += ["gone.flac;;;;;train", "talk.flac;9;11;s1;x;test", "talk.flac;3;2;s1;x;dev"]
    text = "\r\n".join(["\ufeffFile;Start;End;Speaker;Word;Split", *rows])
    (tmp_path / "list.csv").write_text(text, encoding="utf-8", newline="")
    return tmp_path


def test_generators_make_both_arrays_of_one_list(listed):
    done = run_script("train_data_generator", "--audio-list", "list.csv", cwd=listed)
    assert done.returncode == 0, done.stderr
    assert "list.csv: 7 rows are used, with path from file, start, end, speaker, label from word, split." in done.stdout
    assert "list.csv: 4 rows are not for training (3 of testing and 1 of validation)" in done.stdout
    assert "1 row of list.csv was left out:\n  row 11: there is no file gone.flac" in done.stdout
    assert "The list tells: 2 speakers (s0, s1) and 7 labels (w0, w1, ...), as in talk.flac 0.50-1.25 s." in done.stdout
    done = run_script("test_data_generator", "--audio-list", "list.csv", cwd=listed)
    assert "1 recording was left out:\n  list.csv, row 12: talk.flac 9.00-11.00 s ends after the rec" in done.stdout
    assert load(listed / "test_data.npy", "").names == ["talk.flac 7.50-8.25 s", "talk.flac 8.50-9.25 s"]
    done = run_script("test_data_generator", "--audio-list", "list.csv", cwd=listed)
    assert "Nothing has changed" in done.stdout
    assert "list.csv, row 12: " in done.stdout


def test_generators_list_that_cannot_be_used_is_refused(listed):
    (listed / "bad.csv").write_text("path\nx.wav\ny.wav\n")
    generate = partial(run_script, "train_data_generator", cwd=listed)
    assert_refused(
        generate("--audio-list", "bad.csv"), "bad.csv has 2 rows, none of which can be used; the first is row 2"
    )
    assert_refused(generate("--audio-list", "list.csv", "--strict"), "list.csv, row 11: there is no file gone.flac")
    both = ("--audio-list", "list.csv", "--audio-dir", ".")
    assert_refused(generate(*both), "--audio-dir: not allowed with argument --audio-list")
    assert_refused(generate("--audio-list", "no.csv"), "no.csv could not be read: there is no such file")
    (listed / "list.csv").rename(listed / "list.npy")
    assert_refused(generate("--audio-list", "list.npy", "--output", "list.npy", "--overwrite"), "list.npy is an input")
    assert names_in(listed) == ["bad.csv", "list.npy", "talk.flac"]


def test_build_dataset_takes_a_folder_or_a_list(listed):
    summary = build_dataset(None, listed / "a.npy", audio_list=listed / "list.csv", preset="fine")
    assert (summary.n_recordings, load(listed / "a.npy", "").features.sr) == (7, 8_000)
    for folder, path in ((None, None), (listed, listed / "list.csv")):
        refused("--audio-dir", "--audio-list", do=lambda f=folder, p=path: build_dataset(f, "a.npy", audio_list=p))


def test_build_dataset_speakers_of_parts_in_a_list_called_labels_csv(listed):
    (listed / "labels.csv").write_text("path,start,end,speaker\ntalk.flac,0,1,ann\ntalk.flac,1,2,ben\n")
    build_dataset(None, listed / "a.npy", audio_list=listed / "labels.csv")
    assert load(listed / "a.npy", "").speakers() == ["ann", "ben"]


def test_build_dataset_of_many_recordings_names_the_file_of_their_columns(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(json_file, "_MOST_IN_JSON", 1)
    said = []
    build_dataset(corpus / "testing", tmp_path / "a.npy", say=said.append)
    assert f"1), {tmp_path / 'a.json'} and {tmp_path / 'a.columns'}: 2 recordings" in said[0]
    (tmp_path / "b.columns").write_text("somebody's own")
    refused("b.columns", do=lambda: build_dataset(corpus / "testing", tmp_path / "b.npy"))
    assert (tmp_path / "b.columns").read_text() == "somebody's own"

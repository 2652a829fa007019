"""How the generators read names: as asked for, as labels.csv says, as in training, or as names show."""

import json

import pytest
import soundfile as sf

from speech_autoencoder.api.datasets import read_names
from speech_autoencoder.data.building import build
from speech_autoencoder.data.dataset import load
from speech_autoencoder.data.recording_names import describe
from tests.helpers.common import TINY, assert_refused, make_speech, run_script
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

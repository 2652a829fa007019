"""The folder of an array's recordings is found from anywhere, and after a move."""

import os
import shutil
import unicodedata
from pathlib import Path

import pytest
import soundfile as sf

from speech_autoencoder.data.building import build
from speech_autoencoder.data.dataset import load
from speech_autoencoder.data.recordings_folder import stored
from tests.helpers.arrays import edit_sidecar
from tests.helpers.common import TINY, make_speech, refused


def found(array):
    """Return whether all recordings of an array are found."""
    data = load(array, "")
    return data.missing() == [] and all(data.path(i).is_file() for i in range(len(data.names)))


@pytest.fixture
def project(corpus, monkeypatch):
    """Return the folder of an array that was made there with a relative folder of recordings."""
    monkeypatch.chdir(corpus.parent)
    build(Path("corpus"), Path("train_data.npy"), TINY, workers=1)
    return corpus.parent


def test_find_relative_folder_from_another_working_directory(project, tmp_path, monkeypatch):
    assert load(Path("train_data.npy"), "").path(0) == Path("corpus/5_anna_0.wav")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert found(project / "train_data.npy")
    assert found(Path(os.path.relpath(project / "train_data.npy")))


def test_find_after_the_whole_project_moved(project, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    project.rename(project.with_name("moved"))
    try:
        assert found(project.with_name("moved") / "train_data.npy")
    finally:
        project.with_name("moved").rename(project)


def test_find_from_a_copy_of_the_array_elsewhere(project, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("train_data.npy", "train_data.json"):
        shutil.copy(project / name, copy)
    assert load(copy / "train_data.npy", "").audio_dir == project / "corpus"
    # Another corpus stands where the recordings of the copy would be; its recordings are others.
    (copy / "corpus").mkdir()
    sf.write(copy / "corpus" / "7_ben_2.wav", make_speech(900, 8_000), 8_000)
    assert load(copy / "train_data.npy", "").audio_dir == project / "corpus"


@pytest.mark.parametrize("audio_dir", ["../corpus", "linked", "linked/../corpus", "arrays/../corpus"])
def test_find_folder_that_is_not_below_the_array(project, monkeypatch, audio_dir):
    (project / "arrays").mkdir()
    (project / "arrays" / "linked").symlink_to(project / "corpus")
    monkeypatch.chdir(project / "arrays")
    (project / "arrays" / "arrays").mkdir()
    build(Path(audio_dir.replace("arrays/../", "arrays/../../")), Path("a.npy"), TINY, workers=1)
    assert found(Path("a.npy"))
    monkeypatch.chdir("/")
    assert found(project / "arrays" / "a.npy")


def test_find_array_in_a_linked_folder(project, tmp_path):
    (tmp_path / "link").symlink_to(project)
    assert found(tmp_path / "link" / "train_data.npy")
    (tmp_path / "links").mkdir()
    for name in ("train_data.npy", "train_data.json"):
        (tmp_path / "links" / name).symlink_to(project / name)
    edit_sidecar(project / "train_data.npy", lambda data: data.pop("audio_dir_absolute"))
    assert found(tmp_path / "links" / "train_data.npy")


@pytest.mark.parametrize("audio_dir", ["corpus", "absolute"])
def test_find_in_a_sidecar_of_an_earlier_version(project, tmp_path, monkeypatch, audio_dir):
    def as_before(data):
        data["audio_dir"] = os.fspath(project / "corpus") if audio_dir == "absolute" else audio_dir
        del data["audio_dir_absolute"]

    edit_sidecar(project / "train_data.npy", as_before)
    assert found(Path("train_data.npy"))
    monkeypatch.chdir("/")
    assert found(project / "train_data.npy")


def test_find_sidecar_of_an_earlier_version_relative_to_the_working_directory(project, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("train_data.npy", "train_data.json"):
        shutil.copy(project / name, copy)
    edit_sidecar(copy / "train_data.npy", lambda data: data.pop("audio_dir_absolute"))
    assert load(copy / "train_data.npy", "").audio_dir == Path("corpus")


def test_find_recordings_that_are_gone_are_missing_where_they_should_be(project):
    (project / "corpus" / "7_ben_2.wav").unlink()
    assert load(project / "train_data.npy", "").missing() == ["7_ben_2.wav"]
    shutil.rmtree(project / "corpus")
    data = load(project / "train_data.npy", "")
    assert data.audio_dir == project / "corpus"
    assert len(data.missing()) == 4


@pytest.mark.parametrize("value", [1, None, ["corpus"]])
def test_find_damaged_path_is_refused(project, value):
    edit_sidecar(project / "train_data.npy", lambda data: data.update(audio_dir=value))
    refused("train_data.json is damaged", do=lambda: load(project / "train_data.npy", ""))


def test_find_hostile_path_is_not_found(project):
    edit_sidecar(project / "train_data.npy", lambda data: data.update(audio_dir="a\0b", audio_dir_absolute="/\0"))
    assert len(load(project / "train_data.npy", "").missing()) == 4


def test_missing_recording_in_the_other_spelling_of_its_accents_is_found(tmp_path):
    (tmp_path / "corpus").mkdir()
    name = unicodedata.normalize("NFD", "Café 한.wav")
    sf.write(tmp_path / "corpus" / name, make_speech(900, 8_000), 8_000)
    build(tmp_path / "corpus", tmp_path / "a.npy", TINY, workers=1)
    (tmp_path / "corpus" / name).rename(tmp_path / "corpus" / unicodedata.normalize("NFC", name))
    assert found(tmp_path / "a.npy")


def test_stored_paths_are_relative_and_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    absolute = os.fspath(tmp_path / "a" / "corpus")
    assert stored(Path("a/corpus"), Path("x.npy")) == {"audio_dir": "a/corpus", "audio_dir_absolute": absolute}
    assert stored(Path(absolute), Path("a/x.npy"))["audio_dir"] == "corpus"
    assert stored(Path("corpus"), Path("a/x.npy"))["audio_dir"] == "../corpus"

"""A model as workers load it: once, and never another one than the driver has."""

import shutil

import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file, pretrained
from speech_autoencoder.model.model_reference import ModelReference
from tests.helpers.common import one_line_of


@pytest.fixture
def path(tmp_path):
    """Return the path of a model."""
    return shutil.copy(pretrained.PATH, tmp_path / "model.h5")


def test_load_is_the_model_of_the_file_and_is_kept(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    reference = ModelReference.of(path.relative_to(path.parent))
    monkeypatch.chdir("/")
    assert reference.load().fingerprint == model_file.load(path).fingerprint
    assert reference.load() is ModelReference.of(path).load()


def test_load_model_that_comes_with_the_program_wherever_that_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reference = ModelReference.of(pretrained.PATH)
    assert reference == ModelReference.of(type(tmp_path)(pretrained.NAME))
    assert reference.path is None
    assert reference.load().fingerprint == model_file.load(pretrained.PATH).fingerprint


def test_load_file_that_the_worker_does_not_see_is_refused(path):
    reference = ModelReference.of(path)
    path.unlink()
    with pytest.raises(InputError) as error:
        reference.load()
    text = one_line_of(error)
    assert f"cannot read {path}" in text
    assert "a folder that all workers see" in text


def test_load_another_file_under_the_same_path_is_refused(path):
    reference = ModelReference.of(path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(InputError) as error:
        reference.load()
    text = one_line_of(error)
    assert f"{path} is another file on" in text
    assert "a folder that all workers share" in text

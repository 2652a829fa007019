"""What a model tells of the one that its training started from."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from speech_autoencoder.model import model_file, pretrained
from speech_autoencoder.model.origin import origin_of, origins
from tests.helpers.model_files import make_model


@pytest.mark.parametrize("path", [Path(pretrained.NAME), pretrained.PATH], ids=["name", "path"])
def test_origin_of_the_pretrained_model_has_its_digest_and_whose_recordings_they_are(path):
    origin = origin_of(path, model_file.load(path))
    assert origin["name"] == "pretrained"
    assert origin["sha256"] == hashlib.sha256(pretrained.PATH.read_bytes()).hexdigest()
    assert origin["data"]["n_recordings"] == 739
    assert "Asterisk" in origin["source"]["attribution"]


def test_origins_are_all_models_before_the_last_one_first(tmp_path):
    model = make_model()
    description = {"data": {"n_recordings": 7}}
    for name in ("a.h5", "b.h5"):
        (tmp_path / name).write_text(name)
        origin = origin_of(tmp_path / name, replace(model, description=description))
        description = {"data": {}, "started_from": origin}
    assert [origin["name"] for origin in origins(description)] == ["b.h5", "a.h5"]
    assert [origin.get("data") for origin in origins(description)] == [None, {"n_recordings": 7}]


@pytest.mark.parametrize("origin", [None, 1, [], {}, {"name": 1}, {"started_from": {"name": "x"}}], ids=repr)
def test_origins_of_a_description_with_something_else_are_none(origin):
    assert not list(origins({"started_from": origin}))

"""The columns of many recordings are beside the JSON, and nobody notices but for the time and the memory."""

import json
import os

import numpy as np
import pytest

from speech_autoencoder.data.building import build
from speech_autoencoder.data.dataset import features_of, load, sidecar_path, understanding_of
from speech_autoencoder.data.sidecar import json_file
from speech_autoencoder.data.sidecar.columns_file import Texts
from speech_autoencoder.data.sidecar.json_file import columns_path, read_sidecar
from speech_autoencoder.errors import InputError
from tests.helpers.arrays import change, edit_sidecar
from tests.helpers.common import TINY, one_line_of


@pytest.fixture
def many(corpus, array, monkeypatch):
    """Return the path of an array of more recordings than a JSON has columns of."""
    monkeypatch.setattr(json_file, "_MOST_IN_JSON", 3)
    path = array.with_name("many_data.npy")
    build(corpus, path, TINY, workers=1)
    return path


def test_load_array_of_many_recordings_gives_the_same(array, many):
    few, same = load(array, ""), load(many, "")
    assert isinstance(same.names, Texts)
    assert list(same.names) == few.names
    for key in ("sr", "n_samples", "n_frames", "first_row", "digests"):
        np.testing.assert_array_equal(getattr(same, key), getattr(few, key))
    assert list(same.speakers()) == few.speakers()
    assert list(same.labels()) == few.labels()
    assert (same.fingerprint, same.features, same.audio_dir) == (few.fingerprint, few.features, few.audio_dir)
    assert (same.missing(), same.path(2)) == (few.missing(), few.path(2))
    assert not same.has_changed(1)
    for i in range(len(few.names)):
        np.testing.assert_array_equal(same.frames(i), few.frames(i))
    understood = understanding_of(many)
    assert list(understood.speakers) == few.speakers()
    assert features_of(many, "") == features_of(array, "")


def test_write_sidecar_of_many_recordings_has_all_columns_beside_a_small_json(array, many):
    few, stored = json.loads(sidecar_path(array).read_text()), read_sidecar(many, "")
    assert sidecar_path(many).stat().st_size < 4_000
    for group in ("recordings", "rows"):
        assert {key: list(column) for key, column in stored[group].items()} == few[group]
    others = {"notes", "left_out", "names", "fingerprint", "array", "code", "version", "features", "audio_dir"}
    assert {key: stored[key] for key in others} == {key: few[key] for key in others}
    assert not columns_path(array).exists()


def test_build_again_without_a_change_writes_nothing(corpus, many):
    before = [(path.stat().st_mtime_ns, path.stat().st_ino) for path in sorted(many.parent.glob("many*"))]
    assert len(before) == 3
    assert not build(corpus, many, TINY, workers=1).written
    assert [(path.stat().st_mtime_ns, path.stat().st_ino) for path in sorted(many.parent.glob("many*"))] == before


def test_build_again_with_a_change_takes_the_others_as_they_are(corpus, array, many):
    change(corpus)
    assert build(corpus, many, TINY, workers=1).n_computed == 1
    build(corpus, array, TINY, workers=1)
    assert load(many, "").fingerprint == load(array, "").fingerprint


def test_build_again_of_few_recordings_removes_the_columns(corpus, array, many, monkeypatch):
    monkeypatch.setattr(json_file, "_MOST_IN_JSON", 50_000)
    change(corpus)
    build(corpus, many, TINY, workers=1)
    assert not columns_path(many).exists()
    assert json.loads(sidecar_path(many).read_text())["format"] == json_file.FORMAT
    columns_path(many).write_text("somebody's own")
    change(corpus)
    build(corpus, many, TINY, workers=1)
    assert columns_path(many).read_text() == "somebody's own"


@pytest.mark.parametrize("name", ["many_data.json", "many_data.columns"])
def test_build_file_that_cannot_be_written_leaves_the_old_array(corpus, many, monkeypatch, name):
    before = {path.name: path.read_bytes() for path in many.parent.glob("many*")}

    def refuse(path, *_):
        raise InputError(f"{name} could not be written: the disk is full.")

    monkeypatch.setattr(json_file, "write_json" if name.endswith("json") else "write_columns", refuse)
    change(corpus)
    with pytest.raises(InputError, match="the disk is full"):
        build(corpus, many, TINY, workers=1)
    assert {path.name: path.read_bytes() for path in many.parent.glob("many*")} == before


def test_load_without_its_columns_names_them(many):
    columns_path(many).unlink()
    with pytest.raises(
        InputError, match=r"many_data\.columns is missing, which belongs to .*many_data\.json: run train\.py again"
    ) as error:
        load(many, "train.py")
    one_line_of(error)
    os.mkfifo(columns_path(many))
    with pytest.raises(InputError, match=r"many_data\.columns is not a regular file"):
        load(many, "train.py")


def test_load_with_the_columns_of_another_array_is_refused(corpus, many):
    kept = columns_path(many).read_bytes()
    change(corpus)
    build(corpus, many, TINY, workers=1)
    columns_path(many).write_bytes(kept)
    with pytest.raises(
        InputError, match=r"many_data\.columns and .*many_data\.json do not belong together \(.+\): run train\.py again"
    ) as error:
        load(many, "train.py")
    one_line_of(error)
    # As after a run that was killed between the two: the next one mends it.
    assert build(corpus, many, TINY, workers=1).n_computed == 4
    assert len(load(many, "").names) == 4


@pytest.mark.parametrize("value", [None, [], {}, 5, {"size": 10**400}, {"digest": []}])
def test_load_with_a_damaged_description_of_the_columns_is_refused(many, value):
    edit_sidecar(many, lambda data: data.update(columns=value))
    for function in (load, features_of):
        with pytest.raises(InputError, match=r"many_data\.columns and .*many_data\.json do not belong together"):
            function(many, "train.py")


@pytest.mark.parametrize("column", ["path", "digest", "sr", "n_samples", "n_frames", "speaker"])
def test_load_with_a_column_that_is_missing_or_short_is_refused(many, column):
    def take_away(data):
        del data["columns"]["layout"]["recordings"][column]

    def cut(data):
        data["columns"]["layout"]["recordings"][column]["n"] -= 1

    content = sidecar_path(many).read_text()
    for edit in (take_away, cut):
        sidecar_path(many).write_text(content)
        edit_sidecar(many, edit)
        if (edit, column) == (take_away, "speaker"):  # as in arrays of earlier versions
            assert load(many, "").speakers() == load(many, "").understanding.speakers
            continue
        with pytest.raises(InputError, match=r"many_data\.json (is damaged|do not belong together).*: run train\.py"):
            load(many, "train.py")


@pytest.mark.parametrize("column", ["sr", "n_samples", "n_frames"])
def test_load_with_impossible_numbers_is_refused(many, column):
    """The numbers of another column, which are whole numbers too."""

    def swap(data):
        layout = data["columns"]["layout"]["recordings"]
        layout[column] = layout["digest"]

    edit_sidecar(many, swap)
    with pytest.raises(InputError, match="do not belong together"):
        load(many, "train.py")

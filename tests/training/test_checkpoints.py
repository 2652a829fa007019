"""Resuming: a checkpoint of another training or version, a damaged one and a missing one are refused."""

import io
import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.training import checkpoints, loop
from speech_autoencoder.training.checkpoints import read_settings
from tests.helpers.common import (
    TINY,
    TINY_MODEL,
    TINY_TRAINING,
    make_dataset,
    names_in,
    one_line_of,
    raise_at,
    train_tiny,
)


@pytest.fixture(scope="module")
def checkpoint(forty, tmp_path_factory):
    """Return the bytes of a checkpoint after the first epoch."""
    folder = tmp_path_factory.mktemp("checkpoint")
    train_tiny(forty, folder, say=raise_at("Epoch +1"))
    return (folder / "model.checkpoint.npz").read_bytes()


def full(path):
    """Fail as `atomic_write` does on a full disk."""
    raise InputError("no space left")


def resume_refused(data, folder, content, **options):
    """Return the message with which a training refuses to resume from a checkpoint of this content."""
    path = folder / "model.checkpoint.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as error:
        train_tiny(data, folder, resume=True, **options)
    assert not (folder / "model.h5").exists()
    assert content is None or path.read_bytes() == content
    return one_line_of(error)


def test_train_resume_with_other_data_is_refused(forty, tmp_path, checkpoint):
    other = make_dataset(forty.names, forty.n_frames, seed=1)
    assert "other data or settings" in resume_refused(other, tmp_path, checkpoint)


@pytest.mark.parametrize("setting", [{"seed": 1}, {"batch_size": 6}, {"learning_rate": 2e-3}], ids=repr)
def test_train_resume_with_other_settings_is_refused(forty, tmp_path, checkpoint, setting):
    message = resume_refused(forty, tmp_path, checkpoint, config=replace(TINY_TRAINING, **setting))
    ((key, value),) = setting.items()
    before = getattr(TINY_TRAINING, key)
    assert f"model.checkpoint.npz belongs to other data or settings ({key} was {before}, is {value})" in message


@pytest.mark.parametrize("version", [{}, {"format": np.array(3)}], ids=["none", "3"])
def test_train_resume_from_another_format_is_refused(forty, tmp_path, version):
    """Before format 4, the file did not say which it is of."""
    content = io.BytesIO()
    np.savez(content, identity=np.array("another"), minutes=np.array(5.0), epochs=np.array(0), **version)
    message = resume_refused(forty, tmp_path, content.getvalue())
    assert message == "PATH was written by another version of this program: train without --resume.".replace(
        "PATH", str(tmp_path / "model.checkpoint.npz")
    )
    with pytest.raises(InputError, match="another version of this program"):
        read_settings(tmp_path / "model.checkpoint.npz")


def in_format_4(content):
    """Return a checkpoint as format 4 had it: the settings as the repr of a tuple, and less than now."""
    changed = io.BytesIO()
    with np.load(io.BytesIO(content)) as arrays:
        settings, new = read(content), ("settings", "continued_at", "ended", "best_epoch", "progress", "frozen")
        kept = {name: array for name, array in arrays.items() if not name.startswith(new)}
    training = asdict(settings.training)
    budget = {key: np.array(training.pop(key)) for key in ("minutes", "epochs")}
    parts = (settings.data, settings.features, settings.model, settings.loss, settings.codec, training, settings.split)
    np.savez(changed, **kept | budget | {"format": np.array(4), "identity": np.array(repr(parts))})
    return changed.getvalue()


def read(content):
    """Return the settings in the bytes of a checkpoint."""
    with np.load(io.BytesIO(content)) as arrays:
        return checkpoints._settings(arrays)


def test_train_resume_from_format_4_comes_to_the_same(forty, tmp_path, checkpoint):
    results = []
    for name, content in (("new", checkpoint), ("old", in_format_4(checkpoint))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.checkpoint.npz").write_bytes(content)
        results.append(train_tiny(forty, tmp_path / name, resume=True))
    new, old = results
    assert old.history.validation_loss == new.history.validation_loss
    assert old.best_epoch == new.best_epoch
    assert old.model.fingerprint == new.model.fingerprint


def test_read_settings_of_format_4_are_all_but_the_way_to_validate(forty, tmp_path, checkpoint):
    path = tmp_path / "model.checkpoint.npz"
    path.write_bytes(checkpoint)
    settings = read_settings(path)
    assert settings.validation == "auto"
    path.write_bytes(in_format_4(checkpoint))
    assert read_settings(path) == replace(settings, validation="")


@pytest.mark.parametrize(
    "settings", ["", "{}", "[1]", "null", json.dumps({"training": 1}), "(", '{"data": 1, "codec": null}']
)
def test_read_settings_damaged_is_refused(tmp_path, checkpoint, settings):
    with np.load(io.BytesIO(checkpoint)) as arrays:
        np.savez(tmp_path / "model.checkpoint.npz", **{**arrays, "settings": np.array(settings)})
    with pytest.raises(InputError, match="is damaged, or not a checkpoint"):
        read_settings(tmp_path / "model.checkpoint.npz")


@pytest.mark.parametrize("identity", ["", "another", "(1, 2)", "f(1, 2)", "__import__('os').system('false'),"])
def test_read_settings_damaged_in_format_4_is_refused(tmp_path, identity):
    path = tmp_path / "model.checkpoint.npz"
    np.savez(path, format=np.array(4), identity=np.array(identity), minutes=np.array(1.0), epochs=np.array(0))
    with pytest.raises(InputError, match="is damaged, or not a checkpoint"):
        read_settings(path)


def test_train_resume_without_checkpoint_is_refused(forty, tmp_path):
    message = resume_refused(forty, tmp_path, None)
    assert "nothing to resume" in message
    assert "train without --resume" in message


def without_best_weights(content):
    """Return a checkpoint that lacks some of the best weights."""
    changed = io.BytesIO()
    with np.load(io.BytesIO(content)) as arrays:
        np.savez(changed, **{name: array for name, array in arrays.items() if name != "best_weights_1"})
    return changed.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"these are no arrays",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-30],
        lambda content: content[: len(content) // 2] + b"\0" * 200 + content[len(content) // 2 + 200 :],
        without_best_weights,
    ],
    ids=["empty", "text", "half", "end cut off", "hole in the middle", "without best weights"],
)
def test_train_resume_from_damaged_checkpoint_is_refused(forty, tmp_path, checkpoint, damage):
    message = resume_refused(forty, tmp_path, damage(checkpoint))
    assert "model.checkpoint.npz is damaged, or not a checkpoint: train without --resume, but with" in message


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"epochs": 1}, ("1 epoch already", "--epochs 1 counts too", "--epochs 2")),
        (
            {"epochs": 0, "minutes": 1e-9},
            ("minutes already", "--minutes 1e-09 counts too", "give more, such as --minutes "),
        ),
    ],
    ids=["epochs", "minutes"],
)
def test_train_resume_with_a_budget_that_is_used_up_is_refused(forty, tmp_path, checkpoint, budget, words):
    message = resume_refused(forty, tmp_path, checkpoint, config=replace(TINY_TRAINING, **budget))
    assert all(word in message for word in words)


def test_train_resume_with_more_epochs_trains_them(forty, tmp_path, checkpoint):
    (tmp_path / "model.checkpoint.npz").write_bytes(checkpoint)
    result = train_tiny(forty, tmp_path, replace(TINY_TRAINING, epochs=3), resume=True)
    assert len(result.history) == 3


def test_train_full_disk_costs_the_checkpoint_but_not_the_training(forty, tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(checkpoints, "atomic_write", full)
    monkeypatch.setattr(checkpoints, "_EVERY_S", 0)
    result = train_tiny(forty, tmp_path, replace(TINY_TRAINING, epochs=2), say=lines.append)
    assert result.ended == "done"
    assert (tmp_path / "model.h5").exists()
    assert any("No checkpoint could be written (no space left)" in line for line in lines)


def test_train_interrupted_with_a_full_disk_keeps_the_best_epoch(forty, tmp_path, monkeypatch):
    """The model is several times smaller than the checkpoint."""
    monkeypatch.setattr(checkpoints, "atomic_write", full)
    result = train_tiny(forty, tmp_path, say=raise_at("Epoch +1"))
    assert result.ended == "interrupted"
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]


def test_train_full_disk_deletes_the_checkpoint_of_an_earlier_training(forty, tmp_path, monkeypatch, checkpoint):
    """Resumed, it would replace the new model by the old one."""
    (tmp_path / "model.checkpoint.npz").write_bytes(checkpoint)
    monkeypatch.setattr(checkpoints, "atomic_write", full)
    train_tiny(forty, tmp_path, replace(TINY_TRAINING, epochs=1, seed=1))
    assert names_in(tmp_path) == ["model.h5"]


def test_train_full_disk_keeps_the_last_checkpoint_of_its_own(forty, tmp_path, monkeypatch, checkpoint):
    (tmp_path / "model.checkpoint.npz").write_bytes(checkpoint)
    monkeypatch.setattr(checkpoints, "atomic_write", full)
    train_tiny(forty, tmp_path, replace(TINY_TRAINING, epochs=2), resume=True)
    assert (tmp_path / "model.checkpoint.npz").read_bytes() == checkpoint


def test_train_model_that_cannot_be_saved_is_made_from_the_checkpoint_later(forty, tmp_path, monkeypatch, checkpoint):
    (tmp_path / "model.checkpoint.npz").write_bytes(checkpoint)
    config = replace(TINY_TRAINING, epochs=2)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save", lambda path, model: full(path))
        with pytest.raises(InputError, match="no space left"):
            train_tiny(forty, tmp_path, config, resume=True)
    lines = []
    result = train_tiny(forty, tmp_path, config, resume=True, say=lines.append)
    assert "The training is finished; its model is written again." in lines
    assert (len(result.history), names_in(tmp_path)) == (2, ["model.checkpoint.npz", "model.h5"])


def test_read_settings_are_those_of_the_training(forty, tmp_path):
    config = replace(TINY_TRAINING, minutes=7.5)
    train_tiny(forty, tmp_path, config, say=raise_at("Epoch +1"))
    settings = read_settings(tmp_path / "model.checkpoint.npz")
    assert (settings.training, settings.model, settings.codec) == (config, TINY_MODEL, None)
    assert (settings.data, settings.features) == (forty.fingerprint, TINY)
    with pytest.raises(InputError, match="nothing to resume"):
        read_settings(tmp_path / "another.checkpoint.npz")

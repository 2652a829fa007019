"""Resuming: a checkpoint of another training or version, a damaged one and a missing one are refused."""

import io
from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.training import checkpoints
from speech_autoencoder.training.checkpoints import budget
from tests.helpers.common import TINY_TRAINING, make_dataset, one_line_of, raise_at, train_tiny


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
    assert "model.checkpoint.npz belongs to other data or settings" in message


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
        budget(tmp_path / "model.checkpoint.npz")


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
    assert "model.checkpoint.npz is damaged, or not a checkpoint: train without --resume." in message
    assert "train without --resume" in message


def test_train_resume_with_other_epochs_is_refused(forty, tmp_path, checkpoint):
    message = resume_refused(forty, tmp_path, checkpoint, config=replace(TINY_TRAINING, epochs=9))
    assert "resume without --epochs" in message


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


def test_budget_is_that_of_the_training(forty, tmp_path):
    train_tiny(forty, tmp_path, replace(TINY_TRAINING, minutes=7.5), say=raise_at("Epoch +1"))
    assert budget(tmp_path / "model.checkpoint.npz") == (7.5, TINY_TRAINING.epochs)
    with pytest.raises(InputError, match="nothing to resume"):
        budget(tmp_path / "another.checkpoint.npz")

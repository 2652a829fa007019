import csv
import itertools
import re
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from conftest import TINY_MODEL, TINY_TRAINING, make_dataset, names_in, one_line_of

from speech_autoencoder import model_file, training
from speech_autoencoder.codes import LatentCoder
from speech_autoencoder.config import CodecConfig, TrainingConfig
from speech_autoencoder.entropy import to_fixed, to_floats
from speech_autoencoder.errors import InputError
from speech_autoencoder.learner import Batches, Learner
from speech_autoencoder.losses import Loss
from speech_autoencoder.model import decode, encode


def corpus(*names):
    """A Dataset of short recordings with these names."""
    return make_dataset(names, [4] * len(names))


def of_speakers(**counts):
    """A Dataset of so many recordings of each speaker."""
    return corpus(*(f"{take}_{name}_{take}.wav" for name, count in counts.items() for take in range(count)))


def speakers_of(data, recordings):
    """How many of the recordings each speaker has."""
    groups = data.groups()
    return Counter(groups[i] for i in recordings)


# ---- the split


@pytest.mark.parametrize("by", ["auto", "speaker", "recording"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "data",
    [of_speakers(ann=9, bob=12, cy=30), of_speakers(**{f"s{i}": 5 for i in range(20)}), of_speakers(ann=1, bob=1)],
    ids=["three", "twenty", "two"],
)
def test_split_every_recording_is_on_one_side(data, by, seed):
    parts = training.split(data, TrainingConfig(seed=seed), by)
    assert len(parts.training) > 0
    assert len(parts.validation) > 0
    assert sorted([*parts.training, *parts.validation]) == list(range(len(data.names)))


@pytest.mark.parametrize("seed", range(4))
def test_split_many_speakers_holds_out_whole_ones(seed):
    data = of_speakers(**{f"s{i}": 5 for i in range(20)})
    parts = training.split(data, TrainingConfig(seed=seed))
    held = speakers_of(data, parts.validation)
    assert not set(held) & set(speakers_of(data, parts.training))
    assert 5 <= len(parts.validation) <= 20
    assert all(name in parts.how for name in held)


def test_split_two_speakers_holds_out_recordings_of_both():
    """A whole one of two speakers would be half of what there is to train on."""
    data = of_speakers(ann=50, bob=50)
    parts = training.split(data, TrainingConfig())
    assert len(parts.validation) == 10
    assert speakers_of(data, parts.validation) == {"ann": 5, "bob": 5}


def test_split_by_recording_holds_out_recordings_of_every_speaker():
    data = of_speakers(**{f"s{i}": 20 for i in range(10)})
    parts = training.split(data, TrainingConfig(), "recording")
    assert len(parts.validation) == 20
    assert set(speakers_of(data, parts.validation).values()) <= {1, 2, 3}
    assert len(speakers_of(data, parts.validation)) == 10


def test_split_by_speaker_of_two_holds_out_the_smaller():
    data = of_speakers(ann=30, bob=10)
    parts = training.split(data, TrainingConfig(), "speaker")
    assert speakers_of(data, parts.validation) == {"bob": 10}


def test_split_folders_tell_speakers():
    data = corpus(*(f"{folder}/{take}.wav" for folder in "abcdefghijkl" for take in range(4)))
    parts = training.split(data, TrainingConfig())
    assert not set(speakers_of(data, parts.training)) & set(speakers_of(data, parts.validation))


def test_split_names_without_speaker_holds_out_recordings():
    parts = training.split(corpus(*(f"take{i}.wav" for i in range(40))), TrainingConfig())
    assert len(parts.validation) == 4
    assert "recording" in parts.how


def test_split_by_speaker_without_speakers_raises():
    with pytest.raises(InputError, match="--validation recording"):
        training.split(corpus("a.wav", "b.wav"), TrainingConfig(), "speaker")


def test_split_one_recording_is_on_both_sides_and_says_so():
    parts = training.split(corpus("only.wav"), TrainingConfig())
    assert list(parts.training) == list(parts.validation) == [0]
    assert "only recording" in parts.how


def test_split_seed_decides():
    data = corpus(*(f"take{i}.wav" for i in range(40)))
    held = [tuple(training.split(data, TrainingConfig(seed=seed)).validation) for seed in (0, 0, 1, 2)]
    assert held[0] == held[1]
    assert len(set(held)) > 1


# ---- training


@pytest.fixture(scope="module")
def data():
    """Forty recordings of several lengths: nine steps an epoch."""
    return make_dataset([f"{i}.wav" for i in range(40)], range(20, 100, 2))


def train(data, folder, config=TINY_TRAINING, **options):
    """training.train on the tiny network, its files in folder."""
    return training.train(
        data,
        TINY_MODEL,
        config,
        model_path=folder / "model.h5",
        checkpoint_path=folder / "model.checkpoint.npz",
        **options,
    )


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """(Result, folder) of a training that nothing interrupted, while the clock jumped, to which no other may differ."""
    folder = tmp_path_factory.mktemp("whole")
    jumps = itertools.cycle([0.0, 1e10, -1e9, 1.8e9])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: next(jumps))
        return train(data, folder), folder


class Bar:
    """A progress bar during whose update number `at` the user presses Ctrl-C."""

    def __init__(self, at=-1):
        self.at, self.count, self.closed, self.total = at, 0, False, None

    def __call__(self, total):
        self.total = total
        return self

    def update(self, n=1):
        self.count += n
        if self.count == self.at:
            raise KeyboardInterrupt

    def close(self):
        self.closed = True


def raise_at(line, error=KeyboardInterrupt):
    """A `say` that, with a line that matches, raises what Ctrl-C does, or another error."""

    def say(text):
        if re.match(line, text):
            raise error

    return say


def assert_same_result(result, expected):
    """Nothing; two trainings came to the same, bit for bit; only their clocks may differ."""
    for name in ("learning_rate", "training_db", "validation_db", "validation_loss"):
        assert getattr(result.history, name) == getattr(expected.history, name), name
    for name in ("best_db", "best_loss", "best_epoch", "n_epochs"):
        assert getattr(result, name) == getattr(expected, name), name
    assert_same_weights(result.model, expected.model)


def assert_same_weights(model, expected):
    """Nothing; two models have the same weights, bit for bit."""
    for weight, other in zip(model.network.get_weights(), expected.network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


def test_train_finished_leaves_model_and_no_checkpoint(whole):
    result, folder = whole
    assert [path.name for path in folder.iterdir()] == ["model.h5"]
    assert result.ended == "done"
    assert len(result.history) == result.n_epochs == TINY_TRAINING.epochs
    assert_same_weights(model_file.load(folder / "model.h5"), result.model)


def test_train_keeps_the_best_epoch(whole, data):
    result, _ = whole
    assert result.best_loss == min(result.history.validation_loss)
    assert result.history.validation_loss[result.best_epoch - 1] == result.best_loss
    assert result.history.validation_db[result.best_epoch - 1] == result.best_db
    loss = Loss(data.features, result.model.loss)
    learner = Learner(result.model.network, TINY_TRAINING, loss, data.features.range_db)
    held_out = Batches(data, result.split.validation, TINY_TRAINING, TINY_MODEL.frames_per_latent, loss)
    assert learner.validate(held_out) == pytest.approx((result.best_loss, result.best_db), rel=1e-6)


def test_train_beats_pca_on_validation(whole):
    result, _ = whole
    assert result.best_loss < result.floor_loss


def test_train_floor_is_fitted_without_validation(whole, data):
    """The floor's error on recordings that PCA has seen would flatter it."""
    from speech_autoencoder import pca

    result, _ = whole
    fitted = pca.fit(data, result.split.training, *TINY_MODEL.floor_shape)
    np.testing.assert_array_equal(result.model.floor.encode, fitted.encode)


def test_train_same_seed_gives_same_weights_from_epochs_that_differ(whole, data, tmp_path, monkeypatch):
    real, epochs = Batches.epoch, []

    def watched(self, rng=None):
        batches = list(real(self, rng))
        if rng is not None:
            epochs.append(b"".join(clips.tobytes() for clips, *_ in batches))
        return batches

    monkeypatch.setattr(Batches, "epoch", watched)
    assert_same_result(train(data, tmp_path), whole[0])
    assert len(epochs) == len(set(epochs)) == TINY_TRAINING.epochs


def test_train_description_tells_the_story(whole, data):
    description = model_file.load(whole[1] / "model.h5").description
    result = whole[0]
    assert description["training"]["seed"] == TINY_TRAINING.seed
    assert description["training"]["ended"] == "done"
    assert description["validation"] == {
        "error_db": result.best_db,
        "floor_db": result.floor_db,
        "loss": result.best_loss,
        "floor_loss": result.floor_loss,
        "epoch": result.best_epoch,
    }
    assert description["history"]["validation_db"] == result.history.validation_db
    assert description["data"] == {"fingerprint": data.fingerprint, "n_recordings": 40}
    assert {"python", "tensorflow", "keras", "numpy"} <= set(description["versions"])


@pytest.mark.parametrize(
    ("interruption", "n_done"),
    [({"bar": Bar(at=22)}, 2), ({"say": raise_at("Epoch +1", BrokenPipeError)}, 1)],
    ids=["in the third epoch", "by a reader that has gone"],
)
def test_train_interrupted_keeps_best_epoch_and_resumes_to_the_same(whole, data, tmp_path, interruption, n_done):
    interrupted = train(data, tmp_path, **interruption)
    assert interrupted.ended == "interrupted"
    assert interrupted.history.validation_db == whole[0].history.validation_db[:n_done]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.checkpoint.npz", "model.h5"]
    loaded = model_file.load(tmp_path / "model.h5")
    assert loaded.description["training"]["ended"] == "interrupted"
    least = min(interrupted.floor_loss, *interrupted.history.validation_loss)
    assert loaded.description["validation"]["loss"] == pytest.approx(least, rel=1e-5)
    assert_same_weights(loaded, interrupted.model)

    bar, lines = Bar(), []
    resumed = train(data, tmp_path, resume=True, bar=bar, say=lines.append)
    assert resumed.ended == "done"
    assert_same_result(resumed, whole[0])
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]
    assert (bar.count, bar.closed) == (bar.total, True)
    assert any(f"Resuming after epoch {n_done} of 4" in line for line in lines)
    assert resumed.history.minutes == sorted(resumed.history.minutes)


def test_train_interrupted_in_the_first_epoch_leaves_an_older_model(data, tmp_path):
    (tmp_path / "model.h5").write_bytes(b"an older model")
    bar = Bar(at=5)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path, bar=bar)
    assert bar.closed
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]
    assert (tmp_path / "model.h5").read_bytes() == b"an older model"


@pytest.fixture(scope="module")
def checkpoint(data, tmp_path_factory):
    """The bytes of a checkpoint after the first epoch."""
    folder = tmp_path_factory.mktemp("checkpoint")
    train(data, folder, say=raise_at("Epoch +1"))
    return (folder / "model.checkpoint.npz").read_bytes()


def resume_refused(data, folder, content, **options):
    """The message with which a training refuses to go on from a checkpoint of this content."""
    path = folder / "model.checkpoint.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as error:
        train(data, folder, resume=True, **options)
    assert not (folder / "model.h5").exists()
    assert content is None or path.read_bytes() == content
    return one_line_of(error)


def test_train_resume_with_other_data_is_refused(data, tmp_path, checkpoint):
    other = make_dataset(data.names, data.n_frames, seed=1)
    assert "other data or settings" in resume_refused(other, tmp_path, checkpoint)


@pytest.mark.parametrize("setting", [{"seed": 1}, {"batch_size": 6}, {"learning_rate": 2e-3}], ids=repr)
def test_train_resume_with_other_settings_is_refused(data, tmp_path, checkpoint, setting):
    message = resume_refused(data, tmp_path, checkpoint, config=replace(TINY_TRAINING, **setting))
    assert "model.checkpoint.npz is of other data or settings" in message


def test_train_resume_without_checkpoint_is_refused(data, tmp_path):
    message = resume_refused(data, tmp_path, None)
    assert "nothing to resume" in message
    assert "run without --resume" in message


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"these are no arrays",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-30],
        lambda content: content[: len(content) // 2] + b"\0" * 200 + content[len(content) // 2 + 200 :],
    ],
    ids=["empty", "text", "half", "end cut off", "hole in the middle"],
)
def test_train_resume_from_damaged_checkpoint_is_refused(data, tmp_path, checkpoint, damage):
    message = resume_refused(data, tmp_path, damage(checkpoint))
    assert "model.checkpoint.npz is damaged" in message
    assert "run without --resume" in message


def test_train_interrupted_twice_leaves_the_old_model_and_a_checkpoint(data, tmp_path, monkeypatch):
    """Who presses Ctrl-C again does not want to wait for the model to be saved."""
    (tmp_path / "model.h5").write_bytes(b"an older model")
    monkeypatch.setattr(training, "save", lambda *args: raise_at("")(""))
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path, say=raise_at("Epoch +1"))
    assert names_in(tmp_path) == ["model.checkpoint.npz", "model.h5"]
    assert (tmp_path / "model.h5").read_bytes() == b"an older model"


def test_train_nothing_gained_keeps_pca_and_stops(data, tmp_path):
    config = replace(TINY_TRAINING, learning_rate=0.5, weight_decay=0.0, averaging=0.0, patience=2, epochs=10)
    result = train(data, tmp_path, config)
    assert result.ended == "patience"
    assert len(result.history) == result.history.best + 2 < 10
    assert result.best_epoch == 0
    assert (result.best_loss, result.best_db) == pytest.approx((result.floor_loss, result.floor_db), rel=1e-5)
    frames, network = data.frames(0), model_file.load(tmp_path / "model.h5").network
    output = decode(network, TINY_MODEL, encode(network, TINY_MODEL, frames))[:, : frames.shape[1]]
    np.testing.assert_allclose(output, result.model.floor.reconstruct(frames), atol=2e-6)


def test_train_one_recording_makes_model(tmp_path):
    result = train(make_dataset(["only.wav"], [70]), tmp_path, replace(TINY_TRAINING, epochs=1))
    assert result.best_loss <= result.floor_loss * (1 + 1e-5)
    assert model_file.load(tmp_path / "model.h5").config == TINY_MODEL


def test_train_too_long_a_plan_ends_in_time(data, tmp_path, monkeypatch):
    for name in ("_plan", "_replan"):
        monkeypatch.setattr(training, name, lambda *args: 100_000)
    started = time.monotonic()
    result = train(data, tmp_path, replace(TINY_TRAINING, minutes=0.1, epochs=0, patience=100_000))
    assert time.monotonic() - started < 60
    assert result.ended == "time"
    assert 1 <= len(result.history) < result.n_epochs == 100_000
    assert result.best_loss <= result.floor_loss * (1 + 1e-5)
    assert model_file.load(tmp_path / "model.h5").description["training"]["ended"] == "time"


def test_train_plan_follows_a_machine_that_slows_down(data, tmp_path, monkeypatch):
    """A plan made on an idle machine must not end in the middle of its schedule, where the learning rate is high."""
    monkeypatch.setattr(training, "_plan", lambda *args: 100_000)
    result = train(data, tmp_path, replace(TINY_TRAINING, minutes=0.25, epochs=0, patience=100_000))
    assert result.ended == "done"
    assert len(result.history) == result.n_epochs < 100_000
    assert result.history.learning_rate[-1] < 0.01 * max(result.history.learning_rate)
    assert result.history.minutes[-1] < 0.4


def test_train_resume_with_other_epochs_is_refused(data, tmp_path, checkpoint):
    message = resume_refused(data, tmp_path, checkpoint, config=replace(TINY_TRAINING, epochs=9))
    assert "resume without --epochs" in message


def test_train_full_disk_costs_the_checkpoint_but_not_the_training(data, tmp_path, monkeypatch):
    lines = []

    def full(path, arrays):
        raise InputError("no space left")

    monkeypatch.setattr(training, "_save_checkpoint", full)
    monkeypatch.setattr(training, "_CHECKPOINT_S", 0)
    result = train(data, tmp_path, replace(TINY_TRAINING, epochs=2), say=lines.append)
    assert result.ended == "done"
    assert (tmp_path / "model.h5").exists()
    assert any("no space left" in line and "goes on" in line for line in lines)


def test_train_plan_fills_the_minutes_and_leaves_no_trace(data, tmp_path, monkeypatch):
    lines, steps = [], []

    def stop(self, *args):
        steps.append(int(self.optimizer.iterations.numpy()))
        raise StopIteration

    monkeypatch.setattr(Learner, "learn", stop)
    with pytest.raises(StopIteration):
        train(data, tmp_path, replace(TINY_TRAINING, minutes=100.0, epochs=0), say=lines.append)
    planned = int(re.match(r"Training for (\d+) epochs", lines[-1])[1])
    assert 100 < planned < 1_000_000
    assert steps == [0]


def test_train_batch_of_nan_raises_and_saves_nothing(data, tmp_path, monkeypatch):
    (tmp_path / "model.h5").write_bytes(b"an older model")
    real = Batches.epoch

    def poisoned(self, rng=None):
        for clips, *rest in real(self, rng):
            yield (clips * np.float32("nan") if rng else clips), *rest

    monkeypatch.setattr(Batches, "epoch", poisoned)
    with pytest.raises(InputError, match="--learning-rate"):
        train(data, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]
    assert (tmp_path / "model.h5").read_bytes() == b"an older model"


def test_train_weights_of_nan_after_the_last_step_are_never_saved(data, tmp_path, monkeypatch):
    """The loss of a step is that before it: of what the last one did, only the weights can tell."""
    real = Learner.learn

    def poisoned(self, *arguments):
        error = real(self, *arguments)
        self.use([np.full(weight.shape, np.nan, np.float32) for weight in self.weights])
        self.average[0].assign(self.weights[0])
        return error

    monkeypatch.setattr(Learner, "learn", poisoned)
    monkeypatch.setattr(training, "_CHECKPOINT_S", -1)
    with pytest.raises(InputError, match="a weight is NaN"):
        train(data, tmp_path)
    assert list(tmp_path.iterdir()) == []


# ---- a codec

CODEC = CodecConfig(lowest_kbits=0.1, highest_kbits=0.6, knots=3, qualities=9, groups=2, hidden=4)


@pytest.fixture(scope="module")
def codec(data, tmp_path_factory):
    """(Result, folder) of a training as a codec."""
    folder = tmp_path_factory.mktemp("codec")
    return train(data, folder, codec=CODEC), folder


def test_train_codec_model_has_an_entropy_model_that_is_kept(codec):
    result, folder = codec
    loaded = model_file.load(folder / "model.h5")
    assert loaded.entropy.n_qualities == CODEC.qualities
    assert loaded.fingerprint == result.model.fingerprint
    kbits = loaded.description["codec"].pop("kbits")
    assert loaded.description["codec"] == CODEC.to_json()
    assert 0 < kbits[0] < kbits[1]


def test_train_codec_is_compared_with_the_floor_unquantised(codec, data):
    result, _ = codec
    learner = Learner(
        result.model.network, TINY_TRAINING, Loss(data.features, result.model.loss), data.features.range_db
    )
    held_out = Batches(data, result.split.validation, TINY_TRAINING, TINY_MODEL.frames_per_latent, learner.loss)
    assert learner.validate(held_out) == pytest.approx((result.best_loss, result.best_db), rel=1e-5)
    assert result.best_loss < min(result.history.validation_loss)


def test_train_codec_finer_steps_cost_more_and_are_nearer(codec, data):
    model, coder = codec[0].model, LatentCoder(codec[0].model.entropy)
    frames = np.concatenate([data.frames(i) for i in range(0, 40, 4)], axis=1)
    latent = encode(model.network, model.config, frames)
    costs, errors = [], []
    for quality in (0, 4, 8):
        payload, decoded = coder.encode(to_fixed(latent), quality)
        costs.append(len(payload))
        errors.append(np.mean((to_floats(decoded) - latent) ** 2))
    assert costs == sorted(set(costs))
    assert errors == sorted(set(errors), reverse=True)


def test_train_codec_learns_to_be_nearer_for_its_bits(codec):
    history = codec[0].history
    assert history.validation_loss == sorted(history.validation_loss, reverse=True)


def test_train_codec_interrupted_resumes_to_the_same(codec, data, tmp_path):
    assert train(data, tmp_path, codec=CODEC, say=raise_at("Epoch +1")).ended == "interrupted"
    resumed = train(data, tmp_path, codec=CODEC, resume=True)
    assert_same_result(resumed, codec[0])
    assert resumed.model.fingerprint == codec[0].model.fingerprint


def test_train_codec_does_not_resume_what_was_none(data, tmp_path):
    train(data, tmp_path, say=raise_at("Epoch +1"))
    with pytest.raises(InputError, match="other data or settings"):
        train(data, tmp_path, codec=CODEC, resume=True)


def test_write_history_has_a_line_an_epoch(whole, tmp_path):
    history = whole[0].history
    training.write_history(tmp_path / "history.csv", history)
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    for name in ("minutes", "learning_rate", "training_db", "validation_db", "validation_loss"):
        assert [float(row[name]) for row in rows] == pytest.approx(getattr(history, name), rel=1e-5)


def test_history_best_is_the_epoch_of_least_error():
    assert training.History(validation_loss=[3.0, 1.0, 2.0]).best == 2
    assert training.History().best == 0

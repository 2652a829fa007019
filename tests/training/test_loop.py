"""Training from its start to its model: better than PCA, the same for the same seed, kept whatever ends it."""

import itertools
import shutil
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.config import CodecConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file, pca
from speech_autoencoder.model.keras_network import to_keras
from speech_autoencoder.model.quantisation import to_fixed, to_floats
from speech_autoencoder.training import batches as batches_module
from speech_autoencoder.training import checkpoints, loop
from speech_autoencoder.training.augmentation import vary
from speech_autoencoder.training.batches import Batches
from speech_autoencoder.training.train_step import TrainStep
from speech_autoencoder.training.training_loss import TrainingLoss
from speech_autoencoder.training.validation import Validation
from tests.helpers.batches import batches_of
from tests.helpers.common import TINY_MODEL, TINY_TRAINING, make_dataset, names_in, raise_at, train_tiny


@pytest.fixture(scope="module")
def whole(forty, tmp_path_factory):
    """Return (Result, folder, threads) of a training that was not interrupted, while the clock jumped.

    Others must equal it. The threads are those that varied recordings.
    """
    folder, threads = tmp_path_factory.mktemp("whole"), set()
    jumps = itertools.cycle([0.0, 1e10, -1e9, 1.8e9])

    def watched(frames, variation):
        threads.add(threading.current_thread())
        return vary(frames, variation)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: next(jumps))
        patch.setattr(batches_module, "vary", watched)
        return train_tiny(forty, folder), folder, threads


class Bar:
    """A progress bar; at its update number `interrupted_at` the user presses Ctrl-C."""

    def __init__(self, interrupted_at=-1):
        self.interrupted_at = interrupted_at
        self.count = 0
        self.closed = False
        self.total = None

    def __call__(self, total):
        self.total = total
        return self

    def update(self, n=1):
        self.count += n
        if self.count == self.interrupted_at:
            raise KeyboardInterrupt

    def close(self):
        self.closed = True


def assert_same_result(result, expected):
    """Assert that two trainings came to the same, bit for bit; only their clocks may differ."""
    for name in ("learning_rate", "training_db", "validation_db", "validation_loss"):
        assert getattr(result.history, name) == getattr(expected.history, name), name
    for name in ("best_db", "best_loss", "best_epoch", "n_epochs"):
        assert getattr(result, name) == getattr(expected, name), name
    assert_same_weights(result.model, expected.model)


def assert_same_weights(model, expected):
    """Assert that two models have the same weights, bit for bit."""
    for name, other in expected.network.weights.items():
        np.testing.assert_array_equal(model.network.weights[name], other)


def score_of(result, data):
    """Score the model of a training on its held-out recordings once more."""
    loss = TrainingLoss(data.features, result.model.loss)
    network = to_keras(result.model.network)
    train_step = TrainStep(network, TINY_TRAINING, loss=loss, range_db=data.features.range_db)
    return Validation(train_step, batches_of(data, result.split.validation)).score_averages()


def test_train_finished_leaves_model_and_checkpoint(whole):
    result, folder, _ = whole
    assert names_in(folder) == ["model.checkpoint.npz", "model.h5"]
    assert result.ended == "done"
    assert len(result.history) == result.n_epochs == TINY_TRAINING.epochs
    assert_same_weights(model_file.load(folder / "model.h5"), result.model)


def test_train_keeps_the_best_epoch(forty, tmp_path):
    result = train_tiny(forty, tmp_path, replace(TINY_TRAINING, epochs=10))  # in four, noise teaches nothing
    assert result.best_loss == min(result.history.validation_loss)
    assert result.history.validation_loss[result.best_epoch - 1] == result.best_loss
    assert result.history.validation_db[result.best_epoch - 1] == result.best_db
    assert score_of(result, forty) == pytest.approx((result.best_loss, result.best_db), rel=1e-5)


def test_train_makes_batches_beside_the_steps(whole):
    """Else the processors would wait for one that makes a batch, and it for a step."""
    assert len(whole[2]) > 0
    assert threading.main_thread() not in whole[2]


def test_train_beats_pca_on_validation(whole):
    result, *_ = whole
    assert result.best_loss < result.baseline_loss


def test_train_baseline_is_fitted_without_validation(whole, forty):
    """On recordings that it was fitted on, PCA would look better than it is."""
    result, *_ = whole
    fitted = pca.fit(forty, result.split.training, *TINY_MODEL.baseline_shape)
    np.testing.assert_array_equal(result.model.baseline.encode, fitted.encode)


def test_train_same_seed_gives_same_weights_from_epochs_that_differ(whole, forty, tmp_path, monkeypatch):
    real, epochs = Batches.epoch, []

    def watched(self, rng=None, **options):
        batches = list(real(self, rng, **options))
        if rng is not None:
            epochs.append(b"".join(clips.tobytes() for clips, *_ in batches))
        return batches

    monkeypatch.setattr(Batches, "epoch", watched)
    assert_same_result(train_tiny(forty, tmp_path), whole[0])
    assert len(epochs) == len(set(epochs)) == TINY_TRAINING.epochs


def test_train_description_holds_settings_scores_and_versions(whole, forty):
    description = model_file.load(whole[1] / "model.h5").description
    result = whole[0]
    assert description["training"]["seed"] == TINY_TRAINING.seed
    assert description["training"]["ended"] == "done"
    assert description["validation"] == {
        "error_db": result.best_db,
        "baseline_db": result.baseline_db,
        "loss": result.best_loss,
        "baseline_loss": result.baseline_loss,
        "epoch": result.best_epoch,
    }
    assert description["history"]["validation_db"] == result.history.validation_db
    assert description["data"] == {"fingerprint": forty.fingerprint, "n_recordings": 40}
    assert {"python", "tensorflow", "keras", "numpy"} <= set(description["versions"])


@pytest.mark.parametrize(
    ("interruption", "n_done"),
    [({"bar": Bar(interrupted_at=22)}, 2), ({"say": raise_at("Epoch +1", BrokenPipeError)}, 1)],
    ids=["in the third epoch", "by a closed pipe"],
)
def test_train_interrupted_keeps_best_epoch_and_resumes_to_the_same(whole, forty, tmp_path, interruption, n_done):
    interrupted = train_tiny(forty, tmp_path, **interruption)
    assert interrupted.ended == "interrupted"
    assert interrupted.history.validation_db == whole[0].history.validation_db[:n_done]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.checkpoint.npz", "model.h5"]
    loaded = model_file.load(tmp_path / "model.h5")
    assert loaded.description["training"]["ended"] == "interrupted"
    least = min(interrupted.baseline_loss, *interrupted.history.validation_loss)
    assert loaded.description["validation"]["loss"] == pytest.approx(least, rel=1e-5)
    assert_same_weights(loaded, interrupted.model)

    bar, lines = Bar(), []
    resumed = train_tiny(forty, tmp_path, resume=True, bar=bar, say=lines.append)
    assert resumed.ended == "done"
    assert_same_result(resumed, whole[0])
    assert (bar.count, bar.closed) == (bar.total, True)
    assert any(f"Resuming after epoch {n_done} of 4" in line for line in lines)
    assert resumed.history.minutes == sorted(resumed.history.minutes)


def test_train_resume_of_a_finished_training_writes_the_same_again(whole, forty, tmp_path):
    shutil.copytree(whole[1], tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.h5").unlink()
    lines = []
    again = train_tiny(forty, tmp_path, resume=True, say=lines.append)
    assert_same_result(again, whole[0])
    assert_same_weights(model_file.load(tmp_path / "model.h5"), whole[0].model)
    assert "The training is finished; its model is written again." in lines


@pytest.mark.parametrize("budget", [{"epochs": 6}, {"epochs": 0, "minutes": 1e3}], ids=["epochs", "minutes"])
def test_train_resume_with_a_larger_budget_goes_on_after_the_end(whole, forty, tmp_path, monkeypatch, budget):
    shutil.copytree(whole[1], tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(loop, "plan_epochs", lambda *args, **options: 2)
    monkeypatch.setattr(loop, "replan_epochs", lambda n_epochs, *args, **options: n_epochs)
    result, history = train_tiny(forty, tmp_path, replace(TINY_TRAINING, **budget), resume=True), whole[0].history
    assert result.ended == "done"
    assert len(result.history) == result.n_epochs == 6
    assert result.history.validation_db[:4] == history.validation_db
    assert result.best_loss <= whole[0].best_loss
    # The learning rate, which had fallen to zero, rises to where the longer plan is, and falls to zero again.
    rates = result.history.learning_rate
    assert rates[3] < 5e-2 * TINY_TRAINING.learning_rate
    assert max(rates[4:]) > 5 * rates[3]
    assert rates[-1] == min(rates[4:])


def test_train_resume_after_patience_goes_on_with_more_of_it(forty, tmp_path):
    config = replace(TINY_TRAINING, learning_rate=0.5, weight_decay=0.0, averaging=0.0, patience=2, epochs=10)
    first = train_tiny(forty, tmp_path, config)
    assert train_tiny(forty, tmp_path, config, resume=True).ended == "patience"
    result = train_tiny(forty, tmp_path, replace(config, patience=4), resume=True)
    assert len(result.history) > len(first.history)
    # With more epochs, patience begins anew.
    assert len(train_tiny(forty, tmp_path, replace(config, epochs=20), resume=True).history) > len(result.history)


def test_train_interrupted_in_the_first_epoch_leaves_an_older_model(forty, tmp_path):
    (tmp_path / "model.h5").write_bytes(b"an older model")
    bar = Bar(interrupted_at=5)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(forty, tmp_path, bar=bar)
    assert bar.closed
    assert (tmp_path / "model.h5").read_bytes() == b"an older model"


def test_train_killed_within_an_epoch_resumes_from_there_to_the_same(whole, forty, tmp_path, monkeypatch):
    """An epoch may take long: a checkpoint every half a minute, whatever the epoch, is what a crash costs."""

    class Killed(Exception):
        """No time to save anything."""

    def die():
        raise Killed

    monkeypatch.setattr(checkpoints, "_EVERY_S", -1)
    bar = Bar()
    bar.update = lambda n=1: die() if (setattr(bar, "count", bar.count + n) or bar.count) == 14 else None
    with pytest.raises(Killed):
        train_tiny(forty, tmp_path, bar=bar)
    assert names_in(tmp_path) == ["model.checkpoint.npz"]
    bar = Bar()
    assert_same_result(train_tiny(forty, tmp_path, resume=True, bar=bar), whole[0])
    assert bar.count == bar.total


def test_train_interrupted_twice_leaves_the_old_model_and_a_checkpoint(forty, tmp_path, monkeypatch):
    """A second Ctrl-C means: do not wait for the model to be saved."""
    (tmp_path / "model.h5").write_bytes(b"an older model")
    monkeypatch.setattr(loop, "save", lambda *args: raise_at("")(""))
    with pytest.raises(KeyboardInterrupt):
        train_tiny(forty, tmp_path, say=raise_at("Epoch +1"))
    assert names_in(tmp_path) == ["model.checkpoint.npz", "model.h5"]
    assert (tmp_path / "model.h5").read_bytes() == b"an older model"


def test_train_nothing_gained_keeps_pca_and_stops(forty, tmp_path):
    config = replace(TINY_TRAINING, learning_rate=0.5, weight_decay=0.0, averaging=0.0, patience=2, epochs=10)
    result = train_tiny(forty, tmp_path, config)
    assert result.ended == "patience"
    assert len(result.history) == result.history.best_epoch + 2 < 10
    assert result.best_epoch == 0
    assert (result.best_loss, result.best_db) == pytest.approx((result.baseline_loss, result.baseline_db), rel=1e-5)
    frames, network = forty.frames(0), model_file.load(tmp_path / "model.h5").network
    output = network.decode(network.encode(frames))[:, : frames.shape[1]]
    np.testing.assert_allclose(output, result.model.baseline.reconstruct(frames), atol=2e-6)


def test_train_one_recording_makes_model(tmp_path):
    result = train_tiny(make_dataset(["only.wav"], [70]), tmp_path, replace(TINY_TRAINING, epochs=1))
    assert result.best_loss <= result.baseline_loss * (1 + 1e-5)
    assert model_file.load(tmp_path / "model.h5").config == TINY_MODEL


def test_train_too_long_a_plan_ends_in_time(forty, tmp_path, monkeypatch):
    for name in ("plan_epochs", "replan_epochs"):
        monkeypatch.setattr(loop, name, lambda *args, **options: 100_000)
    started = time.monotonic()
    result = train_tiny(forty, tmp_path, replace(TINY_TRAINING, minutes=0.1, epochs=0, patience=100_000))
    assert time.monotonic() - started < 60
    assert result.ended == "time"
    assert 1 <= len(result.history) < result.n_epochs == 100_000
    assert result.best_loss <= result.baseline_loss * (1 + 1e-5)
    assert model_file.load(tmp_path / "model.h5").description["training"]["ended"] == "time"


def test_train_batch_of_nan_raises_and_saves_nothing(forty, tmp_path, monkeypatch):
    (tmp_path / "model.h5").write_bytes(b"an older model")
    real = Batches.epoch

    def poisoned(self, rng=None, **options):
        for clips, *rest in real(self, rng):
            yield (clips * np.float32("nan") if rng else clips), *rest

    monkeypatch.setattr(Batches, "epoch", poisoned)
    with pytest.raises(InputError, match="--learning-rate"):
        train_tiny(forty, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]
    assert (tmp_path / "model.h5").read_bytes() == b"an older model"


def test_train_weights_of_nan_after_the_last_step_are_never_saved(forty, tmp_path, monkeypatch):
    """The loss of a step is the one before it: the last step shows only in the weights."""
    real = TrainStep.take_steps

    def poisoned(self, *arguments, **options):
        error = real(self, *arguments, **options)
        self.use([np.full(weight.shape, np.nan, np.float32) for weight in self.weights])
        self.average[0].assign(self.weights[0])
        return error

    monkeypatch.setattr(TrainStep, "take_steps", poisoned)
    monkeypatch.setattr(checkpoints, "_EVERY_S", -1)
    with pytest.raises(InputError, match="a weight is NaN"):
        train_tiny(forty, tmp_path)
    assert names_in(tmp_path) == ["model.checkpoint.npz"]  # of a step before
    with np.load(tmp_path / "model.checkpoint.npz") as arrays:
        assert all(np.isfinite(arrays[name]).all() for name in arrays if name.startswith("state"))


# A codec

CODEC = CodecConfig(lowest_kbits=0.1, highest_kbits=0.6, knots=3, qualities=9, groups=2, hidden=4)


@pytest.fixture(scope="module")
def codec(forty, tmp_path_factory):
    """Return (Result, folder) of a training as a codec."""
    folder = tmp_path_factory.mktemp("codec")
    return train_tiny(forty, folder, codec=CODEC), folder


def test_train_codec_model_has_what_codes_latents_and_what_they_leave_out(codec):
    result, folder = codec
    loaded = model_file.load(folder / "model.h5")
    assert loaded.entropy.n_qualities == CODEC.qualities
    assert loaded.fingerprint == result.model.fingerprint
    assert loaded.n_qualities > loaded.n_base >= 1
    description = loaded.description["codec"]
    (low, high), (lowest, of_latents) = description.pop("kbits"), description.pop("latent_kbits")
    assert description == CODEC.to_json()
    assert 0 < low == lowest < of_latents < high


def test_train_codec_is_compared_with_the_baseline_unquantised(codec, forty):
    result, _ = codec
    assert score_of(result, forty) == pytest.approx((result.best_loss, result.best_db), rel=1e-5)
    assert result.best_loss < min(result.history.validation_loss)


def test_train_codec_finer_steps_cost_more_and_are_nearer(codec, forty):
    model, coder = codec[0].model, LatentCoder(codec[0].model.entropy)
    frames = np.concatenate([forty.frames(i) for i in range(0, 40, 4)], axis=1)
    latent = model.network.encode(frames)
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


def test_train_codec_interrupted_resumes_to_the_same(codec, forty, tmp_path):
    assert train_tiny(forty, tmp_path, codec=CODEC, say=raise_at("Epoch +1")).ended == "interrupted"
    resumed = train_tiny(forty, tmp_path, codec=CODEC, resume=True)
    assert_same_result(resumed, codec[0])
    assert resumed.model.fingerprint == codec[0].model.fingerprint


def test_train_codec_does_not_resume_a_training_without_codec(whole, forty, tmp_path):
    shutil.copytree(whole[1], tmp_path, dirs_exist_ok=True)
    with pytest.raises(InputError, match=r"other data or settings \(codec was off, is on\)"):
        train_tiny(forty, tmp_path, codec=CODEC, resume=True)


def test_train_codec_finished_goes_on(codec, forty, tmp_path):
    shutil.copytree(codec[1], tmp_path, dirs_exist_ok=True)
    result = train_tiny(forty, tmp_path, replace(TINY_TRAINING, epochs=6), codec=CODEC, resume=True)
    assert result.history.validation_loss[:4] == codec[0].history.validation_loss
    assert min(result.history.validation_loss) < min(codec[0].history.validation_loss)
    assert model_file.load(tmp_path / "model.h5").fingerprint == result.model.fingerprint

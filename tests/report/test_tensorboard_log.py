"""A training for TensorBoard: what its own reader finds, and that the training is not touched."""

import io
import random
import re
import sys

import keras
import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio.reading import read
from speech_autoencoder.data import dataset
from speech_autoencoder.data.splits import Split
from speech_autoencoder.model import keras_network, pca
from speech_autoencoder.report import tensorboard_log
from speech_autoencoder.report.tensorboard_log import TensorBoardLog
from speech_autoencoder.training import loop
from speech_autoencoder.training.checkpoints import TrainingState
from speech_autoencoder.training.history import History, Score
from speech_autoencoder.training.setup import Setup
from speech_autoencoder.training.train_step import TrainStep
from tests.helpers.batches import LOSS
from tests.helpers.common import TINY, TINY_MODEL, TINY_TRAINING, file_size_limit, names_in, refused

event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
COLUMNS = ("minutes", "learning_rate", "training_db", "validation_db", "validation_loss")


def setup_of(data, *validation):
    """Return what a training of the tiny network begins with."""
    network = keras_network.build(TINY_MODEL)
    keras_network.start_at_pca(
        network,
        TINY_MODEL,
        pca.fit(data, np.arange(len(data.names)), TINY_MODEL.frames_per_latent, TINY_MODEL.latent_size),
    )
    train_step = TrainStep(network, TINY_TRAINING, loss=LOSS, range_db=TINY.range_db)
    parts = Split(np.array([0]), np.array(validation), "as it is")
    return Setup(data, TINY_MODEL, TINY_TRAINING, None, "auto", parts, None, train_step, None, None, None, None)


@pytest.fixture(scope="module")
def setup(forty):
    return setup_of(forty, 3, 39)


def state_of(n_done, n_epochs):
    """Return a training after some epochs: column i has 10 i + epoch."""
    columns = [[10.0 * i + epoch for epoch in range(1, n_done + 1)] for i in range(len(COLUMNS))]
    return TrainingState(n_epochs, History(*columns), [], Score(1.0, 1.0))


def log_epochs(setup, folder, epochs, n_epochs, *, resume=False, warn=pytest.fail):
    """Log these epochs of a training, and return the folder with the file."""
    log = TensorBoardLog(folder, resume=resume, warn=warn)
    for epoch in epochs:
        log.add_epoch(setup, state_of(epoch, n_epochs))
    log.close()
    return log.folder


def events_in(folder):
    """Return what TensorBoard reads in a folder, all of it."""
    sizes = dict.fromkeys((event_accumulator.IMAGES, event_accumulator.AUDIO, event_accumulator.SCALARS), 0)
    return event_accumulator.EventAccumulator(str(folder), size_guidance=sizes).Reload()


def steps_of(events):
    """Return the steps of a scalar."""
    return [event.step for event in events.Scalars("validation_loss")]


def test_log_holds_the_history_as_tensorboard_reads_it(setup, tmp_path):
    events = events_in(log_epochs(setup, tmp_path / "runs", range(1, 4), 40))
    assert set(events.Tags()["scalars"]) == set(COLUMNS)
    for i, name in enumerate(COLUMNS):
        values = [(event.step, event.value) for event in events.Scalars(name)]
        assert values == [(epoch, 10 * i + epoch) for epoch in (1, 2, 3)]


def test_log_has_spectrograms_and_sound_in_each_tenth(setup, tmp_path):
    events = events_in(log_epochs(setup, tmp_path, range(1, 6), 21))
    expected = [1, 2, 4]
    assert [event.step for event in events.Images("log_mel")] == expected
    assert [event.step for event in events.Audio("reconstruction")] == expected
    assert all(event.encoded_image_string.startswith(b"\x89PNG") for event in events.Images("log_mel"))
    sound, sr = sf.read(io.BytesIO(events.Audio("reconstruction")[0].encoded_audio_string))
    assert sr == TINY.sr
    assert len(sound) == (98 - 1) * TINY.hop_length  # the longer one of the two held-out recordings
    assert "original" not in events.Tags()["audio"]  # the array's recordings are nowhere


def test_log_reconstruction_is_that_of_the_averaged_weights(setup, tmp_path):
    def picture(name):
        (event,) = events_in(log_epochs(setup, tmp_path / name, [1], 1)).Images("log_mel")
        return event.encoded_image_string

    before = picture("before")
    kept = [mean.numpy() for mean in setup.train_step.average]
    for mean in setup.train_step.average:
        mean.assign_add(0.1 * np.ones(mean.shape, np.float32))
    assert picture("after") != before
    for mean, value in zip(setup.train_step.average, kept, strict=True):
        mean.assign(value)
    assert picture("again") == before


def test_log_touches_neither_weights_nor_random_numbers(setup, tmp_path):
    for weight in setup.train_step.weights:
        weight.assign(1.1 * weight)  # other than the averages
    before = setup.train_step.state()
    keras.utils.set_random_seed(7)
    log_epochs(setup, tmp_path, range(1, 4), 3)
    for name, value in setup.train_step.state().items():
        np.testing.assert_array_equal(value, before[name])
    drawn = random.random(), keras.random.normal((3,)).numpy().tolist()
    keras.utils.set_random_seed(7)
    assert drawn == (random.random(), keras.random.normal((3,)).numpy().tolist())


def test_log_has_the_recording_itself_once(array, tmp_path):
    data = dataset.load(array, "")
    index = data.names.index("7_ben_2.wav")
    events = events_in(log_epochs(setup_of(data, index), tmp_path / "runs", range(1, 4), 3))
    (original,) = events.Audio("original")
    sound, sr = sf.read(io.BytesIO(original.encoded_audio_string))
    np.testing.assert_allclose(sound, read(data.audio_dir / "7_ben_2.wav", sr), atol=1e-4)


def test_log_of_a_training_that_is_resumed_goes_on(setup, tmp_path):
    """Its last epochs were not in the checkpoint any more: what was written of them is replaced."""
    log_epochs(setup, tmp_path / "runs", range(1, 5), 29)
    folder = log_epochs(setup, tmp_path / "runs", range(3, 7), 29, resume=True)
    assert folder == tmp_path / "runs"
    events = events_in(folder)
    assert steps_of(events) == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in events.Audio("reconstruction")] == [1, 2, 4, 6]


def test_log_that_begins_when_a_training_is_resumed_has_its_whole_history(setup, tmp_path):
    assert steps_of(events_in(log_epochs(setup, tmp_path, [3, 4], 4, resume=True))) == [1, 2, 3, 4]


def test_log_of_another_training_is_another_run(setup, tmp_path):
    (tmp_path / "mine").mkdir()  # other runs
    folders = [log_epochs(setup, tmp_path, [], 1, resume=resume) for resume in (False, False, True, False)]
    assert folders == [tmp_path, tmp_path / "run_2", tmp_path / "run_2", tmp_path / "run_3"]


def test_log_place_that_cannot_be_written_is_refused(as_user):
    (as_user / "file").touch()
    (as_user / "closed").mkdir()
    (as_user / "closed").chmod(0o500)
    for name in ("file", "closed", "file/runs", "closed/runs"):
        refused(
            name,
            "cannot hold files for TensorBoard",
            do=lambda name=name: TensorBoardLog(as_user / name, resume=False, warn=pytest.fail),
        )


def test_log_full_disk_is_one_warning(setup, tmp_path):
    lines = []
    with file_size_limit(30_000):
        folder = log_epochs(setup, tmp_path, range(1, 20), 20, warn=lines.append)
    (line,) = lines
    assert re.search(r"nothing more is written for TensorBoard \(the (disk is full|file is larger)", line)
    assert "The training goes on." in line
    assert steps_of(events_in(folder))[0] == 1


def test_log_error_of_a_library_does_not_end_the_training(setup, tmp_path, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("no font.")

    monkeypatch.setattr(tensorboard_log, "_png", fail)
    lines = []
    folder = log_epochs(setup, tmp_path, [1, 2], 2, warn=lines.append)
    (line,) = lines
    assert line.endswith("TensorBoard (no font). The training goes on.")
    assert steps_of(events_in(folder)) == [1]


@pytest.fixture
def trained_with(array, tmp_path, monkeypatch):
    """Return a function (**options) -> the hook that `train` gives the training, which does not take place."""
    from speech_autoencoder.api.training import train

    hooks = []

    def instead(*arguments, on_epoch, **options):
        hooks.append(on_epoch)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train", instead)

    def run(**options):
        with pytest.raises(KeyboardInterrupt):
            train(array, tmp_path / "model.h5", epochs=1, **options)
        return hooks[-1]

    return run


def test_train_logs_each_epoch_where_it_is_asked_to(trained_with, tmp_path):
    assert trained_with() is None
    hook = trained_with(tensorboard=tmp_path / "runs")
    assert hook.__self__.folder == tmp_path / "runs"
    assert hook.__func__ is TensorBoardLog.add_epoch


def test_train_needs_tensorboard_only_where_it_is_asked_for(trained_with, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert trained_with() is None
    with pytest.raises(ModuleNotFoundError) as error:
        trained_with(tensorboard=tmp_path / "runs")
    assert error.value.name.startswith("tensorboard")
    assert "runs" not in names_in(tmp_path)

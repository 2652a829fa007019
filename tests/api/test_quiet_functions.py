"""The functions behind the scripts, in a program: quiet, with results, and the program stays as it was."""

import os
import random
import signal
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import speech_autoencoder as sa
from speech_autoencoder.training.saving import save
from tests.helpers.common import make_speech, names_in, refused
from tests.helpers.tiny_codec import make_codec


class Bars:
    """Progress bars that are counted instead of shown: what `progress` may be."""

    def __init__(self):
        self.done = {}

    def __call__(self, description, total):
        self.total, self.description = total, description
        self.done[description] = 0
        return self

    def update(self, n=1):
        self.done[self.description] += n

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


def state():
    """Return what a program may depend on."""
    return [
        sys.stdout,
        sys.stderr,
        list(sys.argv),
        dict(os.environ),
        Path.cwd(),
        signal.getsignal(signal.SIGINT),
        signal.getsignal(signal.SIGTERM),
        random.getstate(),
        [part.tolist() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],  # noqa: NPY002
        list(warnings.filters),
        threading.active_count(),
    ]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Work in a folder with recordings and the model of a codec."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for seed in range(4):
        sf.write(f"in/{seed}.wav", make_speech(8_000, 8_000, seed), 8_000)
    save(tmp_path / "codec.h5", make_codec())
    return tmp_path


def test_functions_are_quiet_and_leave_the_program_as_it_was(place, array, capfd):
    before, names = state(), names_in(place)
    summary = sa.build_dataset("in", "train.npy", preset="classic")
    assert (summary.n_recordings, summary.n_clips, summary.left_out, summary.written) == (4, 4, [], True)
    result = sa.train(array, "model.h5", epochs=1, latent_rate=50, history="history.csv", seed=3)
    assert (len(result.history), result.ended) == (1, "done")
    assert np.isfinite([result.best_db, result.baseline_db]).all()
    model = sa.load("model.h5")
    assert model.latent_rate <= 50
    assert model.description["training"]["seed"] == 3
    prediction = sa.predict(["in/0.wav", "in/1.wav"], "model.h5", output_dir="out")
    assert [path.name for path in prediction.reconstructions] == ["0.wav", "1.wav"]
    assert (prediction.encoded, prediction.figure, prediction.left_out) == ([], None, [])
    written = {"train.npy", "train.json", "model.h5", "model.checkpoint.npz", "history.csv", "out"}
    assert set(names_in(place)) - set(names) == written
    assert [one for one, other in zip(before, state(), strict=True) if one != other] == []
    assert capfd.readouterr() == ("", "")


def test_functions_report_to_whom_asks(place):
    lines, bars = [], Bars()
    sa.build_dataset("in", "train.npy", say=lines.append, progress=bars)
    assert lines[0].startswith("Wrote train.npy (4, 128, 48, 1) and train.json: 4 recordings")
    assert bars.done["features"] == 4
    sa.predict("in/0.wav", "codec.h5", bitrate=1.6, say=lines.append, progress=bars)
    assert lines[-1] == "Wrote reconstruct.wav."
    assert bars.done["reconstructing"] == pytest.approx(1)


def test_predict_leaves_out_what_cannot_be_used_and_warns(place):
    (place / "in" / "bad.wav").write_text("no sound")
    with pytest.warns(UserWarning, match="bad.wav"), pytest.warns(UserWarning, match="1 of 5 files was left out"):
        prediction = sa.predict("in", "codec.h5", output_dir="out")
    assert len(prediction.reconstructions) == 4
    ((path, reason),) = prediction.left_out
    assert path.name == "bad.wav"
    assert "bad.wav" in reason
    lines = []
    sa.predict("in", "codec.h5", output_dir="out", warn=lines.append)
    assert lines[-1] == "1 of 5 files was left out; the others were done."
    refused("bad.wav", do=lambda: sa.predict("in", "codec.h5", output_dir="out", strict=True))


@pytest.mark.parametrize(
    ("files", "words"),
    [([], "names no recording"), (5, "A path is 5"), ([None], "A path is None"), ("", "path is empty")],
)
def test_predict_what_names_no_recording_is_refused(place, files, words):
    refused(words, do=lambda: sa.predict(files, "codec.h5"))


def test_evaluate_unknown_recogniser_is_refused(place):
    refused("recogniser is 'nope'", "pocketsphinx", do=lambda: sa.evaluate("a.npy", "codec.h5", recogniser="nope"))


def test_predict_with_a_bitrate_says_the_size_of_each(place):
    prediction = sa.predict("in/0.wav", "codec.h5", output="a.wav", bitrate=2.4, figure=True)
    (encoded,) = prediction.encoded
    assert encoded.n_bytes == (place / "a.sae").stat().st_size
    assert encoded.bitrate <= 2.4
    assert prediction.figure.name == "a.png"


def test_functions_replace_nothing_that_is_not_theirs(place):
    sa.build_dataset("in", "train.npy")
    for name in ("mine.npy", "mine.h5", "mine.wav"):
        (place / name).write_text("mine")
    for do in (
        lambda: sa.build_dataset("in", "mine.npy"),
        lambda: sa.train("train.npy", "mine.h5", epochs=1),
        lambda: sa.predict("in/0.wav", "codec.h5", output="mine.wav"),
        lambda: sa.predict("in/0.wav", "codec.h5", output="in/1.wav"),
    ):
        refused("exists and was not made by this program", do=do)
    assert {name: (place / name).read_text() for name in ("mine.npy", "mine.h5", "mine.wav")} == dict.fromkeys(
        ("mine.npy", "mine.h5", "mine.wav"), "mine"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"minutes": 0}, ("--minutes is 0", "above zero")),
        ({"minutes": float("nan")}, ("--minutes is nan",)),
        ({"epochs": 1.5}, ("--epochs is 1.5", "whole number")),
        ({"epochs": True}, ("--epochs is True",)),
        ({"minutes": 1, "epochs": 1}, ("--epochs: not allowed with argument --minutes",)),
        ({"codec": True, "patience": 3}, ("--patience: not allowed with argument --codec",)),
        ({"validation": "some"}, ("--validation is 'some'", "auto, speaker, recording")),
        ({"latent_rate": "700"}, ("--latent-rate is '700'",)),
        ({"seed": -1}, ("--seed is -1",)),
    ],
    ids=lambda value: "",
)
def test_train_option_that_is_none_is_refused(array, options, words):
    refused(*words, do=lambda: sa.train(array, array.with_suffix(".h5"), **options))
    assert not array.with_suffix(".h5").exists()


def test_train_without_tensorflow_says_so_at_once(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # without it, JAX takes its place where it is installed
    refused("tensorflow is not installed", "run pip install", do=lambda: sa.train("gone.npy", "model.h5"))

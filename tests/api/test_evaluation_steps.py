"""What the evaluation reports on the terminal."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from speech_autoencoder.api import evaluation_steps
from speech_autoencoder.api.evaluation_steps import load_encoders, report_scores, require_recordings, require_sound
from speech_autoencoder.config import CLASSIC, preset
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.results import LeftOut, Measurements
from speech_autoencoder.evaluation.systems import SYSTEMS
from speech_autoencoder.model import model_file
from speech_autoencoder.model.model_file import TrainedModel
from tests.helpers.common import make_dataset, refused
from tests.helpers.hostile_page import make_evaluation


@pytest.mark.parametrize("is_installed", [True, False])
def test_report_scores_missing_package_says_how_to_install_it(monkeypatch, is_installed):
    for key in ("pesq_nb", "pesq_wb"):
        monkeypatch.setitem(METRICS, key, replace(METRICS[key], is_installed=lambda: is_installed))
    said = []
    report_scores(make_evaluation(Measurements(scores={key: {"stoi": 0.9} for key in SYSTEMS})), said.append)
    assert sum("pip install '.[metrics]'" in line for line in said) == (not is_installed)


def test_report_scores_recordings_that_are_gone_are_not_named_again():
    left_out = [LeftOut("gone.wav", "gone.wav could not be read."), LeftOut("silent.wav", "silent.wav is silent.")]
    result = make_evaluation(Measurements(scores={key: {"stoi": 0.9} for key in SYSTEMS}, left_out=left_out))
    said = []
    report_scores(result, said.append, missing=["gone.wav"])
    assert not [line for line in said if "gone.wav" in line]
    assert "1 recording was not scored as sound:" in said


def test_require_recordings_all_gone_is_one_line_with_the_folder_and_the_next_step(tmp_path):
    data = replace(make_dataset(["a.wav", "b.wav"], [4, 4]), audio_dir=tmp_path / "gone")
    refused(
        "test_data.npy",
        f"not in {tmp_path / 'gone'}",
        "put them back, or run test_data_generator.py again with --audio-dir",
        do=lambda: require_recordings(data, Path("test_data.npy"), print),
    )


def test_require_recordings_some_gone_is_one_line(tmp_path):
    names, said = [f"{i}.wav" for i in range(5)], []
    data = replace(make_dataset(names, [4] * 5), audio_dir=tmp_path)
    for name in names[:2]:
        (tmp_path / name).touch()
    assert require_recordings(data, Path("test_data.npy"), said.append) == names[2:]
    assert len(said) == 1
    assert f"3 of 5 recordings of test_data.npy are not in {tmp_path}, such as 2.wav" in said[0]
    for name in names[2:]:
        (tmp_path / name).touch()
    assert require_recordings(data, Path("test_data.npy"), pytest.fail) == []


def test_require_sound_without_a_score_of_sound_is_refused_with_the_reason():
    nothing = Measurements(
        scores={key: {"stoi": None, "level_db": None, "log_mel_db": 3.0} for key in SYSTEMS},
        left_out=[LeftOut("a.wav", "a.wav is silent: there is nothing to understand.")],
    )
    refused("test_data.npy", "a.wav is silent", do=lambda: require_sound(nothing, Path("test_data.npy")))
    require_sound(replace(nothing, scores={key: {"level_db": 0.1} for key in SYSTEMS}), Path("test_data.npy"))


def load_encoders_of(monkeypatch, *presets):
    """Load the encoders of models of these presets, to evaluate on an array of `classic`."""
    models = {
        f"{name}.h5": TrainedModel(None, preset(features, 16_000), None, None, {})
        for name, features in zip(("mine", "other"), presets, strict=False)
    }
    monkeypatch.setattr(model_file, "load", models.__getitem__)
    compare = "other.h5" if len(presets) > 1 else None
    return load_encoders("mine.h5", compare, SimpleNamespace(features=CLASSIC), "test_data.npy")


@pytest.mark.parametrize(
    ("presets", "words"),
    [
        (("classic", "fine"), ("other.h5 takes preset fine", "test_data.npy and mine.h5 have preset classic")),
        (("fine", "classic"), ("mine.h5 takes preset fine", "test_data.npy and other.h5 have preset classic")),
        (("fine", "fine"), ("test_data.npy was made with preset classic", "run test_data_generator.py --preset fine")),
        (("fine",), ("test_data.npy was made with preset classic",)),
    ],
)
def test_load_encoders_of_other_features_says_which_to_make_anew(monkeypatch, presets, words):
    refused(*words, do=lambda: load_encoders_of(monkeypatch, *presets))


def test_load_encoders_are_those_of_the_two_models(monkeypatch):
    monkeypatch.setattr(evaluation_steps, "Encoder", lambda model, config: model.features.preset)
    assert load_encoders_of(monkeypatch, "classic", "classic") == ("classic", "classic")
    assert load_encoders_of(monkeypatch, "classic") == ("classic", None)


def test_require_recordings_of_a_list_that_are_gone_names_the_list(tmp_path):
    data = replace(make_dataset(["talk.wav 0.00-1.00 s"], [4]), files=["talk.wav"], starts=[0], audio_dir=tmp_path)
    refused(
        "test_data.npy are not in",
        "again with --audio-list and their list",
        do=lambda: require_recordings(data, Path("test_data.npy"), print),
    )

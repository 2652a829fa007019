"""The five scripts out of order, or on unusable input: one line, status 2, and nothing lost."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from speech_autoencoder.audio.writing import write_stream
from tests.helpers.arrays import edit_sidecar
from tests.helpers.common import RECORDING, ROOT, assert_refused, contents_of, run_script


def visible(folder):
    """Return `contents_of` without hidden files."""
    return {name: content for name, content in contents_of(folder).items() if not name.startswith(".")}


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("train_data_generator", [], ["speechdata/training", "put recordings in it"]),
        ("train_data_generator", ["--output", "x.txt"], ["x.txt does not end in .npy"]),
        ("test_data_generator", [], ["train_data.json is missing", "run train_data_generator.py"]),
        ("autoencoder_for_many_data", [], ["train_data.npy is missing", "run train_data_generator.py"]),
        ("evaluate_for_many_data", [], ["test_data.npy is missing", "run test_data_generator.py"]),
        ("predict_for_one_data", [], ["70_allison_digits.flac", "no such file"]),
        ("predict_for_one_data", ["a.wav", "b.wav"], ["2 recordings need --output-dir"]),
        ("predict_for_one_data", ["a/x.wav", "b/x.flac", "--output-dir", "out"], ["a/x.wav", "b/x.flac"]),
        ("predict_for_one_data", ["a.wav", "--output", "a.wav"], ["a.wav is an input", "lost"]),
        ("predict_for_one_data", ["a.wav", "--output-dir", "."], ["a.wav is an input", "lost"]),
        ("predict_for_one_data", ["a.wav", "--output", "out.png"], ["out.png does not end in .wav"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else value,
)
def test_scripts_in_an_empty_folder_say_what_to_do(tmp_path, script, arguments, words):
    assert_refused(run_script(script, *arguments, cwd=tmp_path), *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", [["--seed", "-1"], ["--seed", str(2**32)], ["--minutes", "1e300"]], ids=" ".join)
def test_trainer_absurd_number_is_refused(arrays, option):
    assert_refused(run_script("autoencoder_for_many_data", *option, cwd=arrays), option[0][2:])


@pytest.mark.parametrize(
    "damage",
    [
        lambda clips: clips * np.float32("nan"),
        lambda clips: clips * 255,
        lambda clips: clips.astype(np.float64),
        lambda clips: clips[:, :, :44],
        lambda clips: clips[:-1],
    ],
    ids=["NaN", "0 to 255", "float64", "44 frames", "a clip less"],
)
def test_trainer_bad_array_leaves_the_model_as_it_was(arrays, damage):
    np.save(arrays / "train_data.npy", damage(np.load(arrays / "train_data.npy")))
    before = contents_of(arrays)
    assert_refused(
        run_script("autoencoder_for_many_data", "--epochs", 1, cwd=arrays),
        "train_data.npy",
        r"run train_data_generator\.py again",
    )
    assert contents_of(arrays) == before


def test_evaluate_array_of_another_preset_is_refused_and_the_advice_helps(arrays, project):
    shutil.copytree(project[0] / "speechdata", arrays / "speechdata")
    assert run_script("test_data_generator", "--preset", "fine", cwd=arrays).returncode == 0
    done = run_script("evaluate_for_many_data", cwd=arrays)
    assert_refused(done, r"test_data\.npy was made with preset fine, but this model takes preset classic: ")
    (advice,) = re.findall(r"run test_data_generator\.py (--preset \w+)", done.stderr)
    assert run_script("test_data_generator", *advice.split(), cwd=arrays).returncode == 0
    assert run_script("evaluate_for_many_data", cwd=arrays).returncode == 0


def test_evaluate_recordings_that_are_gone_leave_the_old_evaluation(arrays):
    edit_sidecar(arrays / "test_data.npy", lambda data: data.update(audio_dir="gone", audio_dir_absolute="/gone"))
    for name in ("evaluation.json", "evaluation.png"):
        (arrays / name).write_text("from before")
    before = contents_of(arrays)
    done = run_script("evaluate_for_many_data", cwd=arrays)
    assert_refused(done, r"recordings of test_data\.npy are not in gone", r"run test_data_generator\.py again")
    assert done.stdout == ""
    assert contents_of(arrays) == before


def test_trainer_name_that_keras_cannot_save_is_refused_before_training(arrays):
    for name in ("model.keras", "model", "model.H5"):
        assert_refused(run_script("autoencoder_for_many_data", "--model", name, cwd=arrays), name, r"\.h5")


def test_generator_without_a_readable_recording_leaves_the_array_as_it_was(arrays):
    (arrays / "speechdata" / "training").mkdir(parents=True)
    (arrays / "speechdata" / "training" / "a.wav").write_text("no sound")
    before = contents_of(arrays)
    assert_refused(run_script("train_data_generator", cwd=arrays), r"a\.wav")
    assert contents_of(arrays) == before


def test_scripts_place_that_cannot_be_written_is_refused_before_the_work(arrays, project):
    """Minutes of training must not be lost because the model cannot be written."""
    (arrays / "taken").touch()
    predict = [project[0] / RECORDING, "--no-show"]
    (arrays / "evaluation.png").mkdir()
    (arrays / "b.checkpoint.npz").mkdir()
    for script, arguments, name in (
        ("autoencoder_for_many_data", ["--model", "taken/a.h5"], "taken/a.h5"),
        ("autoencoder_for_many_data", ["--model", "b.h5"], r"b\.checkpoint\.npz"),
        ("evaluate_for_many_data", [], r"evaluation\.png"),
        ("predict_for_one_data", [*predict, "--output", "taken/a.wav"], "taken/a.wav"),
        ("predict_for_one_data", [*predict, "--output-dir", "taken"], "taken/70_allison_digits.wav"),
    ):
        done = run_script(script, *arguments, cwd=arrays)
        assert_refused(done, name)
        assert done.stdout == ""


def test_scripts_second_run_in_one_folder_is_refused_at_once(arrays, project):
    written = {
        "train_data_generator": "train_data.npy",
        "test_data_generator": "test_data.npy",
        "autoencoder_for_many_data": "my_model_for_many_data.h5",
        "evaluate_for_many_data": "evaluation.json",
        "predict_for_one_data": "reconstruct.wav",
    }
    code = "import sys; from pathlib import Path; from speech_autoencoder.system.files import lock\n"
    code += "[lock(Path(name)) for name in sys.argv[1:]]; print(flush=True); sys.stdin.read()"
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    command = [sys.executable, "-c", code, *written.values()]
    with subprocess.Popen(command, cwd=arrays, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes) as first:
        first.stdout.readline()
        write_stream(arrays / "reconstruct.wav", [np.zeros(99)], 8_000)  # from before
        before = visible(arrays)
        for script, name in written.items():
            done = run_script(script, *([project[0] / RECORDING] if script.startswith("predict") else []), cwd=arrays)
            assert_refused(done, rf"{name} is being written by another run \(process {first.pid}\)")
            assert done.stdout == ""
            assert visible(arrays) == before
        first.stdin.close()
    assert contents_of(arrays) == before


def test_predict_damaged_model_leaves_the_reconstruction_as_it_was(arrays, project):
    model = arrays / "my_model_for_many_data.h5"
    model.write_bytes(model.read_bytes()[:100_000])
    write_stream(arrays / "reconstruct.wav", [np.zeros(99)], 8_000)  # from before
    before = contents_of(arrays)
    done = run_script("predict_for_one_data", "--quiet", project[0] / RECORDING, cwd=arrays)
    assert_refused(done, r"my_model_for_many_data\.h5", r"run autoencoder_for_many_data\.py again")
    assert contents_of(arrays) == before

"""The command line: every command is there, with the options of its script, and its help appears at once."""

import argparse
import os
import re
import subprocess
import sys

import pytest

from speech_autoencoder import __main__ as commands
from speech_autoencoder import __version__
from tests.helpers.common import ROOT, SCRIPTS, assert_refused, names_in, run_script

# The command of each script, and the options that only one of them has.
COMMANDS = {
    "train_data_generator": ("features", {"--like"}, set()),
    "test_data_generator": ("features", {"--like"}, set()),
    "autoencoder_for_many_data": ("train", set(), set()),
    "evaluate_for_many_data": ("evaluate", set(), set()),
    "predict_for_one_data": ("predict", set(), set()),
}


def run(*arguments, cwd, options=()):
    """Return the finished process of the command line."""
    return subprocess.run(
        [sys.executable, *options, "-m", "speech_autoencoder", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
    )


def options_in(text):
    """Return the options that a help lists."""
    return set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE))


def test_commands_are_those_that_people_look_for_and_each_has_help():
    wanted = "features train evaluate predict encode decode latents export page"
    assert set(wanted.split()) <= set(commands.COMMANDS)
    assert all(text.endswith(".") for text in commands.COMMANDS.values())
    modules = {path.stem for path in (ROOT / "speech_autoencoder" / "commands").glob("*.py")}
    assert modules - {"__init__", "arguments"} == set(commands.COMMANDS)


def test_commands_help_is_quick(tmp_path):
    """Neither TensorFlow nor NumPy: their imports would be listed."""
    for command in ([], *([name] for name in commands.COMMANDS)):
        done = run(*command, "--help", cwd=tmp_path, options=["-X", "importtime"])
        assert done.returncode == 0
        assert "usage: python -m speech_autoencoder" in done.stdout
        modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "speech_autoencoder.cli.process" in modules
        assert not modules & {"numpy", "tensorflow", "scipy", "soundfile", "tqdm", "matplotlib"}
        others = {f"speech_autoencoder.commands.{name}" for name in commands.COMMANDS} & modules
        assert others <= {f"speech_autoencoder.commands.{name}" for name in command}


@pytest.mark.parametrize("script", SCRIPTS)
def test_commands_have_the_options_of_their_scripts(script, tmp_path):
    command, more, fewer = COMMANDS[script]
    of_command = options_in(run(command, "--help", cwd=tmp_path).stdout)
    assert of_command - more == options_in(run_script(script, "--help", cwd=tmp_path).stdout) - fewer
    assert more <= of_command


def test_command_defaults_are_those_of_the_scripts():
    """Their options, and what else they write."""
    for script, constants in {
        "autoencoder_for_many_data": {"ARRAY_PATH": "data", "MODEL_PATH": "model"},
        "evaluate_for_many_data": {
            "ARRAY_PATH": "data",
            "TRAINING_PATH": "training_data",
            "MODEL_PATH": "model",
            "REPORT_DIR": "report",
        },
        "predict_for_one_data": {"MODEL_PATH": "model", "OUTPUT_PATH": "output"},
    }.items():
        module, parser = commands.load(COMMANDS[script][0]), argparse.ArgumentParser()
        module.add_options(parser)
        defaults = vars(parser.parse_args(["a.wav"] if script.startswith("predict") else []))
        text = (ROOT / f"{script}.py").read_text()
        for constant, path in re.findall(r'^([A-Z_]+) = Path\("([^"]*)"\)', text, re.MULTILINE):
            if constant not in ("AUDIO_PATH", "OUTPUT_DIR"):
                option = constants.get(constant)
                assert str(defaults[option] if option else getattr(module, constant)) == path, constant


def test_version_is_that_of_the_package(tmp_path):
    done = run("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"speech-autoencoder {__version__}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_print_completion_knows_commands_and_options(shell, tmp_path):
    pytest.importorskip("shtab", reason="shtab is not installed")
    done = run("--print-completion", shell, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"features", "--audio-dir", "page", "speech-autoencoder"} <= set(re.findall(r"[\w-]+", done.stdout))


def test_print_completion_without_its_library_says_what_to_install(tmp_path):
    (tmp_path / "shtab.py").write_text("raise ModuleNotFoundError(\"No module named 'shtab'\", name='shtab')")
    assert_refused(
        run("--print-completion", "bash", cwd=tmp_path), r"shtab is not installed .* pip install '.*\[completion\]'"
    )


def test_run_is_called_by_the_name_of_the_program(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/speech-autoencoder", "encode", "gone.wav"])
    with pytest.raises(SystemExit) as ended:
        commands.run()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("speech-autoencoder: error: gone.wav could not be read")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "COMMAND"),
        (["nothing"], "invalid choice: 'nothing'"),
        (["features"], "one of the arguments --audio-dir"),
        (["features", "--audio-dir", "gone"], "There is no folder gone"),
        (["features", "--audio-dir", ".", "--like", "gone.npy"], r"run speech-autoencoder features first"),
        (["train"], r"train_data\.npy is missing: run speech-autoencoder features first"),
        (["evaluate"], r"run speech-autoencoder features --like train_data\.npy first"),
        (["predict"], "FILE"),
        (["predict", "gone.wav"], r"gone\.wav could not be read"),
        (["train", "--codec", "--patience", "3"], "--patience: not allowed with argument --codec"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_commands_in_an_empty_folder_say_what_to_do(arguments, words, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert_refused(done, words)
    assert done.stderr.startswith("python -m speech_autoencoder: error: ")
    assert names_in(tmp_path) == []


def test_commands_in_order_do_what_the_scripts_do(project, tmp_path):
    """Features, evaluation and prediction: the same bytes, with the model of the scripts."""
    folder, _ = project
    (tmp_path / "speechdata").symlink_to(folder / "speechdata")
    model = folder / "my_model_for_many_data.h5"
    features = run("features", "--audio-dir", "speechdata/training", cwd=tmp_path)
    assert (features.returncode, features.stderr) == (0, "")
    testing = run("features", "--audio-dir", "speechdata/testing", "--like", "train_data.npy", cwd=tmp_path)
    assert (testing.returncode, testing.stderr) == (0, "")
    assert names_in(tmp_path) == ["speechdata", "test_data.json", "test_data.npy", "train_data.json", "train_data.npy"]
    for name in ("train_data.npy", "test_data.npy"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    recording = sorted((folder / "speechdata" / "testing").rglob("70_allison_digits.flac"))[0]
    predicted = run("predict", recording, "--model", model, "--no-show", cwd=tmp_path)
    assert (predicted.returncode, predicted.stdout) == (0, "Wrote reconstruct.wav and reconstruct.png.\n")
    assert (tmp_path / "reconstruct.wav").read_bytes() == (folder / "reconstruct.wav").read_bytes()


def test_command_left_out_recording_has_status_1(project, tmp_path):
    folder, _ = project
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.wav").write_text("no sound")
    recording = next((folder / "speechdata" / "testing").rglob("*.flac"))
    options = ["--output-dir", "out", "--model", folder / "my_model_for_many_data.h5"]
    done = run("predict", recording, tmp_path / "in" / "bad.wav", *options, cwd=tmp_path)
    assert done.returncode == 1
    assert "1 of 2 files was left out" in done.stderr

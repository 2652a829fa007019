"""The names of stages: those of scripts stand in one module, and become commands where commands are used."""

import subprocess
import sys

import pytest

from speech_autoencoder import __main__ as command_line
from speech_autoencoder import script_names
from speech_autoencoder.data import dataset
from speech_autoencoder.errors import InputError
from tests.helpers.common import ROOT, SCRIPTS


def test_script_names_are_those_of_the_scripts():
    assert sorted(script_names.SCRIPTS) == sorted(f"{script}.py" for script in SCRIPTS)


def test_script_names_stand_nowhere_else_in_the_package():
    package = ROOT / "speech_autoencoder"
    for path in [*package.rglob("*.py"), *package.rglob("templates/*")]:
        if path != package / "script_names.py":
            text = path.read_text(encoding="utf-8", errors="replace")  # some templates are sounds
            assert not [name for name in script_names.SCRIPTS if name in text], path


def test_messages_name_scripts_or_within_commands_the_commands(tmp_path):
    with pytest.raises(InputError, match=r"run train_data_generator\.py first"):
        dataset.load(tmp_path / "a.npy", script_names.TRAIN_DATA_GENERATOR)
    with script_names.as_commands(), pytest.raises(InputError, match="run speech-autoencoder features first"):
        dataset.load(tmp_path / "a.npy", script_names.TRAIN_DATA_GENERATOR)
    assert f"{script_names.TRAINER} --codec" == "autoencoder_for_many_data.py --codec"


def test_messages_name_commands_that_exist():
    with script_names.as_commands():
        shown = [str(name).split() for name in script_names.SCRIPTS]
    assert {program for program, *_ in shown} == {"speech-autoencoder"}
    assert {command for _, command, *_ in shown} <= set(command_line.COMMANDS)
    assert len({tuple(words) for words in shown}) == len(SCRIPTS)


def test_messages_of_an_installed_package_name_commands(tmp_path):
    (tmp_path / "speech_autoencoder").symlink_to(ROOT / "speech_autoencoder")
    code = "from speech_autoencoder.script_names import TRAINER; print(f'{TRAINER}', str(TRAINER))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "speech-autoencoder train speech-autoencoder train\n", done.stderr

"""`make demo` does what is out of date and no more: the rules, with a stand-in for Python that makes the outputs."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = ["train_data_generator", "test_data_generator", "autoencoder_for_many_data"]
JUDGES = ["evaluate_for_many_data", "predict_for_one_data"]

# Notes which script was run, and makes what it makes; a generator leaves an array alone while `unchanged` exists.
STAND_IN = """#!/bin/sh
case "$1" in
  -*) exit 0 ;;
  train_data_generator.py|test_data_generator.py)
    out=${1%_generator.py}.npy; test -e "$out" -a -e unchanged || touch "$out" ;;
  autoencoder_for_many_data.py) touch my_model_for_many_data.h5 ;;
  evaluate_for_many_data.py) touch evaluation.json ;;
  predict_for_one_data.py) touch reconstruct.wav ;;
esac
echo "${1%.py}" >> ran
"""

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


@pytest.fixture
def project(tmp_path):
    """A checkout with a finished demo, all of it a while ago."""
    for path in [
        *ROOT.glob("*.py"),
        *ROOT.glob("speech_autoencoder/*.py"),
        ROOT / "Makefile",
        ROOT / "requirements.txt",
    ]:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    for name in ("training/a b/1 $x#.wav", "training/2.wav", "testing/3.wav"):
        path = tmp_path / "speechdata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(STAND_IN)
    python.chmod(0o755)
    (tmp_path / ".venv" / "demo").touch()
    assert set(demo(tmp_path)) == {*SCRIPTS, *JUDGES}
    made = (
        ".venv/demo .venv/recordings-training .venv/train train_data.npy .venv/recordings-testing .venv/test "
        "test_data.npy my_model_for_many_data.h5 evaluation.json reconstruct.wav"
    ).split()
    for path in tmp_path.rglob("*"):
        name = path.relative_to(tmp_path).as_posix()
        when = time.time() - 3600 + (1 + made.index(name) if name in made else 0)
        os.utime(path, (when, when))
    return tmp_path


def make(folder, *goals):
    """The finished process of make, as from a shell: not as part of the make that runs these tests."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    return subprocess.run(["make", *goals], cwd=folder, capture_output=True, text=True, check=False, env=kept)


def demo(folder):
    """The scripts that `make demo` runs, in order."""
    (folder / "ran").write_text("")
    result = make(folder, "demo")
    assert result.returncode == 0, result.stderr
    assert "reconstruct.wav" in result.stdout
    ran = (folder / "ran").read_text().split()
    (folder / "ran").unlink()
    return ran


def test_demo_second_time_runs_nothing(project):
    assert demo(project) == []


def test_demo_changed_recording_runs_all(project):
    (project / "speechdata" / "training" / "a b" / "1 $x#.wav").touch()
    assert set(demo(project)) == {*SCRIPTS, *JUDGES}


def test_demo_removed_recording_runs_all(project):
    (project / "speechdata" / "training" / "2.wav").unlink()
    assert set(demo(project)) == {*SCRIPTS, *JUDGES}


def test_demo_recordings_as_they_were_do_not_train_again(project):
    (project / "unchanged").touch()
    (project / "speechdata" / "training" / "2.wav").touch()
    assert demo(project) == ["train_data_generator", "test_data_generator"]
    assert demo(project) == []


def test_demo_changed_test_recording_does_not_train_again(project):
    (project / "speechdata" / "testing" / "3.wav").touch()
    assert demo(project) == ["test_data_generator", "evaluate_for_many_data"]


def test_demo_changed_predict_script_only_predicts(project):
    (project / "predict_for_one_data.py").touch()
    assert demo(project) == ["predict_for_one_data"]


def test_demo_changed_config_runs_all(project):
    (project / "speech_autoencoder" / "config.py").touch()
    assert set(demo(project)) == {*SCRIPTS, *JUDGES}


def test_demo_changed_model_trains_but_keeps_the_arrays(project):
    (project / "speech_autoencoder" / "model.py").touch()
    assert set(demo(project)) == {"autoencoder_for_many_data", *JUDGES}


def test_demo_deleted_array_is_made_again(project):
    (project / "train_data.npy").unlink()
    assert "train_data_generator" in demo(project)


def test_bare_make_lists_the_commands(project):
    listed = [line.split()[1] for line in make(project).stdout.splitlines()]
    assert listed == ["help", "demo", "test", "lint", "bench", "clean"]

"""`make demo` updates what is out of date and nothing else; a stand-in for Python makes the outputs."""

import os
import shutil
import subprocess
import sys
import time

import pytest

from tests.helpers.common import RECORDING, ROOT
from tests.helpers.imports import import_closure

PACKAGE = ROOT / "speech_autoencoder"
SCRIPTS = ["train_data_generator", "test_data_generator", "autoencoder_for_many_data"]
JUDGES = ["evaluate_for_many_data", "predict_for_one_data"]

# Notes which script was run, and makes what it makes; a generator leaves an array alone while `unchanged` exists.
STAND_IN = """#!/bin/sh
case "$1" in
  -*) exit 0 ;;
  train_data_generator.py|test_data_generator.py)
    out=${1%_generator.py}; test -e $out.npy -a -e unchanged || touch $out.npy; touch $out.json ;;
  autoencoder_for_many_data.py) touch my_model_for_many_data.h5 ;;
  evaluate_for_many_data.py) touch evaluation.json ;;
  predict_for_one_data.py) touch reconstruct.wav ;;
esac
echo "${1%.py}" >> ran
"""

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


@pytest.fixture
def project(tmp_path):
    """Return a checkout with a finished demo, an hour old."""
    for path in [
        *ROOT.glob("*.py"),
        *ROOT.glob("speech_autoencoder/**/*.*"),
        ROOT / "Makefile",
        ROOT / "requirements.txt",
        ROOT / "requirements.lock",
    ]:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for name in ("training/a b/1 $x#.wav", "training/2.wav", "testing/3.wav"):
        path = tmp_path / "speechdata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    when = time.time() - 3600
    for path in tmp_path.rglob("*"):
        os.utime(path, (when, when))
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(STAND_IN)
    python.chmod(0o755)
    (tmp_path / ".venv" / "demo").touch()
    os.utime(tmp_path / "requirements.txt", (when, when))
    assert set(demo(tmp_path)) == {*SCRIPTS, *JUDGES}
    made = (
        ".venv/demo .venv/recordings-training .venv/train train_data.npy .venv/recordings-testing .venv/test "
        "test_data.npy my_model_for_many_data.h5 evaluation.json reconstruct.wav"
    ).split()
    # A clock tick is shared by many files.
    for i, name in enumerate(made):
        os.utime(tmp_path / name, (when + 1 + i, when + 1 + i))
    return tmp_path


def make(folder, *goals):
    """Return the finished process of make, as from a shell: not as part of the make that runs these tests."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    return subprocess.run(["make", *goals], cwd=folder, capture_output=True, text=True, check=False, env=kept)


def demo(folder):
    """Return the scripts that `make demo` runs, in order."""
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


def test_demo_recording_replaced_by_one_of_the_same_size_and_date_runs_what_needs_it(project):
    """As `cp -p` over it does: only the date of its status changes."""
    path = project / "speechdata" / "testing" / "3.wav"
    status = path.stat()
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    if "--full-time" not in subprocess.run(["ls", "--help"], capture_output=True, text=True).stdout:
        pytest.skip("this ls tells dates to the minute")
    assert demo(project) == ["test_data_generator", "evaluate_for_many_data"]


@pytest.mark.parametrize("name", ["training", "training/a b"])
def test_demo_folder_moved_here_with_its_old_dates_runs_all(project, name):
    """After cp -p and mv, the user's recordings are older than the demo."""
    ours, theirs = project / "speechdata" / name, project / "mine"
    shutil.copytree(ours, theirs)
    shutil.rmtree(ours)
    (theirs / "5.wav").write_text("another")
    theirs.rename(ours)
    for path in [*(project / "speechdata").rglob("*"), project / "speechdata"]:
        os.utime(path, (0, 0))
    assert set(demo(project)) == {*SCRIPTS, *JUDGES}
    assert demo(project) == []


def touch(project, name):
    """Change a file of the package."""
    path = project / "speech_autoencoder" / name
    assert path.exists()
    path.touch()


def test_demo_changed_figure_of_a_recording_is_drawn_again(project):
    touch(project, "report/recording_figure.py")
    assert set(demo(project)) == set(JUDGES)


def test_demo_changed_predict_script_only_predicts(project):
    (project / "predict_for_one_data.py").touch()
    assert demo(project) == ["predict_for_one_data"]


@pytest.mark.parametrize(
    "name",
    [
        "evaluation/bootstrap.py",
        "evaluation/evaluation.py",
        "evaluation/scoring.py",
        "evaluation/rates.py",
        "evaluation/verdict.py",
        "report/charts.py",
        "report/text.py",
        "report/templates/report.html",
    ],
)
def test_demo_changed_evaluation_only_evaluates(project, name):
    touch(project, name)
    assert demo(project) == ["evaluate_for_many_data"]


@pytest.mark.parametrize("name", ["config.py", "audio/log_mel.py", "data/building.py", "system/files.py"])
def test_demo_changed_features_run_all(project, name):
    touch(project, name)
    assert set(demo(project)) == {*SCRIPTS, *JUDGES}


@pytest.mark.parametrize("name", ["model/network.py", "model/layers.py", "model/keras_network.py"])
def test_demo_changed_model_trains_but_keeps_the_arrays(project, name):
    touch(project, name)
    assert set(demo(project)) == {"autoencoder_for_many_data", *JUDGES}


def test_demo_changed_command_runs_nothing(project):
    touch(project, "commands/encode.py")
    touch(project, "__main__.py")
    assert demo(project) == []


@pytest.fixture(scope="module")
def rules():
    """Return {target: its prerequisites in the package}, with variables and wildcards expanded."""
    done = make(ROOT, "--print-data-base", "--question", "help")
    lines = [line.partition(": ") for line in done.stdout.splitlines() if not line.startswith(("#", "\t"))]
    return {
        target: {ROOT / name for name in prerequisites.split() if name.startswith("speech_autoencoder/")}
        for target, separator, prerequisites in lines
        if separator
    }


@pytest.mark.parametrize(
    ("target", "script"),
    [
        (".venv/train", "train_data_generator"),
        (".venv/test", "test_data_generator"),
        ("my_model_for_many_data.h5", "autoencoder_for_many_data"),
        ("evaluation.json", "evaluate_for_many_data"),
        ("reconstruct.wav", "predict_for_one_data"),
    ],
)
def test_makefile_prerequisites_are_what_the_script_imports(rules, target, script):
    """Each imported file is a prerequisite, and each folder among the prerequisites has an imported file."""
    imported, listed = import_closure(ROOT / f"{script}.py"), rules[target]
    # Those of the folders import nothing (tests/test_imports.py).
    imported -= {path for path in imported if path.name == "__init__.py" and path.parent != PACKAGE}
    if target == "my_model_for_many_data.h5":  # what --tensorboard shows changes nothing that `make demo` makes
        imported -= {PACKAGE / "report" / f"{name}.py" for name in ("recording_figure", "tensorboard_log")}
    assert PACKAGE / "model" / "network.py" in imported or script.endswith("generator")
    if PACKAGE / "report" / "page.py" in imported:
        imported |= set((PACKAGE / "report" / "templates").iterdir())
    assert imported <= listed, "add their folders to the Makefile"
    folders = {path.parent for path in imported}
    assert {path.parent for path in listed} <= folders, "remove these folders from the Makefile"
    # The package's own modules are listed by name.
    assert {path for path in listed if path.parent == PACKAGE} <= imported


def test_demo_deleted_array_is_made_again(project):
    (project / "train_data.npy").unlink()
    assert "train_data_generator" in demo(project)


def test_demo_deleted_sidecar_is_made_again(project):
    (project / "test_data.json").unlink()
    assert demo(project) == ["test_data_generator", "evaluate_for_many_data"]


@pytest.mark.parametrize("line", ["AUDIO_PATH = Path('mine/a b.wav')", 'AUDIO_PATH = "mine/a b.wav"  # mine'])
def test_demo_names_the_recording_however_it_was_edited(project, line):
    script = project / "predict_for_one_data.py"
    lines = [line if old.startswith("AUDIO_PATH = ") else old for old in script.read_text().splitlines()]
    script.write_text("\n".join(lines))
    assert make(project, "demo").stdout.splitlines()[-1].endswith("its original: mine/a b.wav")


def test_demo_names_the_recording_of_the_project_only_while_it_is_there(project):
    """Where people have replaced the recordings, the first of theirs is taken."""
    assert make(project, "demo").stdout.splitlines()[-1].endswith("its original, which reconstruct.png names")
    (project / RECORDING).parent.mkdir()
    (project / RECORDING).touch()
    assert make(project, "demo").stdout.splitlines()[-1].endswith(f"its original: {RECORDING}")


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_demo_python_without_tensorflow_is_refused(project, version):
    (project / ".venv" / "demo").unlink()
    python = project / "other-python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = {version}; $2"\n')
    python.chmod(0o755)
    done = make(project, "demo", f"PYTHON={python}")
    assert done.returncode == 2
    assert "TensorFlow needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (project / ".venv" / "demo").exists()


def test_bare_make_lists_the_commands(project):
    listed = [line.split()[1] for line in make(project).stdout.splitlines()]
    assert listed == ["help", "demo", "test", "lint", "lock", "audit", "dist", "bench", "example", "tour", "clean"]


def test_clean_removes_the_outputs_and_nothing_else(project):
    outputs = ["evaluation.json", "train_data.npy", "report/index.html", "report/sound/1-original.wav"]
    others = ["evaluation.md", "reconstruct.flac", "train_data.zip", "report/thesis.tex"]
    for name in (*outputs, *others):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    assert make(project, "clean").returncode == 0
    assert [name for name in outputs if (project / name).exists()] == []
    assert [name for name in others if (project / name).exists()] == others
    (project / "report" / "thesis.tex").unlink()
    assert make(project, "clean").returncode == 0
    assert not (project / "report").exists()

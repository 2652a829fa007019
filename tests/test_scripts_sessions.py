"""The five scripts in other surroundings: old Pythons, live sessions, settings of matplotlib, lists of recordings."""

import ast
import os
import re
import subprocess
import sys

import pytest

from tests.helpers.common import RECORDING, ROOT, SCRIPTS, assert_refused, names_in, png_size, run_script

# ---- Pythons


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_in_an_isolated_python_find_the_package(script, tmp_path):
    """Isolated, Python does not look in the folder of a script."""
    done = run_script(script, "--help", options=["-I"], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {script}.py")


def test_scripts_as_modules_are_called_by_their_files(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "predict_for_one_data", "nope.wav", "--model", str(tmp_path / "m.h5"), "--no-show"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert_refused(done, r"^predict_for_one_data\.py: error: nope\.wav")


@pytest.mark.parametrize("path", [*(f"{script}.py" for script in SCRIPTS), "speech_autoencoder/__main__.py"])
def test_scripts_in_an_old_python_say_which_one_to_use(path, tmp_path):
    for name in (path, "speech_autoencoder/__init__.py"):
        ast.parse((ROOT / name).read_text(), feature_version=(3, 7))
    code = "import sys; sys.version_info = (3, 9, 18, 'final', 0); sys.path.insert(0, sys.argv[2])\n"
    code += "import runpy; runpy.run_path(sys.argv[1], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / path), str(ROOT)], cwd=tmp_path, capture_output=True, text=True
    )
    assert_refused(done, r"This is Python 3\.9 \(.*\): use Python 3\.11, 3\.12 or 3\.13\.")


# ---- live sessions

SESSION = """
import atexit, gc, os, runpy, signal, sys, threading
predict, root, recording = sys.argv[1:]
sys.argv = ["predict_for_one_data.py", recording, "--no-show"]
def state():
    return [
        sys.stdout, sys.stderr, [os.fstat(n)[:3] for n in (0, 1, 2)], signal.getsignal(signal.SIGTERM),
        dict(os.environ), os.getcwd(), list(sys.argv), gc.get_freeze_count(), threading.enumerate(),
        sorted(os.listdir()),
    ]
def run_path(): runpy.run_path(predict, run_name="__main__")
def execute(): exec(open(predict).read(), {"__name__": "__main__", "__file__": predict})
def main():
    import predict_for_one_data
    predict_for_one_data.main()
def in_thread():
    import predict_for_one_data
    thread = threading.Thread(target=predict_for_one_data.run_main, args=[predict_for_one_data.main])
    thread.start(), thread.join()
def refused():
    sys.argv[1] = "nope.wav"
    try:
        run_path()
    except SystemExit as error:
        print("status", error.code)
    sys.argv[1] = recording
run_path()
before, n_handlers = state(), atexit._ncallbacks()
sys.path.insert(0, root)
for way in (run_path, execute, main, refused, in_thread, main):
    way()
    assert state() == before, (way, before, state())
assert atexit._ncallbacks() == n_handlers
"""


def test_predict_in_a_live_session_leaves_it_as_it_was_and_runs_again(project):
    arguments = [ROOT / "predict_for_one_data.py", ROOT, RECORDING]
    done = subprocess.run(
        [sys.executable, "-c", SESSION, *map(str, arguments)],
        cwd=project[0],
        env=os.environ | {"MPLBACKEND": "module://not_installed", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    wrote = ["Wrote reconstruct.wav and reconstruct.png."]
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("reconstructing: ")]  # on a busy machine
    assert lines == [*4 * wrote, "status 2", *2 * wrote]
    assert done.stderr.startswith("predict_for_one_data.py: error: nope.wav")
    assert len(done.stderr.splitlines()) == 1


# ---- figures


@pytest.mark.parametrize("backend", ["nonsense", "module://not_installed"])
def test_scripts_whatever_mplbackend_says_draw_their_figures(arrays, project, backend):
    (arrays / "matplotlibrc").write_text("text.usetex: True\nfont.family: No Such Font\n")
    for script, arguments, figure in (
        ("autoencoder_for_many_data", ["--epochs", "1", "--overwrite"], "training_history.png"),
        ("predict_for_one_data", [project[0] / RECORDING], "reconstruct.png"),
    ):
        done = run_script(script, *arguments, cwd=arrays, MPLBACKEND=backend, DISPLAY=":4321")
        assert (done.returncode, done.stderr) == (0, "")
        assert min(png_size(arrays / figure)) >= 300


def test_scripts_figure_that_cannot_be_drawn_is_a_line_and_the_results_are_there(arrays, project, tmp_path_factory):
    broken = tmp_path_factory.mktemp("libraries")
    (broken / "matplotlib").mkdir()
    (broken / "matplotlib" / "__init__.py").write_text("raise RuntimeError('no LaTeX\\nhere')")
    for script, arguments, results, figure in (
        (
            "autoencoder_for_many_data",
            ["--epochs", "1"],
            ["my_model_for_many_data.h5", "training_history.csv"],
            "training_history",
        ),
        (
            "evaluate_for_many_data",
            ["--no-report", "--labels", "none"],
            ["evaluation.json", "my_model_for_many_data.md"],
            "evaluation",
        ),
        ("predict_for_one_data", [project[0] / RECORDING], ["reconstruct.wav"], "reconstruct"),
    ):
        done = run_script(script, *arguments, cwd=arrays, PYTHONPATH=str(broken))
        assert done.returncode == 0, done.stderr
        assert done.stderr == (
            f"{script}.py: {figure}.png could not be drawn (no LaTeX here). The results are written.\n"
        )
        assert re.search(rf"^Wrote {' and '.join(map(re.escape, results))}\.$", done.stdout, re.MULTILINE)
        assert all((arrays / name).exists() for name in results)
        assert not (arrays / f"{figure}.png").exists()


# ---- which recordings


def edit(folder, line):
    """Write the last script with another AUDIO_PATH to a folder, and return its name."""
    source = (ROOT / "predict_for_one_data.py").read_text()
    edited = re.sub(r"^AUDIO_PATH = .*$", lambda match: line, source, flags=re.MULTILINE)
    assert edited != source
    (folder / "predict.py").write_text(edited)
    return folder / "predict"


def test_predict_edited_list_of_recordings_goes_to_a_folder(project, tmp_path):
    first, second = sorted((project[0] / "speechdata" / "testing").rglob("*.flac"))[:2]
    script = edit(tmp_path, f"AUDIO_PATH = [{str(first)!r}, {str(second)!r}]")
    model = project[0] / "my_model_for_many_data.h5"
    done = run_script(script, "--model", model, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Wrote 2 reconstructions to reconstructed.\n")
    assert names_in(tmp_path / "reconstructed") == sorted([f"{first.stem}.wav", f"{second.stem}.wav"])


def test_predict_recording_of_the_project_that_is_gone_is_replaced(project, tmp_path):
    place = tmp_path / "speechdata" / "testing"
    place.mkdir(parents=True)
    (place / "a.wav").write_text("no sound")
    (place / "mine.flac").write_bytes((project[0] / RECORDING).read_bytes())
    model = project[0] / "my_model_for_many_data.h5"
    done = run_script("predict_for_one_data", "--model", model, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{RECORDING} is not there: this is speechdata/testing/mine.flac" in done.stdout
    assert "Wrote reconstruct.wav and reconstruct.png." in done.stdout
    script = edit(tmp_path, 'AUDIO_PATH = Path("speechdata/testing/typo.flac")')
    done = run_script(script, "--model", model, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert_refused(done, r"typo\.flac could not be read: there is no such file")


def test_predict_bad_recording_among_many_is_left_out_and_named(project, tmp_path):
    (tmp_path / "bad.wav").write_text("no sound")
    recordings = ["bad.wav", project[0] / RECORDING, "gone.wav"]
    options = ["--output-dir", "out", "--model", project[0] / "my_model_for_many_data.h5"]
    done = run_script("predict_for_one_data", *recordings, *options, cwd=tmp_path)
    assert done.returncode == 1
    assert "Wrote 1 reconstruction to out." in done.stdout
    first, second, last = done.stderr.splitlines()
    assert re.match(r"predict_for_one_data\.py: left out: bad\.wav", first)
    assert re.match(r"predict_for_one_data\.py: left out: gone\.wav", second)
    assert last == "predict_for_one_data.py: 2 of 3 files were left out; the others were done."
    assert names_in(tmp_path / "out") == [f"{(project[0] / RECORDING).stem}.wav"]
    assert_refused(run_script("predict_for_one_data", *recordings, *options, "--strict", cwd=tmp_path), r"bad\.wav")


# ---- options that would be ignored


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("predict_for_one_data", ["a.wav", "--output", "reconstruct.wav", "--output-dir", "out"]),
        ("evaluate_for_many_data", ["--report", "report", "--no-report"]),
        ("autoencoder_for_many_data", ["--minutes", "5", "--epochs", "3"]),
        ("autoencoder_for_many_data", ["--codec", "--patience", "20"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_scripts_options_that_exclude_each_other_are_refused(script, arguments, tmp_path):
    done = run_script(script, *arguments, cwd=tmp_path)
    assert_refused(done, f"argument {arguments[-1 if arguments[-1][0] == '-' else -2]}: not allowed with argument --")
    assert names_in(tmp_path) == []

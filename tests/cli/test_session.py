"""A run leaves the Python session as it was, whatever it does and however it ends."""

import io
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from speech_autoencoder.cli.process import run_main
from speech_autoencoder.cli.session import is_whole_program, own_arguments, program_name
from speech_autoencoder.errors import InputError
from tests.helpers.common import ROOT

# What a session consists of, and a run that changes all of it.
STATE = """
import atexit, gc, logging, os, random, signal, sys, threading, warnings
import numpy as np
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.errors import InputError
def status(number):
    try:
        return os.fstat(number)[:3]
    except OSError:
        return None
def state():
    return {
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "encodings": [(s.errors, s.line_buffering) for s in (sys.stdout, sys.stderr) if hasattr(s, "reconfigure")],
        "descriptors": list(map(status, range(64))),
        "signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)],
        "environment": dict(os.environ), "folder": os.getcwd(), "argv": (id(sys.argv), list(sys.argv)),
        "garbage": (gc.isenabled(), gc.get_freeze_count()), "at exit": atexit._ncallbacks(),
        "filters": list(warnings.filters), "level": logging.getLogger("matplotlib").level,
        "threads": threading.enumerate(), "random": (random.getstate(), str(np.random.get_state())),
    }
def change():
    os.environ["KERAS_BACKEND"] = "torch"
    del os.environ["HOME"]
    os.environ["PATH"] = "nowhere"
    random.seed(1), np.random.seed(1)
    warnings.simplefilter("error")
    logging.getLogger("matplotlib").setLevel(logging.DEBUG)
    os.write(1, b"noise"), os.write(2, b"noise")
    print("ours")
def raising(error):
    def main():
        change()
        raise error
    return main
def changes(main, **options):
    before = state()
    try:
        run_main(main, **options)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}")
    after = state()
    return [(key, before[key], after[key]) for key in before if before[key] != after[key]]
"""


def run(code, **options):
    """Return the finished process of code after STATE."""
    options = {"capture_output": True, "text": True, "cwd": ROOT} | options
    return subprocess.run([sys.executable, "-c", STATE + code], timeout=100, check=False, **options)


@pytest.mark.parametrize(
    ("main", "ends"),
    [
        ("change", ""),
        ("raising(InputError('no such file'))", "SystemExit: 2\n"),
        ("raising(KeyboardInterrupt())", "SystemExit: 130\n"),
        ("raising(BrokenPipeError())", "SystemExit: 1\n"),
        ("raising(ZeroDivisionError('a bug'))", "ZeroDivisionError: a bug\n"),
    ],
)
def test_run_main_session_is_left_as_it_was_once_and_again(main, ends):
    done = run(f"for _ in range(2):\n    print(changes({main}, name='a name'))")
    assert done.stdout == f"ours\n{ends}[]\n" * 2
    assert done.returncode == 0


@pytest.mark.parametrize(
    "streams",
    [
        "sys.stdout = sys.stderr = None",
        "sys.stdout.close(); sys.stderr.close()",
        "sys.stdout = type('Stream', (), {'write': lambda self, text: None, 'flush': lambda self: None})()",
        "import io; sys.stdout, sys.stderr = io.StringIO(), io.StringIO()",
        "os.close(0); os.close(1); os.close(2); sys.stdout = sys.stderr = None",
        "sys.stdout = open(os.devnull, 'w', encoding='ascii', errors='strict')",
    ],
)
def test_run_main_session_with_odd_streams_is_left_as_it_was(streams, tmp_path):
    code = f"file = open({str(tmp_path / 'found')!r}, 'w'); print = lambda *values: None\n{streams}\n"
    run(code + "file.write(repr(changes(change) + changes(raising(InputError('no such file'))))); file.close()")
    assert (tmp_path / "found").read_text() == "[]"


def test_run_main_in_a_thread_is_left_as_it_was():
    code = "t = threading.Thread(target=lambda: run_main(change)); before = state(); t.start(); t.join()\n"
    done = run(code + "print([key for key, value in state().items() if value != before[key]])")
    assert (done.stdout, done.stderr) == ("ours\n[]\n", "")


def test_run_main_two_threads_at_once_keep_their_session(capfd):
    """They begin and end in any order: the one that ends last may not put back what the first has closed."""
    first, second = threading.Event(), threading.Event()
    threads = [
        threading.Thread(target=run_main, args=(lambda: (first.set(), second.wait(10)),)),
        threading.Thread(target=run_main, args=(lambda: (first.wait(10), second.set(), threads[0].join(10)),)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    print("still there", flush=True)
    assert capfd.readouterr().out == "still there\n"


# ---- a process that ends with the run


@pytest.mark.parametrize("name", ["predict_for_one_data.py", "some_program.py"])
def test_run_main_what_libraries_print_at_the_end_of_a_script_is_discarded(name, tmp_path):
    """Of other programs that call it, it is not: they go on."""
    code = "import atexit, os\nfrom speech_autoencoder.cli.process import run_main\n"
    code += "run_main(lambda: print(atexit.register(os.write, 2, b'noise') and 'ours'))"
    (tmp_path / name).write_text(code)
    done = subprocess.run(
        [sys.executable, name],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "ours\n")
    assert done.stderr == ("" if name.startswith("predict") else "noise")


def test_is_whole_program_within_a_test_is_false():
    assert not is_whole_program()


# ---- somebody at a prompt


@pytest.fixture
def prompt(monkeypatch):
    """Make this process one with a prompt, started as notebooks are."""
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "ipykernel_launcher", "-f", "kernel.json"])
    monkeypatch.setattr(sys, "argv", ["/lib/ipykernel_launcher.py", "-f", "kernel.json"])


def test_own_arguments_of_a_notebook_are_not_ours(prompt, monkeypatch):
    assert own_arguments() == []
    assert program_name() == ""
    monkeypatch.setattr(sys, "argv", ["predict_for_one_data.py", "a.wav"])  # %run predict_for_one_data.py a.wav
    assert own_arguments() == ["a.wav"]
    assert program_name() == "predict_for_one_data.py"


def test_own_arguments_of_a_script_are_its_own(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "some/script.py", "a.wav"])
    monkeypatch.setattr(sys, "argv", ["some/script.py", "a.wav"])
    assert own_arguments() == ["a.wav"]
    assert program_name() == "script.py"


def fail():
    raise InputError("a.wav is missing.")


def test_run_main_error_in_a_notebook_is_one_line_and_system_exit(prompt, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: object()))
    with pytest.raises(SystemExit) as error:
        run_main(fail)
    assert error.value.code == 2
    assert capsys.readouterr().err == "error: a.wav is missing.\n"


def test_run_main_error_in_pythons_own_shell_does_not_end_it(prompt, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython", None)
    run_main(fail)
    assert capsys.readouterr().err == "error: a.wav is missing.\n"


def test_run_main_error_on_a_stream_that_takes_few_letters_is_said(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(SystemExit):
        run_main(lambda: (_ for _ in ()).throw(InputError("ü.wav is missing.")))
    stream.flush()
    assert stream.buffer.getvalue().endswith(b"error: \\xfc.wav is missing.\n")
    assert stream.errors == "strict"


@pytest.mark.parametrize(("name", "expected"), [("speech-autoencoder", "True"), ("other-program", "False")])
def test_is_whole_program_is_the_installed_program(tmp_path, name, expected):
    (tmp_path / name).write_text("from speech_autoencoder.cli.session import is_whole_program as f; print(f())")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, tmp_path / name], env=environment, capture_output=True, text=True)
    assert done.stdout == f"{expected}\n", done.stderr

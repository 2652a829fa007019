"""Which backend is started, and how: with how many threads, without a greeting."""

import gc
import os
import subprocess
import sys

import pytest

from speech_autoencoder.cli import backend, libraries
from speech_autoencoder.cli.backend import _reason, start_backend
from speech_autoencoder.errors import InputError
from tests.helpers.common import ROOT, one_line_of


@pytest.mark.parametrize("threads", [(1, 1), (3, 2), None])
def test_start_backend_with_these_threads_whatever_the_environment_says(threads):
    code = (
        f"from speech_autoencoder.cli.backend import start_backend; start_backend(print, threads={threads});"
        "import tensorflow; threading = tensorflow.config.threading;"
        "print((threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads()))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_NUM_INTRAOP_THREADS": "7", "TF_NUM_INTEROP_THREADS": "7"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(threads or (0, 0))


def test_start_backend_within_a_quota_has_as_many_threads():
    code = (
        "from speech_autoencoder.cli import backend as ours; ours.available_cpus = lambda: 3;"
        "ours.processors = lambda: 64; ours.start_backend(print);"
        "import tensorflow; threading = tensorflow.config.threading;"
        "print(threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "3 3"


def test_start_backend_greets_nobody():
    code = (
        "from speech_autoencoder.cli.process import run_main\n"
        "from speech_autoencoder.cli.backend import start_backend\n"
        "def main():\n"
        "    start_backend(print)\n"
        "    import tensorflow\n"
        "    tensorflow.zeros(1)  # the first operation starts the device, which greets too\n"
        "run_main(main)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Starting TensorFlow ...\n", "")


def test_start_backend_garbage_is_collected_afterwards():
    start_backend(lambda text: None)
    assert gc.isenabled()


def test_start_backend_that_cannot_be_imported_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "speech_autoencoder.training.backends.choice", None)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    with pytest.raises(InputError) as error:
        start_backend(lambda text: None, alternative=", or do without")
    message = one_line_of(error)
    assert message.startswith("TensorFlow could not be imported (import of ")
    assert message.endswith("): run pip install -r requirements.txt, or do without.")
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No module named 'keras'", "No module named 'keras'"),
        ("Traceback (most recent call last):\n  File a\nImportError: no libc\n\nFailed.", "ImportError: no libc"),
        ("", "ImportError"),
    ],
)
def test_reason_is_one_line(text, expected):
    assert _reason(ImportError(text)) == expected


def without(*missing):
    """Return a find_spec that does not find these libraries."""
    real = libraries.find_spec
    return lambda name: None if name in missing else real(name)


@pytest.mark.parametrize(
    ("chosen", "missing", "expected"),
    [
        ("", (), "tensorflow"),
        ("", ("tensorflow",), "jax"),
        ("", ("tensorflow", "jax"), "tensorflow"),
        ("jax", (), "jax"),
        (" JAX", (), "jax"),
        ("tensorflow", ("tensorflow",), "tensorflow"),
    ],
)
def test_chosen_backend_is_that_of_the_environment_or_what_is_installed(monkeypatch, chosen, missing, expected):
    monkeypatch.setenv("KERAS_BACKEND", chosen)
    monkeypatch.setattr(backend, "find_spec", lambda name: name not in missing)
    assert backend.chosen_backend() == expected


@pytest.mark.parametrize("name", ["torch", "openvino", "theano"])
def test_chosen_backend_another_one_is_refused(monkeypatch, name):
    monkeypatch.setenv("KERAS_BACKEND", name)
    with pytest.raises(InputError) as error:
        backend.chosen_backend()
    assert one_line_of(error) == f"KERAS_BACKEND is {name}: expected tensorflow or jax."


@pytest.mark.parametrize(("name", "command"), [("jax", "pip install '.[jax]'"), ("tensorflow", "pip install -r ")])
def test_require_backend_not_installed_says_how_to_install_it(monkeypatch, name, command):
    monkeypatch.setenv("KERAS_BACKEND", name)
    monkeypatch.setattr(libraries, "find_spec", without(name))
    with pytest.raises(InputError, match=f"^{name} is not installed for ") as error:
        backend.require_backend()
    assert command in one_line_of(error)


def test_train_on_a_backend_that_there_is_none_of_is_one_line(tmp_path):
    command = [sys.executable, ROOT / "autoencoder_for_many_data.py"]
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "autoencoder_for_many_data.py: error: KERAS_BACKEND is torch: expected tensorflow or jax.\n"

"""Training by JAX, in processes of its own, as TensorFlow computes in this one; several processes as one."""

import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from speech_autoencoder.data.building import build
from speech_autoencoder.training.processes.connection import free_port
from tests.helpers.arrays import write_sounds
from tests.helpers.common import ROOT, TINY, make_speech

pytest.importorskip("jax")

# Tests of the loop that run on each backend: three trainings, of a codec, to the bit.
SHARED = "codec_interrupted"
_LONG_S = 240


@pytest.fixture(scope="module", autouse=True)
def _compiled_quickly(tmp_path_factory):
    """Spend less time on compiling, which takes most of a tiny training: without optimisations, and once only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
        yield


@pytest.fixture(scope="module")
def array(tmp_path_factory):
    """Return the path of an array of twelve recordings."""
    folder = tmp_path_factory.mktemp("jax")
    sounds = {f"{i}_a_{i}.wav": (make_speech(3_000 + 200 * i, 8_000, i), 8_000) for i in range(12)}
    build(write_sounds(sounds, folder / "audio"), folder / "train_data.npy", TINY, workers=1)
    return folder / "train_data.npy"


@contextmanager
def training(array, folder, count, *options):
    """Lend the processes of a training, of the count that is asked for; end those that are left."""
    folder.mkdir(exist_ok=True)
    port, processes = free_port(), []
    for number in range(count):
        environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
        if count > 1:
            environment |= {
                "KERAS_DISTRIBUTION_NUM_PROCESSES": str(count),
                "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",
            }
        command = [sys.executable, "-m", "tests.helpers.jax_training", "--data", array, "--batch-size", "4", *options]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, cwd=folder, env=environment, **streams))
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def history_of(folder):
    """Return the validation losses of a training, in full, from its checkpoint."""
    with np.load(folder / "my_model_for_many_data.checkpoint.npz") as arrays:
        return arrays["history_validation_loss"]


@pytest.fixture(scope="module")
def alone(array, tmp_path_factory):
    """Return the folder of a training in one process, and what it printed."""
    folder = tmp_path_factory.mktemp("alone")
    with training(array, folder, 1, "--epochs", "3") as (process,):
        output, errors = process.communicate(timeout=_LONG_S)
        assert process.returncode == 0, errors
    return folder, output


def test_train_on_jax_passes_tests_of_the_training_loop():
    """Exact resumption and repetition, and codecs: these tests run on TensorFlow too."""
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "tests/training/test_loop.py", "-k", SHARED]
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=2 * _LONG_S)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_train_on_jax_says_so_and_writes_a_model(alone):
    folder, output = alone
    assert output.startswith("Starting JAX ...\n")
    assert (folder / "my_model_for_many_data.h5").exists()


def test_train_in_two_processes_has_the_losses_of_one_and_writes_once(array, alone, tmp_path):
    with training(array, tmp_path, 2, "--epochs", "3") as processes:
        outputs = [process.communicate(timeout=_LONG_S) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    np.testing.assert_allclose(history_of(tmp_path), history_of(alone[0]), rtol=1e-5)
    assert outputs[0][0].startswith("Training with 2 processes: waiting for them at 127.0.0.1:")
    assert outputs[1][0] == ""  # process 0 reports
    assert "Wrote my_model_for_many_data.h5" in outputs[0][0]


@pytest.mark.parametrize(
    ("environment", "options", "message"),
    [
        ({"KERAS_BACKEND": "tensorflow"}, [], "TensorFlow trains in one process, and this is process 0 of 2: set "),
        ({"KERAS_DISTRIBUTION_PROCESS_ID": "7"}, [], "This process has the number 7 of 2: expected 0 to 1."),
    ],
    ids=["tensorflow", "number"],
)
def test_train_in_several_processes_that_cannot_be_is_refused(array, tmp_path, environment, options, message):
    several = {
        "KERAS_BACKEND": "jax",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        "KERAS_DISTRIBUTION_PROCESS_ID": "0",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": "127.0.0.1:1",
    }
    command = [sys.executable, ROOT / "autoencoder_for_many_data.py", "--data", array, *options]
    environment = os.environ | several | environment
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1

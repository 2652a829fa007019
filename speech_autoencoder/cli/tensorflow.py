"""Starting TensorFlow, which takes seconds and must be configured before it is used."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from speech_autoencoder.cli.progress import Say
from speech_autoencoder.cli.session import is_whole_program
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.extras import install_command
from speech_autoencoder.system.figures import import_matplotlib
from speech_autoencoder.system.processors import available_cpus, processors


def start_tensorflow(say: Say, *, threads: tuple[int, int] | None = None, alternative: str = "") -> None:
    """Import TensorFlow; `process.run_main` keeps what its libraries print from the terminal.

    Parameters
    ----------
    say
        Reports that TensorFlow is starting.
    threads
        The threads that share an operation, and the operations that run at the same time. How a sum is split among
        threads changes the last bits of the result. None leaves both to TensorFlow, except in a container with a
        quota, which TensorFlow does not know.
    alternative
        What the user can do without TensorFlow: the end of the message if it cannot be imported.

    Raises
    ------
    InputError
        If TensorFlow or Keras cannot be imported.
    """
    say("Starting TensorFlow ...")
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        # TensorFlow and Keras read them when they are imported. The second is for the benchmarks, whose output
        # `process.run_main` does not silence.
        with _environment(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3"), _matplotlib_harmless():
            from speech_autoencoder.training.threads import keras_backend, set_threads
    except ImportError as error:
        raise InputError(
            f"TensorFlow could not be imported ({_reason(error)}): run {install_command('tensorflow')}{alternative}."
        ) from error
    finally:
        if is_whole_program():
            gc.freeze()  # what was imported stays: searching it for garbage, now and ever after, takes most of a second
        if was_enabled:
            gc.enable()
    if keras_backend() != "tensorflow":
        raise InputError(
            f"Keras was imported in this session before, with the backend {keras_backend()}: restart the session, and "
            "run this first."
        )
    if not threads and available_cpus() < processors():
        threads = available_cpus(), available_cpus()
    if threads and not set_threads(*threads):
        say("TensorFlow has computed in this session before: it keeps its threads, which may change the last digits.")


@contextmanager
def _matplotlib_harmless() -> Iterator[None]:
    """Let no setting of matplotlib stop the import of Keras, which imports it for figures of its own."""
    if not is_whole_program() or "matplotlib" in sys.modules:
        import_matplotlib()
        yield
        return
    sys.modules["matplotlib"] = None  # type: ignore[assignment]  # Keras goes without, which saves half a second
    try:
        yield
    finally:
        del sys.modules["matplotlib"]


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set variables of the environment, whatever the user has set, and put them back."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _reason(error: ImportError) -> str:
    """Return the line that tells what is missing: TensorFlow puts a traceback around it."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith((" ", "Traceback"))]
    return lines[0] if lines else type(error).__name__

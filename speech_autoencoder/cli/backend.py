"""Starting TensorFlow or JAX, which takes seconds and must be configured before it is used."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from speech_autoencoder.cli.libraries import require_installed
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.cli.session import is_whole_program
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.extras import install_command
from speech_autoencoder.system.figures import import_matplotlib
from speech_autoencoder.system.processors import available_cpus, processors

# What messages call the backends, by what Keras calls them.
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX"}
# The one that trains in several processes.
SEVERAL = "jax"
_CHOICE = "KERAS_BACKEND"
_DETERMINISTIC = "xla_gpu_deterministic_ops"


def chosen_backend() -> str:
    """Return the backend that KERAS_BACKEND names; without it TensorFlow, or JAX where that alone is installed.

    Raises
    ------
    InputError
        If it is none of BACKENDS.
    """
    name = os.environ.get(_CHOICE, "").strip().lower()
    if not name:
        return "jax" if find_spec("jax") and not find_spec("tensorflow") else "tensorflow"
    if name not in BACKENDS:
        raise InputError(f"{_CHOICE} is {name}: expected {' or '.join(BACKENDS)}.")
    return name


def require_backend() -> None:
    """Raise InputError, before anything takes time, if Keras or its backend is not installed."""
    require_installed(chosen_backend())
    require_installed("keras")


def start_backend(say: Say, *, threads: tuple[int, int] | None = None, alternative: str = "") -> None:
    """Import the chosen backend; `process.run_main` keeps what its libraries print from the terminal.

    Parameters
    ----------
    say
        Reports that it is starting.
    threads
        TensorFlow's threads that share an operation, and its operations that run at the same time. How a sum is split
        among threads changes the last bits of the result. None leaves both to TensorFlow, except in a container with
        a quota, which TensorFlow does not know.
    alternative
        What the user can do without a backend: the end of the message if it cannot be imported.

    Raises
    ------
    InputError
        If the backend or Keras cannot be imported.
    """
    backend = chosen_backend()
    say(f"Starting {BACKENDS[backend]} ...")
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        # TensorFlow and Keras read them when they are imported. The second is for the benchmarks, whose output
        # `process.run_main` does not silence.
        with _environment(**{_CHOICE: backend, "TF_CPP_MIN_LOG_LEVEL": "3"}), _matplotlib_harmless():
            from speech_autoencoder.training.backends.choice import backend as module
            from speech_autoencoder.training.backends.choice import backend_name

            module()
    except ImportError as error:
        reason, command = _reason(error), install_command(backend)
        raise InputError(
            f"{BACKENDS[backend]} could not be imported ({reason}): run {command}{alternative}."
        ) from error
    finally:
        if is_whole_program():
            gc.freeze()  # what was imported stays: searching it for garbage, now and ever after, takes most of a second
        if was_enabled:
            gc.enable()
    if backend_name() != backend:
        raise InputError(
            f"Keras was imported in this session before, with the backend {backend_name()}: restart the session, and "
            "run this first."
        )
    if backend == "tensorflow":
        _set_threads(threads, say)
    else:
        _configure_jax()


def _configure_jax() -> None:
    """Set what JAX reads when it computes for the first time."""
    os.environ.setdefault("NPROC", str(available_cpus()))  # how many threads it has: it does not know of quotas
    flags = os.environ.get("XLA_FLAGS", "")
    if _DETERMINISTIC not in flags:  # a GPU then repeats a training to the bit, as processors do
        os.environ["XLA_FLAGS"] = f"{flags} --{_DETERMINISTIC}=true".strip()
    if is_whole_program() and "tensorflow" not in sys.modules:
        from speech_autoencoder.training.backends.jax import hide_tensorflow

        with _hidden("tensorflow"):
            hide_tensorflow()


def _set_threads(threads: tuple[int, int] | None, say: Say) -> None:
    """Give TensorFlow these threads, or those of the container's quota."""
    from speech_autoencoder.training.backends.tensorflow import set_threads

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
    with _hidden("matplotlib"):  # Keras goes without, which saves half a second
        yield


@contextmanager
def _hidden(library: str) -> Iterator[None]:
    """Let a library that is not imported yet seem not to be installed."""
    sys.modules[library] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[library]


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

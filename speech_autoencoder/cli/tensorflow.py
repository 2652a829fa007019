"""Starting TensorFlow, which takes seconds and must be configured before it is used."""

import gc
import os

from speech_autoencoder.cli.progress import Say
from speech_autoencoder.errors import InputError
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
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the user's Keras is set to
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # for the benchmarks, which `process.run_main` does not run
    gc.disable()
    try:
        # Here, as TensorFlow and Keras read the environment when they are imported.
        from speech_autoencoder.training.threads import set_threads
    except ImportError as error:
        raise InputError(
            f"TensorFlow could not be imported ({_reason(error)}): run pip install -r requirements.txt{alternative}."
        ) from error
    finally:
        # What was imported stays: searching it for garbage, now and ever after, takes most of a second.
        gc.freeze()
        gc.enable()
    if not threads and available_cpus() < processors():
        threads = available_cpus(), available_cpus()
    if threads:
        set_threads(*threads)


def _reason(error: ImportError) -> str:
    """Return the line that tells what is missing: TensorFlow puts a traceback around it."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith((" ", "Traceback"))]
    return lines[0] if lines else type(error).__name__

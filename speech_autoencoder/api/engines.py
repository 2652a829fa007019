"""Where the functions of the API have their work done: in threads, or by a Dask cluster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from speech_autoencoder.cli.libraries import require_extra
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.engines.engine import DASK, ENGINES, Engine, open_engine
from speech_autoencoder.errors import InputError


def require_engine(name: str) -> None:
    """Raise InputError, before anything takes time, if there is no such engine or its libraries are not installed."""
    if name not in ENGINES:
        raise InputError(f"engine is {name!r}: expected {' or '.join(ENGINES)}.")
    if name == DASK:
        require_extra("cluster")


@contextmanager
def engine_of(
    name: str, *, workers: int, say: Say, reads: Sequence[Path] = (), writes: Sequence[Path] = ()
) -> Iterator[Engine]:
    """Lend the engine of this name, see `open_engine` for the arguments; its libraries must be installed."""
    require_engine(name)
    with open_engine(name, workers=workers, say=say, reads=reads, writes=writes) as engine:
        yield engine

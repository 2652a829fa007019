"""Chunks of work in threads of this process."""

from collections.abc import Callable, Generator, Iterable
from typing import Any

from speech_autoencoder.engines.engine import THREADS, Chunk, Limit
from speech_autoencoder.system.parallel import in_order


class Threads:
    """An `Engine` of threads, which numpy, soxr and libsndfile keep busy side by side."""

    name = THREADS

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(
        self, function: Callable[[Chunk], Any], chunks: Iterable[Chunk], *, limit_s: Limit
    ) -> Generator[Any, None, None]:
        """Yield function(chunk) of each chunk, see `Engine`."""
        yield from in_order(function, chunks, self._workers)

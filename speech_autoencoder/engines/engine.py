"""What an engine is: it does chunks of work in other processes, such as those of a Dask cluster.

Threads of this process need none: see `system.parallel`.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from speech_autoencoder.errors import InputError

THREADS = "threads"
DASK = "dask"
# What --engine may name.
ENGINES = (THREADS, DASK)

Chunk = Sequence[Any]
# The time limit of a chunk in seconds.
Limit = Callable[[Chunk], float]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Lost:
    """An item without a result.

    Attributes
    ----------
    item : object
        As it was in its chunk.
    reason : str
        What became of it, without a full stop: "it took longer than 60 s, and was ended".
    """

    item: Any
    reason: str


class Engine(Protocol):
    """What does chunks of work."""

    def run(
        self, function: Callable[[Chunk], Any], chunks: Iterable[Chunk], *, limit_s: Limit
    ) -> Generator[Any, None, None]:
        """Yield function(chunk) of each chunk, in the order of the chunks and in bounded memory.

        Dask's processes may end, and chunks are then done again: whatever the function writes, it writes whole or not
        at all, to where all computers of the cluster see it. A chunk that ends its process is divided, so that it has
        several results, of consecutive items in their order; so is one that exceeds its time limit. A single item that
        does so is yielded as `Lost`.

        Parameters
        ----------
        function
            A function of a module, or a `functools.partial` of one with small arguments that pickle copies. It returns
            something small: paths and numbers rather than arrays.
        chunks
            Lists of items that pickle copies. They are taken a little ahead of the results.
        limit_s
            Returns how long a chunk may take, in seconds.

        Raises
        ------
        InputError
            If the function raises it, or the cluster cannot do the work.
        """


@contextmanager
def open_engine(
    name: str,
    *,
    workers: int,
    say: Say,
    reads: Sequence[Path] = (),
    writes: Sequence[Path] = (),
) -> Iterator[Engine]:
    """Lend an engine; a cluster that was started for it ends with the block, one that others have started does not.

    Parameters
    ----------
    name
        One of ENGINES but THREADS.
    workers
        Processes of a cluster that is started here. A cluster of others has its own.
    say
        Takes a line about the cluster.
    reads
        Files that the work reads. Each computer of a cluster checks, before its first chunk, that it has the same.
    writes
        Folders, which exist, that the work writes to. Each computer checks that they are those of this one.

    Raises
    ------
    InputError
        If there is no such engine, or the cluster does not answer or differs in its versions.
    """
    if name != DASK:
        raise InputError(f"engine is {name!r}: expected {' or '.join(ENGINES)}.")
    # Imports Dask, which only those need who ask for it.
    from speech_autoencoder.engines.dask_engine import open_dask

    with open_dask(workers, say, reads, writes) as engine:
        yield engine


def chunked(
    items: Iterable[Any], costs: Iterable[float], *, most_cost: float, most_items: int = 500
) -> Iterator[Chunk]:
    """Yield consecutive items in lists of at most so many items that cost at most so much together, or of one item.

    Parameters
    ----------
    items
        What is divided.
    costs
        What each item costs, such as its duration in seconds or the size of its file.
    most_cost, most_items
        The limits of a list. A scheduler handles some thousand lists a second, whatever is in them.
    """
    chunk: list[Any] = []
    total = 0.0
    for item, cost in zip(items, costs, strict=True):
        if chunk and (total + cost > most_cost or len(chunk) >= most_items):
            yield chunk
            chunk, total = [], 0.0
        chunk.append(item)
        total += cost
    if chunk:
        yield chunk

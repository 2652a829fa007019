"""Items that an engine does in chunks, each with a result of its own, or an error."""

import errno
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import TypeVar

from speech_autoencoder.engines.engine import Chunk, Engine, Limit, Lost
from speech_autoencoder.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

# With these errors of the operating system, no further item could be written either.
_ENDING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def attempt(function: Callable[[Item], Result], chunk: Iterable[Item]) -> list[Result | InputError]:
    """Return function(item) of each item of a chunk, or why it cannot be used; for the functions that engines run.

    Raises
    ------
    InputError
        If the disk is full, so that the others cannot be done either.
    """
    results: list[Result | InputError] = []
    for item in chunk:
        try:
            results.append(function(item))
        except InputError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _ENDING:
                raise
            results.append(error)
    return results


def outcomes(
    engine: Engine,
    function: Callable[[Chunk], Sequence[Result | InputError]],
    chunks: Iterable[Chunk],
    *,
    limit_s: Limit,
) -> Generator[Result | InputError | Lost]:
    """Yield what became of each item of the chunks, in their order, see `Engine.run`.

    Parameters
    ----------
    function
        Returns a result, or an error, for each item of a chunk.
    """
    with closing(engine.run(function, chunks, limit_s=limit_s)) as results:
        for found in results:
            if isinstance(found, Lost):
                yield found
            else:
                yield from found

"""Work that is done in threads, a little ahead of where its results are used."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

# Items that wait for a worker, or to be used, for each worker.
_AHEAD = 4

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Generator[Result, None, None]:
    """Yield work(item) of each item, in order, with a few computed ahead.

    By threads, as numpy, soxr and libsndfile release the interpreter's lock.
    """
    with ThreadPoolExecutor(max(1, workers)) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= _AHEAD * max(1, workers):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

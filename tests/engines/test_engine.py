"""Chunks, and the engine that is there without any library: threads."""

import threading
from functools import partial

import pytest

from speech_autoencoder.engines.engine import chunked, open_engine
from speech_autoencoder.errors import InputError
from tests.helpers import chunks
from tests.helpers.common import one_line_of


def minute(chunk):
    return 60


def test_run_threads_yields_results_in_order_a_little_ahead():
    taken = []

    def lists():
        for i in range(200):
            taken.append(i)
            yield [i]

    with open_engine("threads", workers=2, say=print) as engine:
        results = engine.run(chunks.double, lists(), limit_s=minute)
        assert next(results) == [0]
        assert len(taken) < 20
        assert list(results) == [[2 * i] for i in range(1, 200)]


def test_run_threads_works_in_several_threads_and_raises_what_the_function_raises():
    barrier = threading.Barrier(2, timeout=10)
    with open_engine("threads", workers=2, say=print) as engine:
        assert len(list(engine.run(lambda chunk: barrier.wait(), [[0], [1]], limit_s=minute))) == 2
        with pytest.raises(InputError, match=r"two\.wav is no recording"):
            list(engine.run(partial(chunks.fail, error="for the user"), [[0]], limit_s=minute))


def test_open_engine_of_another_name_is_an_error():
    with (
        pytest.raises(InputError, match="engine is 'spark': expected threads or dask") as error,
        open_engine("spark", workers=1, say=print),
    ):
        pass
    one_line_of(error)


def test_chunked_lists_end_with_their_cost_or_count_and_hold_every_item_once():
    costs = [1, 1, 1, 9, 1, 1, 1, 1]
    assert list(chunked("abcdefgh", costs, most_cost=3)) == [list("abc"), ["d"], list("efg"), ["h"]]
    assert list(chunked(range(5), [0] * 5, most_cost=3, most_items=2)) == [[0, 1], [2, 3], [4]]
    assert list(chunked([], [], most_cost=3)) == []

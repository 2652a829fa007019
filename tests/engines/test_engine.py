"""Chunks, and engines by their names."""

import pytest

from speech_autoencoder.engines.engine import chunked, open_engine
from speech_autoencoder.errors import InputError
from tests.helpers.common import one_line_of


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

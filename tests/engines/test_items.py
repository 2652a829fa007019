"""Items in chunks: each has a result or an error of its own, unless none could be done."""

import errno
from functools import partial

import pytest

from speech_autoencoder.engines.engine import Lost, chunked
from speech_autoencoder.engines.items import attempt, outcomes
from speech_autoencoder.errors import InputError
from tests.helpers.inline_engine import InlineEngine


def halve(number):
    """Return half of an even number."""
    if number % 2:
        raise InputError(f"{number} is odd")
    return number // 2


def full_at_4(number):
    """Return half of an even number, until the disk is full."""
    if number == 4:
        raise InputError("out.wav could not be written") from OSError(errno.ENOSPC, "No space left on device")
    return halve(number)


def limit_s(chunk):
    return 61


def test_outcomes_are_one_for_each_item_in_order():
    engine = InlineEngine(lambda item: item == 6)
    chunks = chunked(range(8), [1] * 8, most_cost=3)
    found = list(outcomes(engine, partial(attempt, halve), chunks, limit_s=limit_s))
    assert [each for each in found if isinstance(each, int)] == [0, 1, 2]
    assert [str(each) for each in found if isinstance(each, InputError)] == [f"{i} is odd" for i in (1, 3, 5, 7)]
    assert found[6] == Lost(6, "it crashed")


def test_attempt_disk_that_is_full_ends_the_run():
    with pytest.raises(InputError, match=r"out\.wav could not be written"):
        attempt(full_at_4, range(6))

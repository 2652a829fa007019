"""Work in threads, in order."""

import threading
import time

import pytest

from speech_autoencoder.system.parallel import in_order


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_in_order_results_are_in_the_order_of_the_items(workers):
    def work(item):
        time.sleep(0.01 * (item % 3 == 0))
        return item * item

    assert list(in_order(work, range(30), workers)) == [item * item for item in range(30)]


def test_in_order_takes_only_a_few_items_ahead():
    before = threading.active_count()
    taken = []

    def items():
        for item in range(1_000):
            taken.append(item)
            yield item

    results = in_order(lambda item: item, items(), 2)
    assert next(results) == 0
    assert len(taken) < 20
    results.close()
    assert threading.active_count() <= before

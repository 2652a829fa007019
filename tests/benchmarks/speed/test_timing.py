"""Measuring time in turns, in processes, and the memory of a process."""

import pytest

from benchmarks.speed.memory import own_memory
from benchmarks.speed.timing import best_seconds, run_and_measure, run_python


def test_best_seconds_takes_turns_and_the_least():
    called, ticks = [], iter([0, 5, 5, 6, 6, 8, 8, 12])
    best = best_seconds([lambda: called.append("a"), lambda: called.append("b")], 2, lambda: next(ticks))
    assert called == ["a", "b", "a", "b"]
    assert best == [2, 1]


def test_run_python_that_fails_ends_with_its_message():
    with pytest.raises(SystemExit, match="no such thing"):
        run_python("-c", "raise ValueError('no such thing')")


def test_run_and_measure_peak_is_what_the_process_took():
    seconds, megabytes = run_and_measure("-c", "x = b'x' * 80_000_000", one_core=True)
    assert seconds > 0
    assert 76 < megabytes < 140  # MiB


def test_own_memory_is_what_the_process_took(tmp_path):
    megabytes, _ = own_memory(["-c", "x = b'x' * 80_000_000; import time; time.sleep(0.4)"], tmp_path)
    assert 76 < megabytes < 120  # MiB

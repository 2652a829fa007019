"""Where a script's time goes: in our functions, in libraries and in imports."""

import time
from collections import Counter

import numpy as np

from benchmarks.speed import profiler
from speech_autoencoder.audio.inversion import invert
from speech_autoencoder.config import CLASSIC, InversionConfig


def test_sample_finds_the_functions_that_take_the_time():
    frames = np.random.default_rng(0).random((CLASSIC.n_mels, 64)).astype(np.float32)
    invert(frames, CLASSIC, InversionConfig(), 20_000)  # what is computed once takes most of the first call

    def work():
        end, processor_end = time.perf_counter() + 0.5, time.process_time() + 2  # on a busy machine, both
        while time.perf_counter() < end or time.process_time() < processor_end:
            invert(frames, CLASSIC, InversionConfig(), 20_000)

    seconds, counts = profiler.sample(work)
    assert seconds >= 0.5
    ours = {place.partition(":")[0].partition(".")[0] for place in counts}
    assert {"griffin_lim", "inversion", "stft"} & ours
    assert any(place.endswith((": scipy", ": numpy")) for place in counts)


def test_table_has_the_largest_first_and_leaves_out_small_ones():
    lines = profiler.table(Counter({"a": 30, "b": 69, "c": 1}), 0.02).splitlines()
    assert lines[2:] == ["| b | 69% |", "| a | 30% |"]

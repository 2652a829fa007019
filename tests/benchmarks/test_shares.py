"""Where a script's time goes: what is ours, what a library's, what an import's."""

import time
from collections import Counter

import numpy as np

from benchmarks.speed import shares
from speech_autoencoder.audio.inversion import invert
from speech_autoencoder.config import CLASSIC, InversionConfig


def test_watch_finds_the_functions_that_take_the_time():
    frames = np.random.default_rng(0).random((CLASSIC.n_mels, 64)).astype(np.float32)

    def work():
        end = time.perf_counter() + 0.5
        while time.perf_counter() < end:
            invert(frames, CLASSIC, InversionConfig(), 20_000)

    seconds, counts = shares.watch(work)
    assert seconds >= 0.5
    assert any(place.startswith("inversion.griffin_lim") for place in counts)
    assert "inversion.istft: scipy" in counts


def test_table_has_the_largest_first_and_leaves_out_what_is_small():
    lines = shares.table(Counter({"a": 30, "b": 69, "c": 1}), 0.02).splitlines()
    assert lines[2:] == ["| b | 69% |", "| a | 30% |"]

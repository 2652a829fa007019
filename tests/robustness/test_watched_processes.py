"""Processes that are watched: crashes, hangs and too much memory are noticed, and work goes on."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from robustness.watched_processes import watch
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.isolation import call

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="workers are watched through /proc")


def grow():
    """Use memory for a while."""
    return len(np.ones(40_000_000))


def misbehave(item):
    """Do what the item says."""
    if item == "refuse":
        raise InputError("a.wav is empty (0 bytes): record or copy it again.")
    if item == "ramble":
        raise InputError("two\nlines of it")
    if item == "fail":
        raise ZeroDivisionError
    if item == "die":
        os.abort()
    if item == "hang":
        time.sleep(60)
    if item == "eat":
        return len(np.ones(40_000_000))
    if item == "eat in a child":  # which is kept for further calls
        return call(grow, name="child", limit_s=60)
    if item == "eat all":
        return len(np.ones(10_000_000_000))
    return "fine"


def prepare():
    """Return what a worker does; not a lambda, as it is pickled."""
    return misbehave


def test_watch_every_kind_of_misbehaviour_is_noticed_and_work_goes_on():
    items = ["fine", "refuse", "ramble", "fail", "die", "fine", "hang", "eat", "eat in a child", "fine", "eat all"]
    items += ["fine"]
    ends = {}
    for outcome in watch(prepare, items, most_s=4, most_mb=300):
        ends.setdefault(outcome.item, []).append(outcome.end)
    assert ends == {
        "fine": ["used"] * 4,
        "refuse": ["refused"],
        "ramble": ["crashed"],
        "fail": ["crashed"],
        "die": ["crashed"],
        "hang": ["hung"],
        "eat": ["over memory"],
        "eat in a child": ["over memory"],
        "eat all": ["over memory"],
    }

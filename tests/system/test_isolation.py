"""Calls in child processes: the same results, and an error where native code would have ended the process."""

import math
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.system import isolation
from speech_autoencoder.system.isolation import CallFailed, call, stream
from tests.helpers.common import ROOT, one_line_of


@pytest.fixture(autouse=True)
def children():
    with isolation.child_processes():
        yield


def run(function, *args, limit_s=60):
    """Call a function in a child."""
    return call(function, *args, name="library", limit_s=limit_s)


def test_call_returns_the_result_to_the_bit():
    values = np.random.default_rng(0).standard_normal(100_000)
    assert np.array_equal(run(np.fft.rfft, values), np.fft.rfft(values))
    assert run(os.getpid) != os.getpid()


def test_call_keeps_its_child():
    assert run(os.getpid) == run(os.getpid)


def test_call_in_threads_has_a_child_for_each():
    with ThreadPoolExecutor(3) as executor:
        list(executor.map(lambda _: run(time.sleep, 0.3), range(3)))
        found = set(executor.map(lambda _: run(os.getpid), range(30)))
    assert 1 <= len(found) <= 3


def test_call_in_threads_has_no_more_children_than_it_may():
    def one(_):
        return call(os.getpid, name="large library", limit_s=60, most=1)

    with ThreadPoolExecutor(3) as executor:
        assert len(set(executor.map(one, range(12)))) == 1


def test_call_what_the_code_prints_is_discarded(capfd):
    assert run(os.write, 1, b"noise\n") == 6
    assert run(print, "more noise") is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("function", "args", "said"),
    [
        (os.abort, (), "library crashed: aborted"),
        (signal.raise_signal, (signal.SIGSEGV,), "library crashed: segmentation fault"),
        (signal.raise_signal, (signal.SIGKILL,), "library crashed: killed"),
        (os._exit, (3,), "library ended its process with status 3"),
        (sys.exit, (4,), "library ended its process with status 4"),
        (math.sqrt, (-1.0,), "library failed: ValueError: math domain error"),
        (os.close, (-1,), "library failed: OSError"),
        (threading.Lock, (), "library ended its process with status 1"),  # cannot be sent
    ],
)
def test_call_that_ends_its_process_is_an_error_and_the_next_one_is_answered(function, args, said):
    with pytest.raises(CallFailed, match=said) as error:
        run(function, *args)
    one_line_of(error)
    assert run(math.sqrt, 9.0) == 3


def test_call_that_never_returns_is_given_up_and_soon_not_tried_again():
    for _ in range(3):
        with pytest.raises(CallFailed, match="gave no answer within 1 s"):
            run(time.sleep, 60, limit_s=0.6)
    started = time.monotonic()
    with pytest.raises(CallFailed, match="was not tried again"):
        run(time.sleep, 60, limit_s=60)
    assert time.monotonic() - started < 5
    assert call(math.sqrt, 9.0, name="another library", limit_s=60) == 3


def raise_input_error():
    raise InputError("This is for the user.")


def test_call_input_error_is_raised_as_it_is():
    with pytest.raises(InputError, match="This is for the user") as error:
        run(raise_input_error)
    assert not isinstance(error.value, CallFailed)


def count(n, then=None, *args):
    """Yield the process and numbers, and then call a function."""
    for i in range(n):
        yield os.getpid(), i
    if then:
        then(*args)


def stream_of(*args, limit_s=60):
    return stream(count, *args, name="library", limit_s=limit_s)


def test_stream_yields_what_the_generator_yields_in_one_child():
    child = run(os.getpid)
    assert list(stream_of(5)) == [(child, i) for i in range(5)]
    assert list(stream_of(0)) == []
    assert run(os.getpid) == child


def test_stream_two_at_the_same_time_have_a_child_each():
    pairs = list(zip(stream_of(3), stream_of(3), strict=True))
    assert [(a[1], b[1]) for a, b in pairs] == [(0, 0), (1, 1), (2, 2)]
    assert all(a[0] != b[0] for a, b in pairs)


def test_stream_closed_before_its_end_leaves_its_child_to_others(tmp_path):
    items = stream_of(9)
    child, _ = next(items)
    items.close()
    assert run(os.getpid) == child
    assert list(stream_of(2)) == [(child, 0), (child, 1)]


@pytest.mark.parametrize(
    ("then", "args", "said"),
    [
        (os.abort, (), "library crashed: aborted"),
        (time.sleep, (60,), "library gave no answer within 3 s"),
        (math.sqrt, (-1.0,), "library failed: ValueError"),
    ],
)
def test_stream_that_ends_its_process_is_an_error_after_its_items(then, args, said):
    assert list(stream_of(1))  # starting a child takes longer than the limit may be
    items = stream_of(1, then, *args, limit_s=3 if then is time.sleep else 60)
    assert next(items)[1] == 0
    with pytest.raises(CallFailed, match=said):
        next(items)
    assert list(stream_of(1))


def test_child_processes_ends_them():
    with isolation.child_processes():
        child = run(os.getpid)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert threading.active_count() < 20


def test_child_whose_parent_is_killed_ends_at_once():
    """What it writes may be done again elsewhere."""
    code = (
        "import os, time; from speech_autoencoder.system.isolation import call\n"
        "print(call(os.getpid, name='x', limit_s=60), flush=True); call(time.sleep, 60, name='x', limit_s=60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        time.sleep(0.2)  # the second call has begun
        parent.kill()
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if is_zombie(child):
            return
        time.sleep(0.05)
    pytest.fail("the child still runs")


def is_zombie(pid):
    """Return whether a process has ended, which nobody has asked about: in containers without an init."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def test_end_idle_children_keeps_those_of_one_name():
    kept, other = (call(os.getpid, name=name, limit_s=60) for name in ("kept", "other"))
    isolation.end_idle_children(but="kept")
    assert call(os.getpid, name="kept", limit_s=60) == kept
    assert call(os.getpid, name="other", limit_s=60) != other

"""What killed workers lose is noticed: in the outputs, in what is printed, in the status."""

import argparse
from contextlib import contextmanager

import pytest

from benchmarks.speed import scale
from benchmarks.speed.scale import Run


@pytest.mark.parametrize(
    ("line", "is_passing"),
    [
        ("Working on the Dask cluster at tcp://127.0.0.1:8786.", True),
        ("encoding: 40 % (80 s left)", True),
        ("evaluating: 0 % (10 s so far)", True),
        ("left out: a.wav: the process that worked on it crashed, 3 times", False),
        ("Wrote 15 recordings to d: 13.56 s.", False),
    ],
)
def test_passing_lines_are_those_that_depend_on_time(line, is_passing):
    assert bool(scale._PASSING.match(line)) == is_passing


class Bench:
    """Runs that give the same, but for the last one."""

    args = argparse.Namespace(stages=["encode"], kills=3, workers=2, seed=0)

    def __init__(self, folder, last):
        self.folder, self._last, self._n_runs = folder, last, 0

    def run(self, command, engine, *, address=""):
        self._n_runs += 1
        return self._last if self._n_runs == 4 else WHOLE

    def require(self, run):
        return run


class Killer:
    """Kills one worker in each run."""

    def __init__(self, *args, **options):
        self.n_killed = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.n_killed = 1


WHOLE = Run(1.0, ["Wrote a."], 0, {"a": "1"})


@pytest.mark.parametrize(
    ("last", "is_equal"),
    [
        (Run(9.0, ["Wrote a."], 0, {"a": "1"}), True),
        (Run(9.0, ["Wrote a."], 0, {"a": "2"}), False),
        (Run(9.0, ["Wrote a."], 0, {"a": "1", ".a.unfinished": "1"}), False),
        (Run(9.0, ["left out: b"], 0, {"a": "1"}), False),
        (Run(9.0, ["Wrote a."], 1, {"a": "1"}), False),
    ],
)
def test_measure_kills_compares_outputs_lines_and_status(monkeypatch, tmp_path, capsys, last, is_equal):
    @contextmanager
    def cluster(*args, **options):
        yield "tcp://127.0.0.1:1"

    monkeypatch.setattr(scale, "cluster", cluster)
    monkeypatch.setattr(scale, "Killer", Killer)
    monkeypatch.setattr(scale, "_stages", lambda bench: {"encode": None})
    assert scale.measure_kills(Bench(tmp_path, last)) == is_equal
    said = capsys.readouterr().out
    assert f"| encode | 3 | 3 | 1 | {3 if is_equal else 2} |" in said
    assert ("nothing was lost" in said) == is_equal

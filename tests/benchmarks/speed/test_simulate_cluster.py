"""The simulation of a cluster: what it comes to where that is known, and what failures, delays and the disk cost."""

import pytest

from benchmarks.speed import simulate_cluster
from benchmarks.speed.simulate_cluster import COLUMNS, Scenario, row_of, simulate

# Nothing delays a chunk, hardly anything hands it out, and nobody waits for a worker.
IDEAL = ["--straggling", "1e-9", "--slow-nodes", "1e-9", "--hand-out-ms", "1e-9", "--start-s", "1e-9"]
FAST_DISK = {"disk_gb_s": 1e9, "mtbf_days": 1e9}


def simulate_with(*options, **scenario):
    """Return the Run of a scenario of 1,000 hours on 10 threads."""
    return simulate(simulate_cluster.parse([*options]), Scenario(1_000, 10, **scenario))


def test_simulate_ideal_cluster_divides_the_work_among_threads():
    run = simulate_with(*IDEAL, "--cpu-s", "4", **FAST_DISK)
    assert run.duration_s == pytest.approx(1_000 * 4 / 10)
    assert run.cpu_s == pytest.approx(1_000 * 4)
    assert run.lost == 0


def test_simulate_slow_disk_takes_as_long_as_the_disk():
    run = simulate_with(*IDEAL, "--recording-mb", "100", "--array-mb", "100", disk_gb_s=0.1, mtbf_days=1e9)
    assert run.duration_s == pytest.approx(1_000 * 200 / 100)


def test_simulate_slow_scheduler_takes_as_long_as_it_hands_out():
    run = simulate_with(*IDEAL, "--hand-out-ms", "1000", chunk_h=0.5, **FAST_DISK)
    assert run.duration_s == pytest.approx(2_000, rel=0.01)


def test_simulate_failures_lose_work_that_is_done_again():
    steady, failing = (
        simulate_with(*IDEAL, "--node-threads", "1", "--replace-minutes", "1", disk_gb_s=1e9, mtbf_days=days)
        for days in (1e9, 0.001)
    )
    assert failing.lost > 0.01
    assert failing.cpu_s * (1 - failing.lost) == pytest.approx(steady.cpu_s)
    assert failing.duration_s > steady.duration_s


def test_simulate_delays_cost_more_in_large_chunks():
    small, large = (simulate_with("--tail", "1.2", chunk_h=hours, **FAST_DISK) for hours in (1, 50))
    assert large.duration_s > 1.1 * small.duration_s


def test_simulate_more_chunks_than_are_simulated_take_as_much_longer(monkeypatch):
    whole = simulate_with(*IDEAL, **FAST_DISK)
    monkeypatch.setattr(simulate_cluster, "_MOST_CHUNKS", 100)
    part = simulate_with(*IDEAL, **FAST_DISK)
    assert part == pytest.approx(whole)


def test_row_of_the_same_seed_is_the_same_and_fills_the_columns():
    args, scenario = simulate_cluster.parse([]), Scenario(1_000, 10, mtbf_days=0.01)
    row = row_of(args, scenario)
    assert row == row_of(args, scenario)
    assert len(row) == len(COLUMNS)

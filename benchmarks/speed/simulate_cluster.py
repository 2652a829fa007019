"""Simulate features over a cluster with stragglers and failing computers, from what each unit of the work costs.

    python -m benchmarks.speed.simulate_cluster

makes the tables of docs/scale.md, "A terabyte and a petabyte". `python -m benchmarks.speed.cluster_costs` measures what
the defaults of the options are. Nothing but numbers: no cluster is needed, and a seed gives the same tables anywhere.

Chunks are handed out in order, each to the thread that is free first, one after the other, and not more than some
thousand before the first that is not finished. A chunk takes its time on the processor with a random delay that has a
heavy tail, or as long as the shared disk needs for it and the ones before. When a computer fails, its chunks are done
again, and another computer takes its place after a while.
"""

import argparse
import heapq
from typing import NamedTuple

import numpy as np

from benchmarks.options import make_parser
from benchmarks.tables import heading, line
from speech_autoencoder.cli.options import positive
from speech_autoencoder.system.wording import duration

# Hours of speech at 16 kHz and 16 bits: a terabyte and a petabyte.
TERABYTE_H, PETABYTE_H = 9_000, 9_000_000
# Chunks that are simulated at most: what more of them take follows from these, as the threads are busy all the time.
_MOST_CHUNKS = 200_000
# Results that may wait for an earlier one, in all or for each thread, and chunks that wait for a thread: those of
# engines/dask_engine.py.
_MOST_WAITING = 5_000
_WAITING_PER_THREAD = 6
_AHEAD = 3
COLUMNS = (
    "hours of speech",
    "threads",
    "hours a chunk",
    "disk, GB/s",
    "days between failures",
    "duration",
    "core hours of work",
    "processors at work",
    "lost, done again",
    "chunks/s",
    "read and written, TB",
    "to workers, GB",
    "driver, GB",
    "index, GB",
)


class Scenario(NamedTuple):
    """A run, and the cluster that it is on: mtbf_days is the mean time between two failures of one computer."""

    hours: float
    threads: int
    chunk_h: float = 1.0
    disk_gb_s: float = 2.0
    mtbf_days: float = 30.0


# Computers that are lent by the hour, and taken back after some two hours.
_LENT_DAYS = 0.1
SCENARIOS = (
    # More threads, until the disk is the limit; a faster disk.
    *(Scenario(TERABYTE_H, threads) for threads in (2, 16, 64, 256)),
    *(Scenario(TERABYTE_H, threads, disk_gb_s=20) for threads in (256, 1_024)),
    # Computers that fail often, and chunks of other lengths.
    *(Scenario(TERABYTE_H, 256, chunk_h, 20, _LENT_DAYS) for chunk_h in (0.01, 0.1, 1, 10, 100)),
    Scenario(PETABYTE_H, 256),
    Scenario(PETABYTE_H, 1_024, disk_gb_s=20),
    Scenario(PETABYTE_H, 4_096, disk_gb_s=200),
    Scenario(PETABYTE_H, 4_096, 10, 200, _LENT_DAYS),
)


class Run(NamedTuple):
    """A run: how long it takes, what all processors work, and the share of this that is lost and done again."""

    duration_s: float
    cpu_s: float
    lost: float


def simulate(args: argparse.Namespace, scenario: Scenario) -> Run:
    """Simulate the features of a scenario."""
    hours, threads, chunk_h, disk_gb_s, mtbf_days = scenario
    rng = np.random.default_rng(args.seed)
    n_chunks = max(1, round(hours / chunk_h))
    n = min(n_chunks, _MOST_CHUNKS)
    disk_s = (args.recording_mb + args.array_mb) * chunk_h / (1_000 * disk_gb_s)
    delays = args.straggling * rng.pareto(args.tail, n)
    work_s = np.minimum(args.cpu_s * chunk_h * (1 + delays), args.limit_s * chunk_h)
    n_nodes = -(-threads // args.node_threads)
    pace = np.where(rng.random(n_nodes) < args.slow_nodes, args.slow_by, 1.0)
    mtbf_s, gone_s = 86_400 * mtbf_days, 60 * args.replace_minutes + args.start_s
    fails_at = rng.exponential(mtbf_s, n_nodes)
    free = [(args.start_s, thread) for thread in range(threads)]  # a heap: when each thread has nothing to do
    window = max(_MOST_WAITING, _WAITING_PER_THREAD * threads)
    ends = np.zeros(n)  # of each chunk, or of all up to it
    again: list[int] = []
    following, handed_out, read_at, cpu_s, lost_s = 0, 0.0, 0.0, 0.0, 0.0
    while again or following < n:
        now, thread = heapq.heappop(free)
        node = thread // args.node_threads
        while now >= fails_at[node] + gone_s:
            fails_at[node] += gone_s + rng.exponential(mtbf_s)
        if now >= fails_at[node]:
            heapq.heappush(free, (fails_at[node] + gone_s, thread))
            continue
        if again:
            chunk = again.pop()
        else:
            chunk, following = following, following + 1
            if chunk % window == 0:
                ends = np.maximum.accumulate(ends)
        handed_out = max(now, handed_out) + args.hand_out_ms / 1_000
        start = max(handed_out, ends[chunk - window]) if chunk >= window else handed_out
        read_at = max(start, read_at) + disk_s  # the disk serves one chunk after the other
        own_s = work_s[chunk] * pace[node]
        end = max(start + own_s, read_at)
        if start < fails_at[node] < end:
            own_s *= (fails_at[node] - start) / (end - start)
            end = fails_at[node]
            lost_s += own_s
            again.append(chunk)
        else:
            ends[chunk] = end
        cpu_s += own_s
        heapq.heappush(free, (end, thread))
    last = float(ends.max())
    duration_s = args.start_s + (last - args.start_s) * n_chunks / n
    return Run(duration_s, float(cpu_s * n_chunks / n), float(lost_s / cpu_s))


def row_of(args: argparse.Namespace, scenario: Scenario) -> list[str]:
    """Return a row of the table."""
    hours, threads, chunk_h, disk_gb_s, mtbf_days = scenario
    run = simulate(args, scenario)
    n_recordings = 3_600 * hours / args.recording_s
    n_waiting = min(n_recordings, _AHEAD * threads * chunk_h * n_recordings / hours)
    return [
        f"{hours:,.0f}",
        f"{threads:,}",
        f"{chunk_h:g}",
        f"{disk_gb_s:g}",
        f"{mtbf_days:g}",
        duration(run.duration_s),
        f"{run.cpu_s / 3_600:,.0f}",
        f"{run.cpu_s / (threads * run.duration_s):.0%}",
        f"{run.lost:.2%}",
        f"{hours / chunk_h / run.duration_s:,.1f}",
        f"{(args.recording_mb + args.array_mb) * hours / 1e6:,.1f}",
        f"{n_recordings * args.item_bytes / 1e9:,.1f}",
        f"{(n_recordings * args.driver_bytes + n_waiting * args.item_bytes) / 1e9:,.1f}",
        f"{n_recordings * args.index_bytes / 1e9:,.1f}",
    ]


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = make_parser(__doc__)
    for name, default, text in (
        ("cpu-s", 4.0, "seconds of a processor for an hour of speech"),
        ("recording-mb", 115.0, "MB of recordings of an hour, which are read"),
        ("array-mb", 167.0, "MB of the array of an hour, which are written"),
        ("recording-s", 5.0, "seconds of a recording"),
        ("driver-bytes", 200.0, "bytes of a recording in the memory of the driver"),
        ("item-bytes", 75.0, "bytes of a recording in a chunk that is handed out"),
        ("index-bytes", 240.0, "bytes of a recording in the index of the array"),
        ("hand-out-ms", 5.0, "milliseconds of the scheduler and the driver for a chunk"),
        ("start-s", 5.0, "seconds that a worker takes to start"),
        ("limit-s", 1_080.0, "seconds of a processor for an hour of speech after which a chunk is ended"),
        ("node-threads", 16, "threads of a computer"),
        ("replace-minutes", 10.0, "minutes until another computer takes the place of one that failed"),
        ("slow-nodes", 0.05, "the share of computers that are slow"),
        ("slow-by", 3.0, "how many times as long these take"),
        ("straggling", 0.2, "the scale of the delays of chunks, relative to their time"),
        ("tail", 2.0, "Pareto's exponent of these delays"),
    ):
        parser.add_argument(f"--{name}", type=positive(type(default)), default=default, help=text)
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers")
    return parser.parse_args(arguments)


def main() -> None:
    args = parse()
    print(heading(COLUMNS), flush=True)
    for scenario in SCENARIOS:
        print(line(row_of(args, scenario)), flush=True)


if __name__ == "__main__":
    main()

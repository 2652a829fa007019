"""Measure what each unit of the work on a cluster costs: the options of benchmarks.speed.simulate_cluster.

    python -m benchmarks.speed.cluster_costs --audio-dir DIR

prints them on one line. Times are of one processor, so that other programs hardly matter. The scheduler, the driver and
a worker share one process here; what it spends on a chunk that does nothing is an upper bound for the scheduler.
"""

import argparse
import tempfile
import time
import tracemalloc
from functools import partial
from pathlib import Path

from benchmarks.options import TRAINING_DIR, make_parser
from benchmarks.running import ROOT
from benchmarks.speed.timing import run_python
from speech_autoencoder.cli.options import positive, to_path
from speech_autoencoder.config import PRESETS
from speech_autoencoder.data import dataset
from speech_autoencoder.data.parts.shares import Shares
from speech_autoencoder.data.recording_names import understand
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.data.sidecar.columns_file import write_columns
from speech_autoencoder.data.sidecar.json_file import GROUPS, read_sidecar
from speech_autoencoder.engines.engine import DASK, open_engine

_SECONDS_PER_HOUR = 3_600
_LIMIT_S = 600.0
# Turns, of which the best counts.
_TIMES = 2


def features(audio_dir: Path, preset: str) -> dict[str, float]:
    """Return the seconds of a core and the MB of an hour of speech, and the bytes of a recording in the index."""
    with tempfile.TemporaryDirectory() as name:
        array, seconds = Path(name) / "array.npy", []
        command = (ROOT / "train_data_generator.py", "--audio-dir", audio_dir.resolve(), "--preset", preset)
        for _ in range(_TIMES):
            array.unlink(missing_ok=True)  # what is there would be used again
            seconds.append(_cpu_seconds(*command, "--output", array, "--workers", 1, "--quiet"))
        data = dataset.load(array, "")
        hours = float((data.n_samples / data.sr).sum()) / _SECONDS_PER_HOUR
        sidecar, columns = read_sidecar(array, ""), Path(name) / "columns"
        write_columns(columns, {group: sidecar[group] for group in GROUPS})  # as the index of a large array has them
        n_array, n_columns = (path.stat().st_size for path in (array, columns))
        recordings = sum(data.path(i).stat().st_size for i in range(len(data.names)))
    return {
        "cpu-s": min(seconds) / hours,
        "recording-mb": recordings / hours / 1e6,
        "array-mb": n_array / hours / 1e6,
        "recording-s": hours * _SECONDS_PER_HOUR / len(data.names),
        "index-bytes": n_columns / len(data.names),
    }


def _cpu_seconds(*command: object) -> float:
    """Return the seconds of processors that Python takes with these arguments."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run_python(*command, one_core=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def engine(n_chunks: int, per_chunk: int) -> dict[str, float]:
    """Return the milliseconds of scheduler and driver for a chunk, bytes of a recording, and seconds of a start."""
    tracemalloc.start()
    names = [f"speaker-{i // 1_000:04d}/chapter-{i // 100:06d}/{i:08d}.flac" for i in range(n_chunks * per_chunk)]
    told = understand(names)
    shares = Shares(Recordings(Path("/recordings"), names), told, [160_000] * len(names), count=n_chunks)
    in_driver, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    began = time.monotonic()
    with open_engine(DASK, workers=2, say=lambda text: None) as cluster:
        run = partial(cluster.run, len, limit_s=lambda chunk: _LIMIT_S)
        list(run([[0], [1]]))
        start_s = time.monotonic() - began
        before = time.process_time()
        done = sum(run(shares.all_items()))
        spent = time.process_time() - before
    if done != len(names):
        raise SystemExit(f"{done:,} of {len(names):,} recordings came back.")
    from speech_autoencoder.engines.worker import pack

    item_bytes = len(pack((len, shares.items(0)))) / shares.count(0)
    return {
        "driver-bytes": in_driver / len(names),
        "item-bytes": item_bytes,
        "hand-out-ms": 1_000 * spent / len(shares),
        "start-s": start_s,
    }


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--audio-dir", type=to_path, default=TRAINING_DIR, help="recordings at 16 kHz")
    parser.add_argument("--chunks", type=positive(int), default=200, help="chunks that are handed out")
    parser.add_argument("--recordings", type=positive(int), default=700, help="recordings of a chunk")
    return parser.parse_args(arguments)


def main() -> None:
    args = parse()
    for preset in PRESETS:
        print(f"{preset}:", *(f"--{name} {value:.3g}" for name, value in features(args.audio_dir, preset).items()))
    costs = engine(args.chunks, args.recordings)
    print("chunks:", *(f"--{name} {value:.3g}" for name, value in costs.items()))


if __name__ == "__main__":
    main()

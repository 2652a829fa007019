"""Measure memory and time of the stages that read a whole corpus, as it becomes ten or a hundred times larger.

    python -m benchmarks.speed.scale_memory

makes the table of docs/scale.md, "Memory". The arrays are sparse files of silence, so that they take next to no disk,
but for the comparison with training, whose clips are small and random. Each stage runs in a process of its own.
`python -m benchmarks.speed.scale_memory --stage NAME FOLDER` is that process.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.options import make_parser
from benchmarks.speed.timing import run_and_measure
from benchmarks.tables import heading, line
from speech_autoencoder.cli.options import positive, to_path
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.config import CLASSIC, FeatureConfig

# Small clips, for what reads all of them.
SMALL = FeatureConfig("small", 8_000, 256, 64, 16, 8, -100.0, 10.0)
# The goals: memory of ten times as many clips, time of a hundred times as many bytes.
MOST_MEMORY = 1.2
MOST_TIME = 1.5
_N_SPEAKERS = 2_000
_ROWS_AT_ONCE = 10_000
_N_TESTING = 200
_ARRAY = "train_data.npy"
_TESTING = "test_data.npy"


class _Texts(Sequence[str]):
    """Texts that are made when they are used."""

    def __init__(self, n: int, make: Callable[[int], str]) -> None:
        self._n, self._make = n, make

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._make(i) for i in range(*index.indices(self._n))]
        return self._make(range(self._n)[index])

    def tolist(self) -> list[str]:
        """Return all of them, for JSON."""
        return list(self)


def make_array(path: Path, n: int, features: FeatureConfig, rng: np.random.Generator | None = None) -> None:
    """Write an array of n recordings of one clip each, and its sidecar: silence, or random clips."""
    from speech_autoencoder.data.sidecar.clips_file import digest_of_clips
    from speech_autoencoder.data.sidecar.json_file import write_sidecar

    shape = (n, features.n_mels, features.n_frames, 1)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        if rng is None:
            file.truncate(file.tell() + 4 * int(np.prod(shape)))
        for start in range(0, n if rng else 0, _ROWS_AT_ONCE):
            file.write(_random_clips(min(_ROWS_AT_ONCE, n - start), features, rng).data)
    digest = digest_of_clips(np.load(path, mmap_mode="r"))
    write_sidecar(path, _sidecar(n, features) | {"array": {"shape": list(shape), "digest": digest}})


def _random_clips(n: int, features: FeatureConfig, rng: Any) -> np.ndarray:
    """Return clips of random colours and random changes."""
    colours = rng.uniform(0.2, 0.8, (n, features.n_mels, 1, 1))
    changes = rng.uniform(-0.2, 0.2, (n, features.n_mels, features.n_frames, 1))
    return (colours + changes).astype("<f4")


def _sidecar(n: int, features: FeatureConfig) -> dict[str, Any]:
    """Return the sidecar of n recordings of one clip each, whose columns take no memory."""
    from speech_autoencoder.data.sidecar.json_file import FORMAT

    n_samples = (features.n_frames - 3) * features.hop_length
    n_frames = int(features.count_frames(n_samples))
    values: dict[str, Any] = {
        "size": 44_144,
        "mtime_ns": 1,
        "sr": features.sr,
        "n_samples": n_samples,
        "n_frames": n_frames,
    }
    values |= {"peak": 0.1, "power": 0.1, "clipped": 0, "quiet": 0.1, "inode": 1, "ctime_ns": 1}
    columns: dict[str, Any] = {key: np.broadcast_to(value, n) for key, value in values.items()}
    columns["digest"] = np.random.default_rng(0).integers(0, 1 << 48, n)
    columns["path"] = _Texts(n, lambda i: f"{i % 10}_speaker{i // 10 % _N_SPEAKERS:04}_{i}.wav")
    columns["speaker"] = _Texts(n, lambda i: f"speaker{i // 10 % _N_SPEAKERS:04}")
    columns["label"] = _Texts(n, lambda i: str(i % 10))
    rows = {"recording": np.broadcast_to(0, n), "offset": np.broadcast_to(0, n), "valid_frames": columns["n_frames"]}
    return {
        "format": FORMAT,
        "features": features.to_json(),
        "audio_dir": "audio",
        "names": {"pattern": "{label}_{speaker}_{take}", "source": "names"},
        "fingerprint": str(n),
        "recordings": columns,
        "rows": rows,
        "notes": {},
        "left_out": [],
    }


# The stages, each the whole work of a process.


def load(folder: Path) -> None:
    """Load the array, as each command does."""
    from speech_autoencoder.data import dataset

    dataset.load(folder / _ARRAY, "")


def start_of_training(folder: Path) -> None:
    """Do all that a training does up to its first step."""
    from speech_autoencoder.cli.backend import start_backend
    from speech_autoencoder.config import LATENT_RATE, TrainingConfig, model_config
    from speech_autoencoder.data import dataset
    from speech_autoencoder.system.processors import training_threads

    data = dataset.load(folder / _ARRAY, "")
    start_backend(lambda text: None, threads=training_threads())
    from speech_autoencoder.training.setup import set_up

    config = model_config(data.features, LATENT_RATE)
    setup = set_up(data, config, TrainingConfig(), None, validation="auto", say=lambda text: None)
    setup.train_step.take_steps([next(setup.batches.epoch(np.random.default_rng(0)))], [1e-3])


def leakage(folder: Path) -> None:
    """Look for recordings of testing in training."""
    from speech_autoencoder.data import dataset
    from speech_autoencoder.evaluation.leakage import compare_with_training

    compare_with_training(dataset.load(folder / _ARRAY, ""), dataset.load(folder / _TESTING, ""))


def end_of_the_generator(folder: Path) -> None:
    """Tell what names say, write the sidecar, and describe the corpus, once the clips are written."""
    from speech_autoencoder.data import corpus_summary, recording_names
    from speech_autoencoder.data.dataset import load
    from speech_autoencoder.data.sidecar.json_file import write_sidecar

    path = folder / _ARRAY
    data = load(path, "")
    array = {"shape": list(data.clips.shape), "digest": ""}
    sidecar = _sidecar(len(data.names), data.features) | {"array": array}
    columns = sidecar["recordings"]
    recording_names.understand(columns["path"])
    write_sidecar(path.with_name("other.npy"), sidecar)
    corpus_summary.describe(columns)


STAGES = {function.__name__: function for function in (load, start_of_training, leakage, end_of_the_generator)}


def measure(stage: str, folder: Path) -> tuple[float, float]:
    """Return the seconds and the peak memory (MB) of a process that does this stage."""
    return run_and_measure("-m", "benchmarks.speed.scale_memory", "--stage", stage, folder)


def make_arrays(folder: Path, stage: str, n: int) -> None:
    """Write what a stage reads."""
    if stage == leakage.__name__:
        rng = np.random.default_rng(n)
        make_array(folder / _ARRAY, n, SMALL, rng)
        make_array(folder / _TESTING, _N_TESTING, SMALL, rng)
    else:
        make_array(folder / _ARRAY, n, CLASSIC)


def compare(stage: str, counts: Sequence[int], what: str, folder: Path | None) -> str:
    """Return a row of the table: memory and seconds of a stage for both counts of clips."""
    found = []
    for n in counts:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            make_arrays(Path(name), stage, n)
            found.append(measure(stage, Path(name)))
    (few_s, few_mb), (many_s, many_mb) = found
    cells = [stage.replace("_", " "), what, f"{few_mb:,.0f}", f"{many_mb:,.0f}", f"{many_mb / few_mb:.2f}"]
    return line([*cells, f"{few_s:.1f}", f"{many_s:.1f}", f"{many_s / few_s:.2f}"])


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--counts", type=positive(int), nargs=2, default=[100_000, 1_000_000], help="of clips")
    parser.add_argument("--gigabytes", type=positive(int), nargs=2, default=[1, 100], help="of sparse arrays")
    parser.add_argument("--stages", choices=STAGES, nargs="+", default=list(STAGES), help="what to measure")
    parser.add_argument("--folder", type=to_path, help="where temporary files go")
    parser.add_argument("--stage", choices=STAGES, help="do this now, with what is in FOLDER")
    parser.add_argument("place", type=to_path, nargs="?", metavar="FOLDER", help="for --stage")
    args = parser.parse_args()
    if args.stage:
        STAGES[args.stage](args.place)
        return
    columns = ["stage", "of", "MB", "MB", "ratio", "s", "s", "ratio"]
    print(heading(columns), flush=True)
    for stage in args.stages:
        few, many = args.counts
        print(compare(stage, args.counts, f"{few:,} and {many:,} clips", args.folder), flush=True)
        if stage in (load.__name__, start_of_training.__name__):
            n_clips = [size * 10**9 // (4 * CLASSIC.n_mels * CLASSIC.n_frames) for size in args.gigabytes]
            few, many = args.gigabytes
            print(compare(stage, n_clips, f"{few:,} and {many:,} GB", args.folder), flush=True)
    print(f"Goals: memory {MOST_MEMORY} times, time {MOST_TIME} times of a hundred times as many bytes.")


if __name__ == "__main__":
    run_main(main)

"""Read damaged and hostile arrays, sidecars, models and codec files as the scripts read them.

    python -m robustness.fuzz_files --files 22000

prints the table of docs/reliability.md, "Hostile files". Each file must be read, or refused in one line, within five
seconds and a gigabyte, without running code and without touching another file. The damaged model is a small one for
the codec, trained for an epoch on a few of the project's recordings.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from robustness.damage.arrays import damage_array_bytes, damage_array_header, damage_array_values, damage_sidecar
from robustness.damage.codec_files import damage_codec_bytes, damage_codec_numbers
from robustness.damage.models import (
    damage_model_bytes,
    damage_model_description,
    damage_model_structure,
    truncate_model,
    write_keras_model,
)
from robustness.outcome_table import report_problems, table
from robustness.sample_files import SampleFiles, make_sample_files
from robustness.watched_processes import Check, Outcome, watch
from speech_autoencoder.codec import container, recording_codec
from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.data import dataset
from speech_autoencoder.model import model_file
from speech_autoencoder.script_names import TRAIN_DATA_GENERATOR

_MOST_S = 5.0  # seconds of processor that a file may take
_FILES_PER_WORKER = 500  # fewer than for recordings: each model that is read leaves more behind

# {the kind in the table: (a function that damages the file at a path, the suffix of that file)}
KINDS: dict[str, tuple[Callable[[Path, np.random.Generator], None], str]] = {
    "array: bytes": (damage_array_bytes, ".npy"),
    "array: header": (damage_array_header, ".npy"),
    "array: values, pickles": (damage_array_values, ".npy"),
    "sidecar": (damage_sidecar, ".npy"),
    "model: bytes": (damage_model_bytes, ".h5"),
    "model: cut short": (truncate_model, ".h5"),
    "model: links, shapes, types, values": (damage_model_structure, ".h5"),
    "model: configuration": (damage_model_description, ".h5"),
    "model: Keras' with a Lambda": (write_keras_model, ".h5"),
    "codec file: bytes": (damage_codec_bytes, ".sae"),
    "codec file: numbers": (damage_codec_numbers, ".sae"),
}


def read_array(path: Path) -> str:
    """Read what the trainer and the evaluation read of an array; return its shapes."""
    data = dataset.load(path, TRAIN_DATA_GENERATOR)
    data.valid_frames()
    data.speakers()
    dataset.features_of(path, TRAIN_DATA_GENERATOR)
    frames = data.frames(len(data.names) - 1)
    return f"{data.clips.shape}, {frames.shape}"


def read_model(path: Path) -> str:
    """Read what every script reads of a model, and send silence through it; return the shape that comes out."""
    model = model_file.load(path)
    frames = np.zeros((model.config.n_mels, model.config.frames_per_latent), np.float32)
    output = model.network.decode(model.network.encode(frames))
    return f"{output.shape}"


class CodecFileReader:
    """Reads the latents of a codec file; the network and the inversion after them do not depend on its bytes."""

    def __init__(self, model_path: Path):
        self.model = model_file.load(model_path)
        self.coder = LatentCoder(self.model.require_entropy(""))

    def __call__(self, path: Path) -> str:
        """Return how much the file holds."""
        header = container.read_header(path)
        n_latents = sum(len(latents) for latents in recording_codec.latents_of(path, self.model, self.coder))
        return f"{header.seconds:.2f} s, {n_latents} latents"


def prepare(originals: SampleFiles, seed: int, folder: Path) -> Check:
    """Return check((kind, number)), which damages copies of the originals in a folder of its own and reads them."""
    import keras  # noqa: F401  # one kind of damage needs it, and no reader is charged for its start

    readers: dict[str, Callable[[Path], str]] = {
        ".npy": read_array,
        ".h5": read_model,
        ".sae": CodecFileReader(originals.model),
    }

    def check(item: tuple[str, int]) -> str:
        kind, number = item
        damage, suffix = KINDS[kind]
        rng = np.random.default_rng([seed, list(KINDS).index(kind), number])
        with tempfile.TemporaryDirectory(dir=folder) as name:
            path = Path(name, "mutant.npy")
            shutil.copy(originals.array, path)
            shutil.copy(dataset.sidecar_path(originals.array), path.with_suffix(".json"))
            shutil.copy(originals.model, path.with_suffix(".h5"))
            shutil.copy(originals.encoded, path.with_suffix(".sae"))
            path.with_name("other.h5").write_bytes(bytes(1 << 16))
            damage(path.with_suffix(suffix), rng)
            before = _state(path.parent)
            try:
                return readers[suffix](path.with_suffix(suffix))
            finally:
                if _state(path.parent) != before:
                    raise PermissionError(f"{kind} {number} changed a file or ran code")

    return check


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return {name: (size, time of change)} of all that is in a folder."""
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir()}


def fuzz(
    originals: SampleFiles, n_files: int, *, seed: int, workers: int, kinds: Sequence[str] = tuple(KINDS)
) -> Iterator[tuple[str, Outcome]]:
    """Yield the (kind, Outcome) of `n_files` damaged files, evenly over the kinds."""
    with tempfile.TemporaryDirectory() as folder:
        items = ((kinds[i % len(kinds)], i // len(kinds)) for i in range(n_files))
        start = partial(prepare, originals, seed, Path(folder))
        for outcome in watch(start, items, workers=workers, most_s=_MOST_S, items_per_worker=_FILES_PER_WORKER):
            yield outcome.item[0], outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=22_000, help="damaged files to read")
    parser.add_argument("--seed", type=int, default=0, help="of the damage")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, help="kinds of damage")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        originals = make_sample_files(Path(folder))
        outcomes = fuzz(originals, args.files, seed=args.seed, workers=args.workers, kinds=args.kinds)
        print(table(outcomes, report_problems))


if __name__ == "__main__":
    main()

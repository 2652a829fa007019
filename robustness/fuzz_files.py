"""Damaged and hostile arrays, sidecars, models and codec files, read as the scripts read them.

python -m robustness.fuzz_files --files 20000

Each must be read, or be refused in one line, in five seconds and a gigabyte, with no code run and no file touched.
The model that is damaged is a small codec, trained for an epoch on a few of the project's recordings.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from robustness.mutants_array import array_bytes, array_header, array_values, sidecar
from robustness.mutants_encoded import encoded_bytes, encoded_numbers
from robustness.mutants_model import model_bytes, model_cut, model_description, model_of_keras, model_structure
from robustness.originals import Originals, make_originals
from robustness.watched import Outcome, table, tell, watch
from speech_autoencoder.codec import container
from speech_autoencoder.data import dataset

_MADE_BY = "train_data_generator.py"


def read_array(path):
    """What the trainer and the evaluation read of an array."""
    data = dataset.load(path, _MADE_BY)
    data.valid_frames()
    data.groups()
    dataset.features_of(path, _MADE_BY)
    frames = data.frames(len(data.names) - 1)
    return f"{data.clips.shape}, {frames.shape}"


def read_model(path):
    """What every script reads of a model, and what it then makes of silence."""
    from speech_autoencoder.model import model_file

    model = model_file.load(path)
    frames = np.zeros((model.config.n_mels, model.config.frames_per_latent), np.float32)
    output = model.network.decode(model.network.encode(frames))
    return f"{output.shape}"


class _Decoder:
    """What reads a codec file: all but the network's and the inversion's part, which depend on no byte of it."""

    def __init__(self, model_path):
        from speech_autoencoder.codec.range_coder import LatentCoder
        from speech_autoencoder.model import model_file

        self.model = model_file.load(model_path)
        self.coder = LatentCoder(self.model.require_entropy(""))

    def __call__(self, path):
        from speech_autoencoder.codec import recording_codec as codec

        header = container.read_header(path)
        n_latents = sum(len(latents) for latents in codec._latents(path, self.model, self.coder))
        return f"{header.seconds:.2f} s, {n_latents} latents"


KINDS = {
    "array: bytes": (array_bytes, ".npy"),
    "array: header": (array_header, ".npy"),
    "array: values, pickles": (array_values, ".npy"),
    "sidecar": (sidecar, ".npy"),
    "model: bytes": (model_bytes, ".h5"),
    "model: cut short": (model_cut, ".h5"),
    "model: links, shapes, types, values": (model_structure, ".h5"),
    "model: configuration": (model_description, ".h5"),
    "model: Keras' with a Lambda": (model_of_keras, ".h5"),
    "codec file: bytes": (encoded_bytes, ".sae"),
    "codec file: numbers": (encoded_numbers, ".sae"),
}


def prepare(originals: Originals, seed: int, folder: Path):
    """A function (kind, number) -> what came of reading that mutant."""
    import keras  # noqa: F401  # one kind of mutant is made by it, and no reader is to be blamed for its start

    readers = {".npy": read_array, ".h5": read_model, ".sae": _Decoder(originals.model)}

    def check(item):
        kind, number = item
        damage, suffix = KINDS[kind]
        rng = np.random.default_rng([seed, list(KINDS).index(kind), number])
        with tempfile.TemporaryDirectory(dir=folder) as place:
            path = Path(place, "mutant.npy")
            shutil.copy(originals.array, path)
            shutil.copy(dataset.sidecar_path(originals.array), path.with_suffix(".json"))
            shutil.copy(originals.model, path.with_suffix(".h5"))
            shutil.copy(originals.encoded, path.with_suffix(".sae"))
            path.with_name("other.h5").write_bytes(bytes(1 << 16))
            damage(path.with_suffix(suffix), rng)
            before = _state(place)
            try:
                return readers[suffix](path.with_suffix(suffix))
            finally:
                if _state(place) != before:
                    raise PermissionError(f"{kind} {number} changed a file or ran code")

    return check


def _state(folder):
    """What is in a folder, and when it was written."""
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in Path(folder).iterdir()}


def fuzz(
    originals: Originals, n_files: int, seed: int, workers: int, kinds: tuple[str, ...] = tuple(KINDS)
) -> Iterator[tuple[str, Outcome]]:
    """(kind, Outcome) of so many mutants, evenly over the kinds."""
    with tempfile.TemporaryDirectory() as folder:
        items = ((kinds[i % len(kinds)], i // len(kinds)) for i in range(n_files))
        start = partial(prepare, originals, seed, Path(folder))
        for outcome in watch(start, items, workers=workers, most_s=5.0, items_a_worker=500):
            yield outcome.item[0], outcome


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=22_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        originals = make_originals(Path(folder))
        print(table(fuzz(originals, args.files, args.seed, args.workers, tuple(args.kinds)), tell))


if __name__ == "__main__":
    main()

"""Check that a change of the code changes nothing that it computes: run two checkouts, compare what they write.

    python -m tools.same_outputs record BEFORE_CHECKOUT before/
    python -m tools.same_outputs record AFTER_CHECKOUT after/
    python -m tools.same_outputs compare before/ after/
    python -m tools.same_outputs read AFTER_CHECKOUT before/

`record` runs the scripts of a checkout, with this Python, in a folder for each corpus and preset: both arrays,
trainings of two epochs with and without --codec, predictions, .sae files, evaluations. `compare` compares arrays,
weights, entropy models, .sae files and sound bit by bit, and the numbers of the JSON files, whatever their keys are
called. `read` decodes the .sae files of a recorded folder with its models, and compares the sound.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

CORPORA = {"speechdata": ("speechdata/training", "speechdata/testing")}
PRESETS = ("classic", "fine")
BITRATES = (0.8, 1.6, 3.2)  # kbit/s, of the .sae files
N_RECORDINGS = 3  # that are predicted and encoded
TRAINING_OPTIONS = ("--epochs", 2, "--seed", 0)
# Keys of JSON files whose values differ from run to run, or say which program wrote the file.
VOLATILE = {"minutes", "mtime_ns", "ctime_ns", "inode", "format", "version", "versions", "commit", "code"}


def main() -> None:
    """Run the command that the command line names; end with status 1 if anything differs."""
    args = parse()
    if args.command == "record":
        corpora = {name: [(args.checkout / path).resolve() for path in paths] for name, paths in CORPORA.items()}
        corpora |= {name: [Path(path).resolve() for path in paths] for name, *paths in args.corpus}
        for name, (training_dir, testing_dir) in corpora.items():
            for preset in PRESETS:
                record(args.checkout.resolve(), args.folder / f"{name}-{preset}", preset, training_dir, testing_dir)
        return
    differences = compare(args.before, args.after) if args.command == "compare" else read(args.checkout, args.folder)
    for line in differences:
        print(line)
    print(f"{len(differences)} differences." if differences else "No differences.")
    sys.exit(bool(differences))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    record_parser = commands.add_parser("record", help="run a checkout")
    record_parser.add_argument("checkout", type=Path)
    record_parser.add_argument("folder", type=Path)
    record_parser.add_argument(
        "--corpus", nargs=3, action="append", default=[], metavar=("NAME", "TRAINING", "TESTING"), help="another corpus"
    )
    compare_parser = commands.add_parser("compare", help="compare two recorded folders")
    compare_parser.add_argument("before", type=Path)
    compare_parser.add_argument("after", type=Path)
    read_parser = commands.add_parser("read", help="decode the .sae files of a recorded folder")
    read_parser.add_argument("checkout", type=Path)
    read_parser.add_argument("folder", type=Path)
    return parser.parse_args(arguments)


def record(checkout: Path, folder: Path, preset: str, training_dir: Path, testing_dir: Path) -> None:
    """Run the scripts and the codec of a checkout in a new folder."""
    folder.mkdir(parents=True)
    recordings = sorted(path for path in testing_dir.rglob("*") if path.suffix in (".wav", ".flac"))
    some = [str(recordings[i * len(recordings) // N_RECORDINGS]) for i in range(N_RECORDINGS)]
    _run_script(checkout, folder, "train_data_generator.py", "--audio-dir", training_dir, "--preset", preset)
    _run_script(checkout, folder, "test_data_generator.py", "--audio-dir", testing_dir)
    for kind, options in (("plain", ()), ("codec", ("--codec",))):
        model = ("--model", f"{kind}.h5")
        _run_script(checkout, folder, "autoencoder_for_many_data.py", *model, *TRAINING_OPTIONS, *options)
        output = ("--no-show", "--output", f"{kind}.wav")
        _run_script(checkout, folder, "predict_for_one_data.py", some[0], *model, *output)
        _run_script(checkout, folder, "evaluate_for_many_data.py", *model, "--report", f"report-{kind}")
        for suffix in ("json", "png"):
            (folder / f"evaluation.{suffix}").rename(folder / f"evaluation-{kind}.{suffix}")
    for bitrate in BITRATES:
        places = ("--model", "codec.h5", "--output-dir", f"sae-{bitrate}")
        _run_codec(checkout, folder, "encode", *some, *places, "--bitrate", bitrate)
        _run_codec(checkout, folder, "decode", f"sae-{bitrate}", *places)


def read(checkout: Path, folder: Path) -> list[str]:
    """Decode the .sae files of a recorded folder with a checkout; return a line for each sound that differs."""
    differences = []
    for corpus in sorted(folder.iterdir()):
        (corpus / "read").mkdir(exist_ok=True)
        for sound in sorted(corpus.glob("sae-*/*.wav")):
            encoded = sound.with_suffix(".sae").relative_to(corpus)
            output = Path("read", f"{sound.parent.name}-{sound.name}")
            _run_codec(checkout.resolve(), corpus, "decode", encoded, "--model", "codec.h5", "--output", output)
            differences += _compare_bytes(sound, corpus / output)
    return differences


def _run_script(checkout: Path, folder: Path, name: str, *arguments: object) -> None:
    _run(checkout, folder, checkout / name, *arguments)


def _run_codec(checkout: Path, folder: Path, *arguments: object) -> None:
    _run(checkout, folder, "-m", "speech_autoencoder", *arguments)


def _run(checkout: Path, folder: Path, *arguments: object) -> None:
    """Run Python in a folder with the checkout's package; its output goes to log.txt there."""
    command = [sys.executable, *map(str, arguments)]
    print(*command[1:], flush=True)
    with (folder / "log.txt").open("a") as log:
        log.write(f"$ {' '.join(command[1:])}\n")
        log.flush()
        subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(checkout)}, check=True, stdout=log)


def compare(before: Path, after: Path) -> list[str]:
    """Return a line for each output of two recorded folders that differs."""
    differences = []
    for corpus in sorted(path for path in before.iterdir() if path.is_dir()):
        other = after / corpus.name
        for pattern, compare_files in (
            ("*.npy", _compare_bytes),
            ("*.wav", _compare_bytes),
            ("sae-*/*", _compare_bytes),
            ("*.h5", _compare_models),
            ("*.json", _compare_numbers),
        ):
            paths = sorted(corpus.glob(pattern))
            if not paths:
                differences.append(f"{corpus / pattern}: there is none")
            for path in paths:
                twin = other / path.relative_to(corpus)
                differences += compare_files(path, twin) if twin.exists() else [f"{twin}: missing"]
    return differences


def _compare_bytes(path: Path, twin: Path) -> list[str]:
    """Return a line if two files differ."""
    return [] if path.read_bytes() == twin.read_bytes() else [f"{twin}: other bytes"]


def _compare_models(path: Path, twin: Path) -> list[str]:
    """Return a line for each array of two models that differs: weights, PCA, entropy model."""
    one, other = _arrays(path), _arrays(twin)
    if sorted(one) != sorted(other):
        return [f"{twin}: other arrays: {sorted(one.keys() ^ other.keys())}"]
    return [f"{twin}: {name} differs" for name in one if not np.array_equal(one[name], other[name])]


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the numeric arrays of a model by name; old names of the PCA baseline become the new ones."""
    found = {}
    with h5py.File(path) as file:

        def collect(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and not name.endswith("description"):
                found[name.replace("floor_", "baseline_")] = item[()]

        file.visititems(collect)
    return found


def _compare_numbers(path: Path, twin: Path) -> list[str]:
    """Return a line if the numbers of two JSON files differ, whatever their keys are."""
    one, other = (sorted(_numbers(json.loads(file.read_text()))) for file in (path, twin))
    if one == other:
        return []
    gone, new = list(one), []
    for number in other:
        if number in gone:
            gone.remove(number)
        else:
            new.append(number)
    return [f"{twin}: {len(gone)} numbers are gone, {len(new)} are new: {gone[:5]} {new[:5]}"]


def _numbers(data: Any) -> Iterator[float]:
    """Yield the numbers of nested JSON, except those under VOLATILE keys."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key not in VOLATILE:
                yield from _numbers(value)
    elif isinstance(data, list):
        for value in data:
            yield from _numbers(value)
    elif isinstance(data, int | float) and not isinstance(data, bool):
        yield float(data)


if __name__ == "__main__":
    main()

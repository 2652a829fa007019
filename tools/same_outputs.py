"""Check that a change of the code changes nothing that it computes: run two checkouts, compare what they write.

    python tools/same_outputs.py record BEFORE_CHECKOUT before/
    python tools/same_outputs.py record AFTER_CHECKOUT after/
    python tools/same_outputs.py compare before/ after/
    python tools/same_outputs.py read AFTER_CHECKOUT before/

`record` runs the scripts of a checkout, with this Python, in a folder for each corpus: both arrays with both presets,
trainings of two epochs with and without --codec, predictions, .sae files, evaluations. `compare` compares arrays,
weights, entropy models, .sae files and sound bit by bit, and the numbers of the JSON files, whatever their keys are
called. `read` decodes and predicts with the models and .sae files of a recorded folder, and compares the sound.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

CORPORA = {"speechdata": ("speechdata/training", "speechdata/testing")}
# Keys of JSON files whose values differ from run to run, or say which program wrote the file.
VOLATILE = {"minutes", "mtime_ns", "format", "version", "versions", "commit", "code"}


def main():
    """Run the command that the command line names; end with status 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    record_parser = commands.add_parser("record")
    record_parser.add_argument("checkout", type=Path)
    record_parser.add_argument("folder", type=Path)
    record_parser.add_argument(
        "--corpus", nargs=3, action="append", default=[], metavar=("NAME", "TRAINING", "TESTING"), help="another corpus"
    )
    compare_parser = commands.add_parser("compare")
    compare_parser.add_argument("before", type=Path)
    compare_parser.add_argument("after", type=Path)
    read_parser = commands.add_parser("read")
    read_parser.add_argument("checkout", type=Path)
    read_parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    if args.command == "record":
        corpora = {
            name: (checkout_path(args.checkout, one), checkout_path(args.checkout, other))
            for name, (one, other) in CORPORA.items()
        }
        corpora |= {name: (Path(one).resolve(), Path(other).resolve()) for name, one, other in args.corpus}
        for name, folders in corpora.items():
            for preset in ("classic", "fine"):
                record(args.checkout.resolve(), args.folder / f"{name}-{preset}", preset, *folders)
        return
    differences = compare(args.before, args.after) if args.command == "compare" else read(args.checkout, args.folder)
    for line in differences:
        print(line)
    print(f"{len(differences)} differences." if differences else "No differences.")
    sys.exit(bool(differences))


def checkout_path(checkout, path):
    """Return the absolute path of a folder of the checkout."""
    return (checkout / path).resolve()


def record(checkout, folder, preset, training_dir, testing_dir):
    """Run the pipeline of a checkout in a new folder."""
    folder.mkdir(parents=True)
    recordings = sorted(path for path in testing_dir.rglob("*") if path.suffix in (".wav", ".flac"))
    some = [str(recordings[i * len(recordings) // 3]) for i in range(3)]
    script(checkout, folder, "train_data_generator.py", "--audio-dir", training_dir, "--preset", preset)
    script(checkout, folder, "test_data_generator.py", "--audio-dir", testing_dir)
    for kind, options in (("plain", ()), ("codec", ("--codec",))):
        model = f"{kind}.h5"
        fast = ("--epochs", 2, "--seed", 0)
        script(checkout, folder, "autoencoder_for_many_data.py", "--model", model, *fast, *options)
        script(
            checkout,
            folder,
            "predict_for_one_data.py",
            some[0],
            "--model",
            model,
            "--no-show",
            "--output",
            f"{kind}.wav",
        )
        script(checkout, folder, "evaluate_for_many_data.py", "--model", model, "--report", f"report-{kind}")
        for suffix in ("json", "png"):
            (folder / f"evaluation.{suffix}").rename(folder / f"evaluation-{kind}.{suffix}")
    for bitrate in (0.8, 1.6, 3.2):
        out = f"sae-{bitrate}"
        codec(checkout, folder, "encode", *some, "--model", "codec.h5", "--bitrate", bitrate, "--output-dir", out)
        codec(checkout, folder, "decode", out, "--model", "codec.h5", "--output-dir", out)


def read(checkout, folder):
    """Return what differs when a checkout uses the models and .sae files of a recorded folder."""
    differences = []
    for corpus in sorted(folder.iterdir()):
        out = corpus / "read"
        out.mkdir(exist_ok=True)
        sounds = sorted(corpus.glob("sae-*/*.wav"))
        for sound in sounds:
            codec(
                checkout.resolve(),
                corpus,
                "decode",
                sound.with_suffix(".sae").relative_to(corpus),
                "--model",
                "codec.h5",
                "--output",
                f"read/{sound.parent.name}-{sound.name}",
            )
            differences += compare_bytes(sound, out / f"{sound.parent.name}-{sound.name}")
    return differences


def script(checkout, folder, name, *arguments):
    """Run a script of the checkout in a folder."""
    run(checkout, folder, checkout / name, *arguments)


def codec(checkout, folder, *arguments):
    """Run the package of the checkout in a folder."""
    run(checkout, folder, "-m", "speech_autoencoder", *arguments)


def run(checkout, folder, *arguments):
    """Run Python in a folder with the checkout's package."""
    command = [sys.executable, *map(str, arguments)]
    print(*command[1:], flush=True)
    log = (folder / "log.txt").open("a")
    log.write(f"$ {' '.join(command[1:])}\n")
    log.flush()
    subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(checkout)}, check=True, stdout=log)


def compare(before, after):
    """Return a line for each output that differs."""
    differences = []
    for corpus in sorted(path for path in before.iterdir() if path.is_dir()):
        other = after / corpus.name
        for pattern, compare_files in (
            ("*.npy", compare_bytes),
            ("*.wav", compare_bytes),
            ("sae-*/*", compare_bytes),
            ("*.h5", compare_models),
            ("*.json", compare_numbers),
        ):
            paths = sorted(corpus.glob(pattern))
            if not paths:
                differences.append(f"{corpus / pattern}: there is none")
            for path in paths:
                twin = other / path.relative_to(corpus)
                differences += compare_files(path, twin) if twin.exists() else [f"{twin}: missing"]
    return differences


def compare_bytes(path, twin):
    """Return a line where two files differ."""
    return [] if path.read_bytes() == twin.read_bytes() else [f"{twin}: other bytes"]


def compare_models(path, twin):
    """Return a line for each array of two models that differs: weights, PCA, entropy model."""
    one, other = arrays(path), arrays(twin)
    if sorted(one) != sorted(other):
        return [f"{twin}: other arrays: {sorted(one.keys() ^ other.keys())}"]
    return [f"{twin}: {name} differs" for name in one if not np.array_equal(one[name], other[name])]


def arrays(path):
    """Return the arrays of a model, by the last part of their names and their order: groups may be renamed."""
    found = {}
    with h5py.File(path) as file:

        def collect(name, item):
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and not name.endswith("description"):
                found[name.replace("floor_", "baseline_")] = item[()]

        file.visititems(collect)
    return found


def compare_numbers(path, twin):
    """Return a line where the numbers of two JSON files differ, whatever their keys are."""
    one, other = (sorted(numbers(json.loads(p.read_text()))) for p in (path, twin))
    if one == other:
        return []
    gone, new = list(one), []
    for number in other:
        gone.remove(number) if number in gone else new.append(number)
    return [f"{twin}: {len(gone)} numbers are gone, {len(new)} are new: {gone[:5]} {new[:5]}"]


def numbers(data):
    """Yield the numbers of nested JSON, without those under VOLATILE keys."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key not in VOLATILE:
                yield from numbers(value)
    elif isinstance(data, list):
        for value in data:
            yield from numbers(value)
    elif isinstance(data, int | float) and not isinstance(data, bool):
        yield float(data)


if __name__ == "__main__":
    main()

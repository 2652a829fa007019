"""Make docs/example/index.html, a page of sounds: six recordings through our models, our codec and others.

    python -m tools.example_page MODELS --lyra DIR

MODELS is a folder of classic.h5, fine.h5 and codec.h5, trained on speechdata/training; those that are missing are
trained there first. The page holds all of its sounds and needs no network. The same models, libraries and programs give
the same page.
"""

import argparse
from pathlib import Path

from benchmarks.options import TESTING_DIR, TRAINING_DIR, make_parser
from benchmarks.running import ROOT
from speech_autoencoder.cli.options import positive, to_path
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.evaluation.metrics.metric import Sound
from speech_autoencoder.evaluation.metrics.registry import METRICS, measure_sound
from speech_autoencoder.system.files import require_writable
from tools.example_page import page
from tools.example_page.recordings import SR, Recording, choose, join_recordings
from tools.example_page.systems import System, pca_system, systems_of, train_missing

OUTPUT_PATH = ROOT / "docs" / "example" / "index.html"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("models", type=to_path, help="folder of classic.h5, fine.h5 and codec.h5")
    parser.add_argument("--minutes", type=positive(float), default=5.0, help="time budget of each training")
    parser.add_argument("--lyra", type=to_path, metavar="DIR", help="folder of the weights of Lyra v2")
    parser.add_argument("--training-dir", type=to_path, default=TRAINING_DIR, help="recordings to train on")
    parser.add_argument("--testing-dir", type=to_path, default=TESTING_DIR, help="recordings to choose from")
    parser.add_argument("--output", type=to_path, default=OUTPUT_PATH, help="page to write")
    return parser.parse_args(arguments)


def chosen_recordings(testing_dir: Path, pca: System) -> list[tuple[Recording, str]]:
    """Return the recordings of the page, each with the reason why it was chosen.

    They are chosen by what PCA makes of them: so they stay the same when our models improve.
    """
    recordings = join_recordings(testing_dir)
    originals = [recording.waveform for recording in recordings]
    decoded = pca.code(originals).waveforms
    pairs = zip(originals, decoded, strict=True)
    stois = [measure_sound(Sound(one, SR), Sound(other, SR), ["stoi"])["stoi"].value for one, other in pairs]
    reasons = choose([recording.folder for recording in recordings], stois)
    return [(recordings[i], reason) for i, reason in reasons.items()]


def make(args: argparse.Namespace) -> int:
    """Write the page, and return its size in bytes."""
    train_missing(args.models, args.training_dir, args.minutes)
    pca = pca_system(args.training_dir)
    chosen = chosen_recordings(args.testing_dir, pca)
    systems, left_out = systems_of(args.models, pca, args.lyra)
    coded = [system.code([recording.waveform for recording, _ in chosen]) for system in systems]
    entries = [
        page.Entry(recording, reason, [c.waveforms[i] for c in coded], [c.n_bytes[i] for c in coded])
        for i, (recording, reason) in enumerate(chosen)
    ]
    missing = [metric for key in page.SCORES if not (metric := METRICS[key]).is_installed()]
    left_out += [metric.heading for metric in missing]
    return page.write(args.output, systems, entries, left_out)


def main() -> None:
    args = parse()
    require_writable(args.output)
    with blas_threads(1):
        n_bytes = make(args)
    print(f"Wrote {args.output} ({n_bytes / 1e6:.1f} MB): open it in a browser.")


if __name__ == "__main__":
    run_main(main)

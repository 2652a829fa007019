"""Make test_data.npy: recordings that were not trained on, as clips of the same features as train_data.npy."""

from pathlib import Path

from speech_autoencoder.cli import command_line as cli
from speech_autoencoder.config import PRESETS, preset

AUDIO_DIR = Path("speechdata/testing")
ARRAY_PATH = Path("test_data.npy")
TRAIN_ARRAY_PATH = Path("train_data.npy")


def main():
    parser = cli.parser(__doc__)
    cli.add_generator_options(parser, AUDIO_DIR, ARRAY_PATH)
    parser.add_argument("--preset", choices=PRESETS, help="other features than those of train_data.npy")
    args = parser.parse_args()
    from speech_autoencoder.data import (
        building,  # after --help, which need not wait for numpy
        dataset,
    )

    if args.preset is None:
        features = dataset.features_of(TRAIN_ARRAY_PATH, "train_data_generator.py")
    else:
        corpus_sr = building.most_common_rate(args.audio_dir) if args.preset == "fine" else 0
        features = preset(args.preset, corpus_sr)
    cli.generate(args, features)


if __name__ == "__main__":
    cli.run(main)

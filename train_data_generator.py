"""Make train_data.npy: every recording of a folder as clips of log-mel, with train_data.json to tell what is in it."""

from pathlib import Path

from speech_autoencoder.cli import command_line as cli
from speech_autoencoder.config import PRESETS, preset

AUDIO_DIR = Path("speechdata/training")
ARRAY_PATH = Path("train_data.npy")


def main():
    parser = cli.parser(__doc__)
    cli.add_generator_options(parser, AUDIO_DIR, ARRAY_PATH)
    parser.add_argument("--preset", choices=PRESETS, default="classic", help="the features: see the README")
    args = parser.parse_args()
    from speech_autoencoder.data import building  # after --help, which need not wait for numpy

    corpus_sr = building.most_common_rate(args.audio_dir) if args.preset == "fine" else 0
    features = preset(args.preset, corpus_sr)
    cli.generate(args, features, for_training=True)


if __name__ == "__main__":
    cli.run(main)

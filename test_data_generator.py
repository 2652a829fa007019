"""Make test_data.npy: recordings that the model was not trained on, with the same features as train_data.npy."""

import sys
from importlib.util import find_spec
from pathlib import Path

if not find_spec("speech_autoencoder"):  # python -I does not look for it beside the script
    sys.path.append(str(Path(__file__).parent))

from speech_autoencoder.cli.options import keywords, make_parser
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.commands.features import add_generator_options
from speech_autoencoder.config import PRESETS

AUDIO_DIR = Path("speechdata/testing")
ARRAY_PATH = Path("test_data.npy")
TRAIN_ARRAY_PATH = Path("train_data.npy")


def main() -> None:
    parser = make_parser(__doc__)
    add_generator_options(parser, AUDIO_DIR, ARRAY_PATH)
    parser.add_argument("--preset", choices=PRESETS, help="other features than those of train_data.npy")
    options = keywords(parser.parse_args())
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.api.datasets import build_dataset

    build_dataset(**options, like=TRAIN_ARRAY_PATH)


if __name__ == "__main__":
    run_main(main)

"""Make test_data.npy: recordings that the model was not trained on, with the same features as train_data.npy."""

import sys
from importlib.util import find_spec
from pathlib import Path

if not find_spec("speech_autoencoder"):  # python -I does not look for it beside the script
    sys.path.append(str(Path(__file__).parent))

from speech_autoencoder.cli.options import add_generator_options, make_parser
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.config import PRESETS
from speech_autoencoder.script_names import TRAIN_DATA_GENERATOR
from speech_autoencoder.system.files import expanded, locks_released

AUDIO_DIR = Path("speechdata/testing")
ARRAY_PATH = Path("test_data.npy")
TRAIN_ARRAY_PATH = Path("train_data.npy")


@locks_released()
def main() -> None:
    parser = make_parser(__doc__)
    add_generator_options(parser, AUDIO_DIR, ARRAY_PATH)
    parser.add_argument("--preset", choices=PRESETS, help="other features than those of train_data.npy")
    args = parser.parse_args()
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.cli.generating import features_of_preset, generate
    from speech_autoencoder.data.dataset import features_of, sidecar_path

    train_path = expanded(TRAIN_ARRAY_PATH)
    if args.preset is None:
        features = features_of(train_path, TRAIN_DATA_GENERATOR)
        inputs = [train_path, sidecar_path(train_path)]
    else:
        features, inputs = features_of_preset(args.preset, args.audio_dir), []
    generate(args, features, inputs=inputs, training_array=train_path)


if __name__ == "__main__":
    run_main(main)

"""Train the auto-encoder on train_data.npy and keep its best epoch as my_model_for_many_data.h5."""

import sys
from importlib.util import find_spec
from pathlib import Path

if not find_spec("speech_autoencoder"):  # python -I does not look for it beside the script
    sys.path.append(str(Path(__file__).parent))

from speech_autoencoder.cli.options import keywords, make_parser
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.commands.train import add_options

ARRAY_PATH = Path("train_data.npy")
MODEL_PATH = Path("my_model_for_many_data.h5")
HISTORY_PATH = Path("training_history.csv")
FIGURE_PATH = Path("training_history.png")


def main() -> None:
    parser = make_parser(__doc__)
    add_options(parser, ARRAY_PATH, MODEL_PATH)
    options = keywords(parser.parse_args())
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.api.training import train

    # Check what is read and what may be written; train; write the model, then the training as CSV and as a figure.
    train(**options, history=HISTORY_PATH, figure=FIGURE_PATH)


if __name__ == "__main__":
    run_main(main)

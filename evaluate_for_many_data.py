"""Tell how good the model is on test_data.npy, beside the PCA baseline and copy-synthesis (no model in between)."""

import sys
from importlib.util import find_spec
from pathlib import Path

if not find_spec("speech_autoencoder"):  # python -I does not look for it beside the script
    sys.path.append(str(Path(__file__).parent))

from speech_autoencoder.cli.options import make_parser
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.commands.evaluate import add_options, options_of

ARRAY_PATH = Path("test_data.npy")
TRAINING_PATH = Path("train_data.npy")
MODEL_PATH = Path("my_model_for_many_data.h5")
SCORES_PATH = Path("evaluation.json")
FIGURE_PATH = Path("evaluation.png")
REPORT_DIR = Path("report")


def main() -> None:
    parser = make_parser(__doc__)
    add_options(parser, ARRAY_PATH, TRAINING_PATH, MODEL_PATH, REPORT_DIR)
    options = options_of(parser.parse_args())
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.api.evaluation import evaluate

    # Check what is read and what may be written; load the models; score; write scores, a figure, a page, a card.
    evaluate(**options, scores=SCORES_PATH, figure=FIGURE_PATH)


if __name__ == "__main__":
    run_main(main)

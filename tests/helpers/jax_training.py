"""The script that trains, with a tiny network: `python -m tests.helpers.jax_training`, then options of the script."""

import autoencoder_for_many_data
from speech_autoencoder.api import training_options
from speech_autoencoder.cli.process import run_main
from tests.helpers.common import TINY_MODEL

if __name__ == "__main__":
    training_options.model_config = lambda *arguments: TINY_MODEL
    run_main(autoencoder_for_many_data.main, "autoencoder_for_many_data.py")

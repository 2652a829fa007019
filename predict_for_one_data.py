"""Send a recording through the model: reconstruct.wav to listen to, reconstruct.png to look at."""

import sys
from importlib.util import find_spec
from pathlib import Path

if not find_spec("speech_autoencoder"):  # python -I does not look for it beside the script
    sys.path.append(str(Path(__file__).parent))

from speech_autoencoder.cli.options import make_parser
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.cli.progress import make_say
from speech_autoencoder.commands.predict import add_options, run
from speech_autoencoder.storage.remote_path import expanded

# The recording to reconstruct: put the path of your own here, or name it on the command line. Several are a list of
# paths, ["a.wav", "b.wav"]; a Windows path has an r before its quotes, r"C:\Users\me\a.wav".
AUDIO_PATH = Path("speechdata/testing/en-allison/70_allison_digits.flac")
MODEL_PATH = Path("my_model_for_many_data.h5")
OUTPUT_PATH = Path("reconstruct.wav")
# Where the reconstructions of several recordings go.
OUTPUT_DIR = Path("reconstructed")


def main() -> None:
    parser = make_parser(__doc__)
    add_options(parser, AUDIO_PATH, MODEL_PATH, OUTPUT_PATH, OUTPUT_DIR)
    args = parser.parse_args()
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.cli.inputs import edited_recordings

    if not args.files:
        args.files = edited_recordings(AUDIO_PATH, make_say(args.quiet))
        is_list = len(args.files) > 1 and args.output == expanded(OUTPUT_PATH)
        args.output_dir = args.output_dir or (expanded(OUTPUT_DIR) if is_list else None)
    # Check what is read and what may be written; load the model; search for the latent of each recording; make its
    # sound; draw both.
    run(args)


if __name__ == "__main__":
    run_main(main)

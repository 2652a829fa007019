"""The command `page`: a model -> a page to speak to."""

import argparse
from pathlib import Path

from speech_autoencoder.cli.options import to_path
from speech_autoencoder.cli.origins import is_speech_page
from speech_autoencoder.cli.outputs import require_outputs, require_suffix
from speech_autoencoder.cli.progress import make_say
from speech_autoencoder.system.files import printable

OUTPUT_PATH = Path("page.html")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the model, and where the page goes."""
    parser.add_argument(
        "--model", type=to_path, help="the model's file (default: the model that comes with this program)"
    )
    parser.add_argument("--output", type=to_path, default=OUTPUT_PATH, help="the .html to write (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    """Write the page, and report how large it is."""
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.export import speech_page
    from speech_autoencoder.model import model_file, pretrained

    path = pretrained.resolve(args.model or Path(pretrained.NAME))
    require_suffix(args.output, ".html")
    require_outputs([(args.output, is_speech_page)], inputs=[path], overwrite=args.overwrite)
    model = model_file.load(path)
    name = speech_page.SHIPPED_NAME if path == pretrained.PATH else printable(path.name)
    n_bytes = speech_page.write(args.output, model, name)
    make_say(args.quiet)(f"Wrote {printable(args.output)} ({n_bytes / 1e6:.1f} MB): open it in a browser, and speak.")

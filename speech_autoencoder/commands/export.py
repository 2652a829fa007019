"""The command `export`: a model -> files that other programs use."""

import argparse
from pathlib import Path

from speech_autoencoder.cli.libraries import require_extra
from speech_autoencoder.cli.options import to_path
from speech_autoencoder.cli.origins import is_onnx
from speech_autoencoder.cli.outputs import require_outputs
from speech_autoencoder.cli.progress import make_say
from speech_autoencoder.commands.arguments import MODEL_PATH
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.files import printable


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the model, the format, and where the files go."""
    parser.add_argument("--model", type=to_path, default=MODEL_PATH, help="the model's file")
    parser.add_argument("--format", choices=("onnx",), default="onnx", help="the format of the files")
    parser.add_argument(
        "--output",
        type=to_path,
        metavar="NAME",
        help="a folder, or what the names begin with: NAME_encoder.onnx, NAME_decoder.onnx (default: the model's name)",
    )


def run(args: argparse.Namespace) -> None:
    """Write the files, and report what they are."""
    require_extra("export")
    # After --help, which does not wait for NumPy.
    from speech_autoencoder.export.onnx_files import OPSET, onnx_models, onnx_path, write
    from speech_autoencoder.model import model_file

    say = make_say(args.quiet)
    models = onnx_models(model_file.load(args.model))
    output = args.output or expanded(Path(args.model.stem))
    if output.is_dir():
        output /= args.model.stem
    paths = {name: onnx_path(output, name) for name in models}
    require_outputs([(path, is_onnx) for path in paths.values()], inputs=[args.model], overwrite=args.overwrite)
    for name, path in paths.items():
        n_bytes = write(path, models[name])
        say(f"Wrote {printable(path)} ({n_bytes / 1e6:.1f} MB).")
    say(f"ONNX opset {OPSET}, float32, for any number of frames; what the features are is in the metadata.")

"""Teach a small CNN auto-encoder to squeeze speech through a narrow latent, and use it.

In this order: `features` makes arrays of recordings, `train` a model of an array, `evaluate` tells how good it is, and
the other commands use it.
"""

import argparse
from importlib import import_module
from typing import Any

from speech_autoencoder.cli.options import make_command_parser
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.script_names import PROGRAM, as_commands

# What each command does; its module, with add_options(parser) and run(args), has its name.
COMMANDS = {
    "features": "Make an array of recordings, to train on or to evaluate on.",
    "merge": "Write the index of an array's parts, which features --part I/N has made; join them if asked to.",
    "train": "Train the auto-encoder on an array, and keep its best epoch.",
    "evaluate": "Tell how good a model is on an array, beside the PCA baseline and copy-synthesis.",
    "predict": "Send recordings through a model, to listen to what it makes of them.",
    "encode": "Encode recordings as .sae files.",
    "decode": "Decode .sae files as WAV, with the model that encoded them.",
    "latents": "Write the latents of recordings as .npz, for numpy, or .parquet, for pandas.",
    "export": "Write a model as ONNX files, which other programs run without this one; docs/export.md explains them.",
    "page": "Write a page for a browser, to hear one's own voice through a model; docs/page.md explains it.",
}


def run(name: str = PROGRAM) -> None:
    """Run the command line under a name: what `speech-autoencoder` in the environment's folder of programs does."""
    run_main(main, name)


@as_commands()
def main() -> None:
    """Run the command that the arguments name."""
    parser = make_command_parser(__doc__, COMMANDS, load)
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=("bash", "zsh"),
        default=argparse.SUPPRESS,
        help="print what makes a shell complete commands, options and files",
    )
    args = parser.parse_args()
    args.run(args)


def load(name: str) -> Any:
    """Import the module of a command."""
    return import_module(f"speech_autoencoder.commands.{name}")


class _PrintCompletion(argparse.Action):
    """Print the completion of a shell, and end."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: Any = None) -> None:
        import shtab  # an optional package

        for action in parser._actions:
            for command in action.choices.values() if isinstance(action, argparse._SubParsersAction) else ():
                command.add_options()
        parser.prog = PROGRAM  # what is completed, also where `python -m` was run
        print(shtab.complete(parser, values))
        parser.exit()


if __name__ == "__main__":
    run("python -m speech_autoencoder")

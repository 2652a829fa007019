"""Teach a small CNN auto-encoder to squeeze speech through a narrow latent, and use it.

In this order: `features` makes arrays of recordings, `train` a model of an array, `evaluate` tells how good it is, and
the other commands use it.
"""

from speech_autoencoder.cli.options import Command, make_command_parser
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.commands import decode, encode, evaluate, features, latents, page, predict, train
from speech_autoencoder.script_names import PROGRAM, as_commands

# The name of each command, and its module: HELP, add_options(parser) and run(args).
COMMANDS: dict[str, Command] = {
    "features": features,
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "encode": encode,
    "decode": decode,
    "latents": latents,
    "page": page,
}


def run(name: str = PROGRAM) -> None:
    """Run the command line under a name: what `speech-autoencoder` in the environment's folder of programs does."""
    run_main(main, name)


@as_commands()
def main() -> None:
    """Run the command that the arguments name."""
    args = make_command_parser(__doc__, COMMANDS).parse_args()
    COMMANDS[args.command].run(args)


if __name__ == "__main__":
    run("python -m speech_autoencoder")

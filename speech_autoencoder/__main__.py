"""Speech as a small file and back: python -m speech_autoencoder encode IN OUT.sae, decode IN.sae OUT.wav."""

from speech_autoencoder.cli.options import Command, make_command_parser
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.commands import decode, encode, latents

# The name of each command, and its module: HELP, add_options(parser) and run(args).
COMMANDS: dict[str, Command] = {
    "encode": encode,
    "decode": decode,
    "latents": latents,
}


def main() -> None:
    """Run the command that the arguments name."""
    args = make_command_parser(__doc__, COMMANDS).parse_args()
    COMMANDS[args.command].run(args)


if __name__ == "__main__":
    run_main(main, "python -m speech_autoencoder")

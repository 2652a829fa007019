"""Command-line parsers and the types of their options."""

import argparse
import functools
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol

from speech_autoencoder import __version__
from speech_autoencoder.cli.process import fail, warn
from speech_autoencoder.cli.progress import make_bars, make_say
from speech_autoencoder.cli.session import own_arguments
from speech_autoencoder.engines.engine import ENGINES, THREADS
from speech_autoencoder.errors import InputError
from speech_autoencoder.script_names import PROGRAM
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.processors import available_cpus

# More threads than these are refused, except where there are more processors.
_MOST_WORKERS = 16


def make_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser whose --help shows the defaults, with the options that every script has."""
    parser = _Parser(description=description, formatter_class=_Formatter)
    _add_common_options(parser)
    return parser


def make_command_parser(
    description: str, commands: Mapping[str, str], load: Callable[[str], "Command"]
) -> argparse.ArgumentParser:
    """Return a parser whose first argument is the name of a command, followed by its options; `run(args)` does it.

    Parameters
    ----------
    description
        What the program is for.
    commands
        {name: a sentence about the command}.
    load
        Returns the module of a command; it is called for those that are used.
    """
    parser = _Parser(description=description, formatter_class=_Formatter)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    group = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=CommandParser)
    for name, text in commands.items():
        group.add_parser(
            name, help=text, description=text, formatter_class=_Formatter, command=functools.partial(load, name)
        )
    return parser


def _add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every script and every command has."""
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace outputs that exist and were not made by this program"
    )


def keywords(args: argparse.Namespace) -> dict[str, Any]:
    """Return parsed options as the arguments of the function behind a command, which reports to the terminal."""
    given = {name: value for name, value in vars(args).items() if name not in ("run", "quiet")}
    return given | {"say": make_say(args.quiet), "warn": warn, "progress": make_bars(args.quiet)}


def add_names_option(parser: argparse.ArgumentParser) -> None:
    """Add how the names of recordings are read."""
    parser.add_argument(
        "--names",
        metavar="PATTERN",
        help="what the names of recordings tell, such as '{label}_{speaker}_{take}' or '{speaker}/{label}/*' (default: "
        "what they show)",
    )


def add_salvage_option(parser: argparse.ArgumentParser) -> None:
    """Add the option to use recordings that are not whole."""
    parser.add_argument(
        "--salvage",
        action="store_true",
        help="use what can be decoded of recordings that are cut short or damaged, and say how much that is (otherwise "
        "they are left out)",
    )


def add_strict_option(parser: argparse.ArgumentParser) -> None:
    """Add the option to stop at the first of many inputs that cannot be used."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help="of many files, stop at the first that cannot be used, with status 2 (otherwise it is left out and named "
        "at the end, and the status is 1)",
    )


def add_workers_option(parser: argparse.ArgumentParser) -> None:
    """Add the count of threads; each takes the memory of a recording, and more than processors gain nothing."""
    most = max(_MOST_WORKERS, 2 * available_cpus())

    def convert(text: str) -> int:
        value = positive(int)(text)
        if value > most:
            raise argparse.ArgumentTypeError(f"{text} threads gain nothing, and each takes memory: give at most {most}")
        return int(value)

    convert.__name__ = "int"  # argparse names it: "invalid int value"
    parser.add_argument("--workers", type=convert, default=available_cpus(), help="threads")


def add_engine_option(parser: argparse.ArgumentParser, *, processes: str = "--workers says") -> None:
    """Add where the work is done; the function behind the command takes it as `engine`, see `api/engines.py`.

    `processes` tells how many a cluster of this computer's own has.
    """
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=THREADS,
        help="where the work is done: in threads of this process, or by the Dask cluster at DASK_SCHEDULER_ADDRESS; "
        f"where that is not set, Dask starts as many processes here as {processes}",
    )


def to_path(text: str) -> Path:
    """Return a path as it is meant, see `expanded`: an argparse type."""
    try:
        return expanded(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def word_or_path(words: Collection[str]) -> Callable[[str], str]:
    """Return an argparse type that accepts one of these words as it is, and anything else as a path."""
    return lambda text: text if text in words else str(to_path(text))


def positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    """Return an argparse type that accepts finite numbers above zero."""

    def convert(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not above zero")
        return value

    convert.__name__ = kind.__name__  # argparse names it: "invalid int value"
    return convert


class Command(Protocol):
    """What a module in `commands/` defines."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own arguments."""

    def run(self, args: argparse.Namespace) -> None:
        """Do what the arguments ask for."""


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Help that shows the defaults, except None and False."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_none = action.default is None or action.default is False
        return action.help if has_none else super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line, without the usage (up to ten lines), and expands `~` in defaults."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse arguments, by default those of the command line, without those of a notebook's own process."""
        found, others = super().parse_known_args(own_arguments() if args is None else args, namespace)
        for action in self._actions:
            value = getattr(found, action.dest, None)
            if action.type is to_path and action.nargs is None and not isinstance(value, str | Path | None):
                self.error(f"argument {action.option_strings[0]}: the default is {value!r}, not a path in quotes")
        for name, value in vars(found).items():
            if isinstance(value, Path):  # a default, which argparse converts only if it is a string
                setattr(found, name, expanded(value))
        return found, others

    def error(self, message: str) -> NoReturn:
        fail(f"{message}; --help lists the options.")


class CommandParser(_Parser):
    """The parser of a command, which gets its options when the command is used: importing all commands takes time."""

    def __init__(self, *, command: Callable[[], Command], **options: Any) -> None:
        super().__init__(**options)
        self._command: Callable[[], Command] | None = command

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse the arguments of the command."""
        self.add_options()
        return super().parse_known_args(args, namespace)

    def add_options(self) -> None:
        """Import the module of the command, and add its options."""
        if self._command:
            command, self._command = self._command(), None
            _add_common_options(self)
            command.add_options(self)
            self.set_defaults(run=command.run)

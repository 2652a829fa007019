"""What a driver and its workers must have in common: versions, and files that both see."""

import hashlib
import platform
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from speech_autoencoder import __version__
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import Elsewhere, explain, printable
from speech_autoencoder.system.locks import hidden_beside

OURS = "speech-autoencoder"
# What results, or the messages between driver and workers, depend on. Names are those of the packages.
_LIBRARIES = ("numpy", "scipy", "soundfile", "soxr", "dask", "distributed")
# How long a worker looks for a file that the driver has just written: network file systems remember for some seconds
# what they have not found.
_LOOK_S = 10
_PAUSE_S = 0.2


@dataclass(frozen=True)
class Terms:
    """What a worker checks before its first chunk of a run.

    Attributes
    ----------
    run : str
        Names the run.
    folder : str
        The working folder of the driver.
    versions : dict
        Those of the driver.
    tokens : dict
        {path: content} of the files that the driver has written into the folders of its outputs.
    sizes : dict
        {path: bytes} of its inputs, which may also be under URLs.
    """

    run: str
    folder: str
    versions: Mapping[str, str]
    tokens: Mapping[Path, str]
    sizes: Mapping[Path, int]


@contextmanager
def terms(reads: Sequence[Path], writes: Sequence[Path]) -> Iterator[Terms]:
    """Lend the terms of a run of this process; the files that show where outputs go are removed at the end.

    Raises
    ------
    InputError
        If one of the folders cannot be written to.
    """
    token = secrets.token_hex(8)
    sizes, tokens = {}, {}
    for path in reads:
        with suppress(OSError):  # the work itself reports what is wrong with it
            sizes[path.absolute()] = path.stat().st_size
    with ExitStack() as stack:
        for folder in writes:
            if isinstance(folder, Elsewhere):  # a URL means the same everywhere
                continue
            try:
                path = stack.enter_context(hidden_beside(folder / "cluster"))
                stack.callback(path.unlink, missing_ok=True)
                path.write_text(token, encoding="ascii")
            except OSError as error:
                raise InputError(f"{printable(folder)} could not be written: {explain(error)}.") from error
            tokens[path.absolute()] = token
        yield Terms(token, str(Path.cwd()), own_versions(), tokens, sizes)


@cache
def own_versions() -> dict[str, str]:
    """Return what must be equal on driver and workers: {name: version}."""
    found = {"Python": ".".join(platform.python_version_tuple()[:2]), OURS: f"{__version__} (code {_code_digest()})"}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def difference(mine: Mapping[str, str], theirs: Mapping[str, str], where: str) -> str | None:
    """Return a line about the first version that differs from that of the driver, None if none does.

    Parameters
    ----------
    mine, theirs
        {name: version}; what only one of them has is not compared.
    where
        Whose the second are: "the worker on node7".
    """
    for name, own in mine.items():
        if theirs.get(name, own) != own:
            return (
                f"{where} has {name} {theirs[name]}, this computer has {own}: results would differ; install the same "
                "versions on both."
            )
    return None


def problem(agreed: Terms, where: str) -> str | None:
    """Return a line about the first of the terms that this process does not fulfil, None if it fulfils them all.

    Parameters
    ----------
    agreed
        The driver's.
    where
        Who this process is: "The worker on node7".
    """
    if found := difference(agreed.versions, own_versions(), where):
        return found
    for path, token in agreed.tokens.items():
        if found := _folder_problem(path, token, where):
            return found
    return next(filter(None, (_input_problem(path, size, where) for path, size in agreed.sizes.items())), None)


def _folder_problem(path: Path, token: str, where: str) -> str | None:
    """Return what is wrong with a folder for outputs, in which the driver has written a token."""
    folder = printable(path.parent)
    until = time.monotonic() + _LOOK_S
    while _text(path) != token:
        if time.monotonic() > until:
            return (
                f"{where} does not see the folder {folder} of this computer: write to a folder that all computers of "
                "the cluster share, under the same path."
            )
        time.sleep(_PAUSE_S)
    try:
        with hidden_beside(path.parent / "worker") as mine:
            mine.unlink()
    except OSError as error:
        return f"{where} cannot write to {folder}: {explain(error)}."
    return None


def _text(path: Path) -> str | None:
    """Return what a small file holds, None if it cannot be read."""
    try:
        list(path.parent.iterdir())  # network file systems look again
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return None


def _input_problem(path: Path, size: int, where: str) -> str | None:
    """Return what is wrong with an input, which has a size on the driver's computer."""
    try:
        found = path.stat().st_size
    except OSError as error:
        return (
            f"{where} cannot read {printable(path)} ({explain(error)}): the recordings and models must be in a folder "
            "that all computers of the cluster share, under the same path."
        )
    if found != size:
        return (
            f"{where} has another {printable(path)}, of {found:,} bytes; that of this computer has {size:,}: use a "
            "folder that all computers of the cluster share."
        )
    return None


@cache
def _code_digest() -> str:
    """Return a digest of this package's code, which may differ between two checkouts of one version."""
    digest = hashlib.blake2b(digest_size=4)
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()

"""What to do about a library that is missing or damaged."""

import sys
import traceback
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from speech_autoencoder.errors import InputError
from speech_autoencoder.system.extras import EXTRAS, install_command
from speech_autoencoder.system.files import printable

_PACKAGE = "speech_autoencoder"
# The most characters of a library's own message: NumPy's is a page.
_MOST_CHARACTERS = 160


def explain_import(error: BaseException) -> str | None:
    """Return what is wrong with a library that could not be imported, and the next step.

    None if the error is another one, such as a bug of ours.
    """
    library = _library_of(error)
    if library is None or library == _PACKAGE:
        return None
    python = printable(sys.executable or "this Python")
    if library in sys.stdlib_module_names:
        if not isinstance(error, ModuleNotFoundError):
            return None
        return f"{python} was built without its module {library}: use another Python 3.11, 3.12 or 3.13."
    if isinstance(error, ModuleNotFoundError) and error.name == library:
        return _is_missing(library)
    reason = " ".join(str(error).split()) or type(error).__name__
    reason = reason if len(reason) <= _MOST_CHARACTERS else f"{reason[:_MOST_CHARACTERS]} ..."
    return f"{library} is damaged or too old or new ({reason}): run {install_command(library)} --force-reinstall."


def require_extra(extra: str) -> None:
    """Raise InputError, before anything takes time, if a library of an extra is not installed.

    The libraries themselves are imported where they are used, so that nothing else waits for them.
    """
    for library in (name for name, its_extra in EXTRAS.items() if its_extra == extra):
        require_installed(library)


def require_installed(library: str) -> None:
    """Raise InputError if a library is not installed."""
    if not find_spec(library):
        raise InputError(_is_missing(library))


def _is_missing(library: str) -> str:
    """Return the line about a library that is not installed."""
    python, command = printable(sys.executable or "this Python"), install_command(library)
    return f"{library} is not installed for {python}: activate the environment that has it, or run {command}."


def _library_of(error: BaseException) -> str | None:
    """Return the name of the library whose import failed, None if the error is another one."""
    name: str | None = None
    if isinstance(error, ModuleNotFoundError):
        name = error.name
    elif isinstance(error, SyntaxError) and error.filename:
        name = _package_of(Path(error.filename))
    elif isinstance(error, AttributeError) and isinstance(error.obj, ModuleType) and not _file_of(error.obj):
        name = error.obj.__name__
    else:
        imported = (
            frame.f_globals.get("__name__", "")
            for frame, _ in traceback.walk_tb(error.__traceback__)
            if frame.f_code.co_name == "<module>"
        )
        others = (name for name in imported if name.split(".")[0] not in (_PACKAGE, "__main__", "runpy"))
        name = next(others, error.name if isinstance(error, ImportError) else None)
    return name.split(".")[0] if name else None


def _file_of(module: ModuleType) -> str | None:
    """Return the file of a module: None for a folder without its __init__.py, and for some modules of Python."""
    return getattr(module, "__file__", None)


def _package_of(path: Path) -> str | None:
    """Return the name of the package that a file belongs to, None if it is in none."""
    for folder in filter(None, sys.path):
        if path.is_relative_to(folder):
            return path.relative_to(folder).parts[0].removesuffix(".py")
    return None

"""Which modules of the project a file imports, read from the source."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.helpers.common import ROOT


@cache
def imported(path: Path, *, when_run: bool = False, at_top: bool = False) -> tuple[str, ...]:
    """Return the dotted names that a file imports.

    Parameters
    ----------
    path
        A Python file.
    when_run
        Leave out what only type checkers import.
    at_top
        Leave out what functions import when they are called.
    """
    return tuple(_imported(path, when_run, at_top))


def _imported(path: Path, when_run: bool, at_top: bool) -> Iterator[str]:
    """Yield the names that `imported` returns."""
    nodes: list[ast.AST] = [ast.parse(path.read_text())]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from . import x` would not be recognised as an import of ours.
            assert not node.level, f"{path.name} has a relative import: name the package"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif when_run and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            nodes += node.orelse
        elif not (at_top and isinstance(node, ast.FunctionDef)):
            nodes += ast.iter_child_nodes(node)


def import_closure(script: Path, *, at_top: bool = False) -> set[Path]:
    """Return the project's files that run when a file does: those it imports, directly or through others.

    Lazy imports are included unless `at_top`.
    """
    found: set[Path] = set()
    unread = [script]
    while unread:
        for name in imported(unread.pop(), when_run=True, at_top=at_top):
            parts = name.split(".")
            for n in range(1, len(parts) + 1):
                place = ROOT.joinpath(*parts[:n])
                for path in (place.with_suffix(".py"), place / "__init__.py"):
                    if path.is_file() and path not in found:
                        found.add(path)
                        unread.append(path)
    return found

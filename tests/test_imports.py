"""A module of the package imports only from rows above its own; nothing imports a script."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
# The rows of the table that says what lives in each.
ORDER = re.findall(r"^\| `(\w+)\.py` \|", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE)
SCRIPTS = {path.stem for path in ROOT.glob("*.py")}


def imported(path):
    """The dotted names that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from . import x` would be seen as no import of ours.
            assert not node.level, f"{path.name} has a relative import: name the package"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_package_every_module_has_a_row():
    modules = {path.stem for path in (ROOT / "speech_autoencoder").glob("*.py")} - {"__init__"}
    assert sorted(modules) == sorted(ORDER)


def test_package_imports_only_rows_above():
    for row, module in enumerate(ORDER):
        for name in imported(ROOT / "speech_autoencoder" / f"{module}.py"):
            if name.startswith("speech_autoencoder."):
                first = name.split(".")[1]
                assert first in ORDER[:row] or first not in ORDER, f"{module} imports {name}"


def test_scripts_are_imported_by_nothing():
    assert len(SCRIPTS) == 5
    for path in [*ROOT.glob("*.py"), *(ROOT / "speech_autoencoder").glob("*.py")]:
        assert not {name.split(".")[0] for name in imported(path)} & SCRIPTS, path


def test_package_and_scripts_import_without_tensorflow():
    """The generators, and every --help, must not pay for TensorFlow: nothing imports it at the top of a module."""
    for path in [*ROOT.glob("*.py"), *(ROOT / "speech_autoencoder").glob("*.py")]:
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"tensorflow", "keras"}, path

"""A folder of the package imports only from those before it in the pipeline; Keras stays where it belongs."""

import ast
import re

from tests.helpers.common import ROOT
from tests.helpers.imports import import_closure, imported

PACKAGE = ROOT / "speech_autoencoder"
# Files and folders of the package, in the order of docs/architecture.md: each imports only from those before it.
ORDER = [
    "errors",
    "config",
    "script_names",
    "system",
    "engines",
    "storage",
    "audio",
    "data",
    "model",
    "codec",
    "training",
    "evaluation",
    "report",
    "export",
    "cli",
    "api",
    "commands",
    "__main__",
]
MOST_MODULES = 15
KERAS = {"keras", "tensorflow", "jax"}
# Modules that may import them.
TRAINING = {PACKAGE / "model" / "keras_network.py", *(PACKAGE / "training").rglob("*.py")}
SCRIPTS = {path.stem for path in ROOT.glob("*.py")}


def test_package_has_no_folder_outside_the_order():
    parts = {path.stem for path in PACKAGE.iterdir() if path.name not in ("__pycache__", "py.typed")} - {"__init__"}
    assert parts == set(ORDER)


def test_package_imports_only_from_folders_before():
    for row, part in enumerate(ORDER):
        for path in [PACKAGE / f"{part}.py"] if (PACKAGE / f"{part}.py").exists() else (PACKAGE / part).rglob("*.py"):
            for name in imported(path):
                if name.startswith("speech_autoencoder.") and name != "speech_autoencoder.__version__":
                    other = name.split(".")[1]
                    assert other in ORDER[: row + 1], f"{path.relative_to(ROOT)} imports {name}"


def test_package_folders_are_small():
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MOST_MODULES, folder


def test_package_init_files_import_nothing():
    """The package's own looks at Python's version, and loads what it offers when that is used."""
    for path in PACKAGE.rglob("__init__.py"):
        allowed = {"sys", "typing.TYPE_CHECKING"} if path.parent == PACKAGE else set()
        assert set(imported(path, when_run=True, at_top=True)) <= allowed, path


def test_keras_and_its_backends_are_imported_only_where_networks_are_trained():
    for path in [*ROOT.glob("*.py"), *PACKAGE.rglob("*.py")]:
        names = {name.split(".")[0] for name in imported(path)}
        assert path in TRAINING or not names & KERAS, path


def test_keras_and_its_backends_are_imported_at_the_top():
    for path in TRAINING:
        tree = ast.parse(path.read_text())
        inner = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        for node in inner:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            is_keras = {name.split(".")[0] for name in names} & KERAS
            assert node in tree.body or not is_keras, path


def test_keras_is_started_by_no_import_outside_of_training():
    """Where Keras or its backend cannot be imported, everything but training works."""
    for path in [*ROOT.glob("*.py"), *PACKAGE.rglob("*.py")]:
        if path not in TRAINING:
            for other in {path, *import_closure(path, at_top=True)}:
                names = {name.split(".")[0] for name in imported(other, at_top=True)}
                assert not names & KERAS, f"{path.relative_to(ROOT)} imports {other.relative_to(ROOT)}"


def test_dask_is_imported_only_by_the_engine_that_is_asked_for():
    """Without --engine dask, nothing of it is loaded."""
    ours = ("speech_autoencoder.engines.cluster", "speech_autoencoder.engines.dask_engine")
    for path in [*ROOT.glob("*.py"), *PACKAGE.rglob("*.py")]:
        if path.parent.name != "engines" or path.stem not in ("cluster", "dask_engine"):
            assert not {name.split(".")[0] for name in imported(path)} & {"dask", "distributed"}, path
            assert not any(name.startswith(ours) for name in imported(path, at_top=True)), path


def test_scripts_are_imported_by_nothing():
    assert len(SCRIPTS) == 5
    for path in [*ROOT.glob("*.py"), *PACKAGE.rglob("*.py")]:
        assert not {name.split(".")[0] for name in imported(path)} & SCRIPTS, path


def test_architecture_page_names_every_module():
    text = (ROOT / "docs" / "architecture.md").read_text()
    folders = [path for path in sorted(PACKAGE.iterdir()) if path.is_dir() and path.name != "__pycache__"]
    for folder in folders:
        # The table below "`folder/` ..."; sub-packages are one row.
        table = text.partition(f"\n`{folder.name}/` ")[2].partition("\n\n`")[0].partition("\n## ")[0]
        named = set(re.findall(r"`(\w+)(?:\.py|/)`", table))
        modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" and path.stem != "__init__"}
        subfolders = {path.parent.name for path in folder.glob("*/__init__.py")}
        assert modules | subfolders == named - {"templates"}, folder

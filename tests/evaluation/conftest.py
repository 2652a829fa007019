"""Fixtures: stand-ins for optional packages, whose code runs in child processes."""

import importlib
from pathlib import Path

import pytest

from speech_autoencoder.system import isolation


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Return a function (name, source) that makes a module importable, here and in children that are started later."""
    folder = tmp_path / "packages"
    folder.mkdir()

    def add(name: str, source: str) -> Path:
        path = folder / f"{name}.py"
        path.write_text(source)
        importlib.invalidate_caches()
        return path

    monkeypatch.syspath_prepend(str(folder))
    with isolation.child_processes():
        pass  # those of other tests know nothing of the folder
    with isolation.child_processes():
        yield add

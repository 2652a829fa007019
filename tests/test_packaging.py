"""The package works where it is installed from a wheel, without the checkout."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from speech_autoencoder import __version__
from tests.helpers.common import ROOT, assert_refused

TEMPLATES = {path.name for path in (ROOT / "speech_autoencoder" / "report" / "templates").iterdir()}


def pip(*arguments):
    """Run pip without the network."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a function that runs a Python with our wheel and the tests' libraries: (*arguments) -> its process."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"  # building leaves files in it
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "speech_autoencoder", source / "speech_autoencoder", ignore=ignored)
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, source)
    (wheel,) = folder.glob("*.whl")
    builder = venv.EnvBuilder(symlinks=sys.platform != "win32")
    builder.create(folder / "venv")
    python = builder.ensure_directories(folder / "venv").env_exe
    pip("--python", python, "install", "--no-deps", "--no-index", wheel)
    (site_packages,) = {path.parents[1] for path in (folder / "venv").rglob("speech_autoencoder/__init__.py")}
    (site_packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))

    def run(*arguments):
        command = [python, "-I", *map(str, arguments)]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    return run


def test_wheel_is_what_is_imported_and_has_every_module(installed):
    code = "import pathlib, speech_autoencoder as s; print(s.__version__, pathlib.Path(s.__file__).parent)"
    done = installed("-c", code)
    assert done.returncode == 0, done.stderr
    version, folder = done.stdout.rstrip("\n").split(" ", 1)
    assert version == __version__
    assert not Path(folder).is_relative_to(ROOT)
    package = ROOT / "speech_autoencoder"
    ours = {path.relative_to(package) for path in package.rglob("*.py")}
    assert ours == {path.relative_to(folder) for path in Path(folder).rglob("*.py")}


def test_wheel_has_the_templates_of_the_page(installed):
    code = "import importlib.resources as r, speech_autoencoder.report as s; "
    code += "[print(path.name) for path in r.files(s).joinpath('templates').iterdir()]"
    done = installed("-c", code)
    assert set(done.stdout.split()) == TEMPLATES


@pytest.mark.parametrize("command", [[], ["encode"], ["decode"]], ids=" ".join)
def test_wheel_commands_show_their_help(installed, command):
    done = installed("-m", "speech_autoencoder", *command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(" ".join(["usage: python -m speech_autoencoder", *command]))


def test_wheel_commands_run(installed):
    assert_refused(installed("-m", "speech_autoencoder", "encode", "missing.wav"), r"missing\.wav")

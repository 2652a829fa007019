"""The package works where it is installed from a wheel, without the checkout."""

import importlib.metadata
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from speech_autoencoder import __version__
from tests.helpers.common import ROOT, assert_refused

PACKAGE = ROOT / "speech_autoencoder"


def files(package):
    """Return the files of a package, without what Python makes of them."""
    return {path.relative_to(package) for path in package.rglob("*.*") if path.suffix != ".pyc" and path.is_file()}


def pip(*arguments):
    """Run pip without the network."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Return (source distribution, wheel), the second made from the first."""
    folder = tmp_path_factory.mktemp("distributions")
    source = folder / "source"  # building leaves files in it
    shutil.copytree(PACKAGE, source / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "tests").mkdir()
    (source / "tests" / "test_it.py").touch()
    code = "import sys, setuptools.build_meta as build; build.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, folder], cwd=source, check=True, capture_output=True)
    (sdist,) = folder.glob("*.tar.gz")
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, sdist)
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(distributions, tmp_path_factory):
    """Return a function that runs a Python with our wheel and the tests' libraries: (*arguments) -> its process."""
    folder = tmp_path_factory.mktemp("installed")
    _, wheel = distributions
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
    assert files(PACKAGE) == files(Path(folder))


def test_wheel_and_source_have_the_licence_and_no_tests(distributions):
    sdist, wheel = distributions
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "speech_autoencoder/__main__.py"} <= names
    assert not {name for name in names if name.startswith("tests")}
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {PACKAGE.name}
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_wheel_asks_for_no_tensorflow_but_for_training(distributions):
    (metadata,) = importlib.metadata.distributions(path=[str(distributions[1])])
    asked = [Requirement(line) for line in metadata.requires]
    assert {each.name for each in asked if each.marker is None} >= {"numpy", "scipy", "soundfile"}
    tensorflow = [each for each in asked if each.name in ("keras", "tensorflow", "tensorflow-cpu")]
    assert tensorflow
    assert all("extra ==" in str(each.marker) for each in tensorflow)


@pytest.mark.parametrize("command", [[], ["encode"], ["decode"]], ids=" ".join)
def test_wheel_commands_show_their_help(installed, command):
    done = installed("-m", "speech_autoencoder", *command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(" ".join(["usage: python -m speech_autoencoder", *command]))


def test_wheel_commands_run(installed):
    assert_refused(installed("-m", "speech_autoencoder", "encode", "missing.wav"), r"missing\.wav")

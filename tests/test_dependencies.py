"""pyproject.toml asks for what the code imports, part by part, and requirements.txt pins it."""

import sys
import tomllib

import pytest
from packaging.requirements import Requirement

from speech_autoencoder.system.extras import EXTRAS
from tests.helpers.common import ROOT
from tests.helpers.imports import import_closure, imported
from tests.test_supply import requirements

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGE = ROOT / "speech_autoencoder"
# Distributions whose name is not that of their import.
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "tensorflow": "tensorflow-cpu", "visqol": "visqol-python"}
# What libraries need without asking for it.
OF_LIBRARIES = {"dnsmos": {"onnxruntime", "requests"}, "visqol": {"ai-edge-litert"}}
# What is in the extra `train`, too: each backend comes with Keras.
ALSO_OF_TRAIN = {"jax": {"keras"}}


def commands(names):
    """Return the files of commands."""
    return [f"speech_autoencoder/commands/{name}.py" for name in names.split()]


# What a part imports, when it is there, from other extras than its own.
OPTIONAL = {
    "base": {"formats", "parquet", "cluster", "remote"},
    "train": {"formats", "tensorboard", "jax", "cluster", "remote"},
    "evaluate": {
        "formats",
        "train",
        "jax",
        "metrics",
        "visqol",
        "dnsmos",
        "pocketsphinx",
        "whisper",
        "cluster",
        "remote",
    },
    "export": {"formats", "cluster", "remote"},
}
PARTS = {
    "base": ["speech_autoencoder/api/model.py", *commands("features predict encode decode latents page")],
    "train": ["autoencoder_for_many_data.py", *commands("train")],
    "evaluate": ["evaluate_for_many_data.py", *commands("evaluate")],
    "export": commands("export"),
}


def asked(extra=""):
    """Return {distribution: Requirement} of an extra, or of the base."""
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return {each.name: each for each in map(Requirement, lines)}


def libraries(paths):
    """Return the distributions that files import."""
    names = {name.split(".")[0] for path in paths for name in imported(path, when_run=True)}
    ours = {PACKAGE.name, "tests", *(path.stem for path in ROOT.glob("*.py"))}
    return {distribution(name) for name in names - ours - sys.stdlib_module_names}


def distribution(name):
    """Return the distribution that has a library."""
    return DISTRIBUTIONS.get(name, name.replace("_", "-"))


def test_requirements_pin_the_base_and_the_extras_of_the_scripts():
    pins = requirements((ROOT / "requirements.txt").read_text())
    ranges = asked() | asked("train") | asked("evaluate")
    assert {(pin.name, str(pin.marker)) for pin in pins} == {(name, str(r.marker)) for name, r in ranges.items()}
    for pin in pins:
        (version,) = pin.specifier
        assert version.operator == "=="
        assert ranges[pin.name].specifier.contains(version.version), pin


def test_requirements_of_development_are_in_the_ranges_of_the_extras():
    ranges = {name: each for extra in PROJECT["optional-dependencies"] for name, each in asked(extra).items()}
    pins = {pin.name: pin for pin in requirements((ROOT / "requirements-dev.txt").read_text())}
    for name in {"av", "onnx", "pyarrow", "tensorboard", "shtab"}:
        (version,) = pins[name].specifier
        assert ranges[name].specifier.contains(version.version), name


@pytest.mark.parametrize("extra", sorted({*EXTRAS.values()}))
def test_extras_are_those_of_pyproject(extra):
    ours = {distribution(name) for name, its_extra in EXTRAS.items() if its_extra == extra}
    others = OF_LIBRARIES.get(extra, set()) | ALSO_OF_TRAIN.get(extra, set())
    assert ours == set(asked(extra)) - {"tensorflow"} - others


def test_dependencies_are_what_the_package_imports():
    listed = set(asked()) | {distribution(name) for name in EXTRAS}
    assert libraries(PACKAGE.rglob("*.py")) == listed - {"s3fs"}  # which fsspec imports


@pytest.mark.parametrize("part", PARTS)
def test_part_imports_no_library_of_another(part):
    paths = {path for name in PARTS[part] for path in {ROOT / name, *import_closure(ROOT / name)}}
    extras = OPTIONAL[part] | ({part} & set(PROJECT["optional-dependencies"]))
    allowed = set(asked()).union(*map(asked, extras))
    assert libraries(paths) <= allowed


def test_all_has_every_extra_but_other_backends_and_what_a_compiler_licence_or_test_keeps_apart():
    (everything,) = asked("all").values()
    apart = {"all", "metrics", "visqol", "comparisons", "gpu", "jax", "jax-cuda"}
    assert everything.name == PROJECT["name"]
    assert everything.extras == set(PROJECT["optional-dependencies"]) - apart


def test_readme_has_a_row_for_every_extra():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = " ".join(line.split("|")[1] for line in readme.splitlines() if line.startswith("| `"))
    assert {extra for extra in PROJECT["optional-dependencies"] if f"`{extra}`" not in rows} == set()

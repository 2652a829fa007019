"""A library that is missing or damaged is one line with the next step; a bug of ours is not mistaken for one."""

import os
import re
import subprocess
import sys

import pytest

from speech_autoencoder.cli.libraries import explain_import
from tests.helpers.common import ROOT, assert_refused

ADVICE = r"pip install -r requirements\.txt"


def explained(code):
    """Return what is said about the error that the code raises."""
    try:
        exec(code, {"__name__": "__main__"})
    except Exception as error:
        return explain_import(error)
    raise AssertionError("no error")


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Return a function (code) that makes the library `zzlibrary` of that code; None makes a folder without any."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "zzlibrary", None)  # so that it is forgotten afterwards
    monkeypatch.delitem(sys.modules, "zzlibrary")

    def make(code):
        (tmp_path / "zzlibrary").mkdir()
        if code is not None:
            (tmp_path / "zzlibrary" / "__init__.py").write_text(code)

    return make


def test_explain_import_library_that_is_missing():
    text = explained("import zzlibrary.part")
    assert re.search(rf"zzlibrary is not installed for .*: activate the environment .* or run {ADVICE}\.$", text)


@pytest.mark.parametrize(
    ("code", "use", "reason"),
    [
        ("raise ImportError('\\n\\nREAD THIS\\n' + 'much ' * 99)", "", r"READ THIS much much .* \.\.\."),
        ("raise OSError('cannot load library')", "", "cannot load library"),
        ("import zzlibrary.core", "", "No module named 'zzlibrary.core'"),
        ("x = (", "", "never closed"),
        ("import json; json.loads('{')", "", "Expecting property name"),
        ("", "from zzlibrary import array", "cannot import name 'array'"),
        (None, "zzlibrary.ndarray", "has no attribute 'ndarray'"),
    ],
)
def test_explain_import_library_that_is_damaged(library, code, use, reason):
    library(code)
    text = explained(f"import zzlibrary\n{use}")
    assert re.search(
        rf"zzlibrary is damaged or too old or new \(.*{reason}.*\): run {ADVICE} --force-reinstall\.$", text
    )
    assert "\n" not in text
    assert len(text) < 400


def test_explain_import_module_that_python_was_built_without(monkeypatch):
    monkeypatch.setitem(sys.modules, "lzma", None)
    assert re.search(r"was built without its module lzma: use another Python 3\.11", explained("import lzma"))


@pytest.mark.parametrize(
    "code",
    [
        "1 / 0",
        "import speech_autoencoder.no_such_module",
        "from speech_autoencoder.errors import no_such_name",
        "import math; math.no_such_function",
        "from math import no_such_function",
        "int('a number')",
    ],
)
def test_explain_import_other_error_is_none(code):
    assert explained(code) is None


def test_scripts_without_numpy_say_so(tmp_path):
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ModuleNotFoundError('not there', name='numpy')")
    for command in ("train_data_generator.py", "predict_for_one_data.py"):
        done = subprocess.run(
            [sys.executable, str(ROOT / command)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert_refused(done, "numpy is not installed", ADVICE)

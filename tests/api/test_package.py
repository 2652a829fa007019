"""`import speech_autoencoder`: quick, lazy, typed, and all that it offers is there."""

import ast
import re
import subprocess
import sys

import pytest

import speech_autoencoder as sa
from tests.helpers.common import ROOT

TYPED = """
import numpy as np

import speech_autoencoder as sa


def main() -> bytes:
    model: sa.Model = sa.load("model.h5")
    waveform, sr = sa.read("a.wav")
    latent: np.ndarray = model.encode(waveform, sr)
    sound: np.ndarray = model.decode(latent, sr, len(waveform))
    frames: np.ndarray = sa.log_mel(sound, sr, model.features)
    print(model.latent_rate + 1, sa.invert(frames, model.features).shape, sa.preset("fine", sr).n_mels + 1)
    print(sa.build_dataset("recordings", "train_data.npy").n_recordings + 1)
    print(sa.train("train_data.npy", "model.h5", minutes=5, say=print).best_db + 1)
    print(sa.evaluate("test_data.npy", "model.h5").scores["model"])
    print(sa.predict(["a.wav"], "model.h5").reconstructions[0].name)
    return model.compress(waveform, sr, bitrate=1.6)
"""


def python(*arguments, **options):
    """Return the finished process of Python, from the project's folder."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, **options)


def test_import_loads_nothing_and_offers_all():
    code = (
        "import speech_autoencoder as sa, sys\n"
        "names = {name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names\n"
        "print(sorted(names), set(sa.__all__) <= set(dir(sa)))"
    )
    done = python("-S", "-c", code)  # -S: nor what site-packages load by themselves
    assert done.stdout == "['__main__', 'speech_autoencoder'] True\n", done.stderr
    done = python("-X", "importtime", "-c", "import speech_autoencoder")
    modules = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    assert [name for name in modules if name.startswith("speech_autoencoder")] == ["speech_autoencoder"]


def test_import_star_is_what_the_package_offers():
    names = {}
    exec("from speech_autoencoder import *", names)
    assert set(sa.__all__) <= set(names)
    assert all(names[name] is getattr(sa, name) for name in sa.__all__)


def test_package_without_the_extras_offers_all_and_says_at_once_what_is_missing():
    code = (
        "import sys; sys.modules |= dict.fromkeys(['librosa', 'pystoi', 'sklearn', 'tensorflow', 'keras', 'av'])\n"
        "from speech_autoencoder import *\n"
        "for function in (evaluate, train):\n"
        "    try: function('a.npy', 'm.h5')\n"
        "    except InputError as error: print(error)"
    )
    done = python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    for line, library in zip(done.stdout.splitlines(), ("librosa", "keras"), strict=True):
        assert re.search(rf"^{library} is not installed for .*, or run pip install", line)


def test_package_names_are_those_that_type_checkers_see():
    tree = ast.parse((ROOT / "speech_autoencoder" / "__init__.py").read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {alias.name: node.module.partition(".")[2] for node in block.body for alias in node.names}
    assert seen == sa._MODULES
    assert sorted(seen) == sorted(sa.__all__)


def test_package_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sa.nothing  # noqa: B018
    with pytest.raises(ImportError, match="nothing"):
        exec("from speech_autoencoder import nothing")


def test_input_error_is_a_value_error():
    with pytest.raises(ValueError, match=r"nope\.h5 is missing"):
        sa.load("nope.h5")


def test_package_is_typed(tmp_path):
    """A program passes mypy --strict, and one that is wrong does not: the types are not Any."""
    pytest.importorskip("mypy", reason="mypy is not installed")
    (tmp_path / "right.py").write_text(TYPED)
    (tmp_path / "wrong.py").write_text(
        'import speech_autoencoder as sa\n\nsa.load("m.h5").encode("a.wav", sa.read(5))\n'
    )
    strict = ["-m", "mypy", "--strict", "--follow-imports=silent", "--config-file=", "--ignore-missing-imports"]
    done = python(*strict, f"--cache-dir={tmp_path / 'cache'}", str(tmp_path / "right.py"), str(tmp_path / "wrong.py"))
    assert re.findall(r"(\w+)\.py:3: error: .*\[([\w-]+)\]", done.stdout) == 3 * [("wrong", "arg-type")]
    assert "right.py" not in done.stdout, done.stdout
    assert (ROOT / "speech_autoencoder" / "py.typed").exists()

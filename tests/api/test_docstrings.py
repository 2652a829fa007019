"""The examples in the docstrings of what the package offers, and their sections."""

import doctest
import inspect
import shutil

import pytest
import soundfile as sf

import speech_autoencoder as sa
from speech_autoencoder.model import pretrained
from speech_autoencoder.training.saving import save
from tests.helpers.common import make_speech
from tests.helpers.tiny_codec import make_codec

FUNCTIONS = [name for name in sa.__all__ if inspect.isfunction(getattr(sa, name))]
METHODS = [name for name, _ in inspect.getmembers(sa.Model, inspect.isfunction) if not name.startswith("_")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with the files that the examples name."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "recordings").mkdir()
    for seed, name in enumerate(("a", "b")):
        sf.write(folder / "recordings" / f"{name}.wav", make_speech(24_000, 16_000, seed), 16_000)
    shutil.copy(pretrained.PATH, folder / "model.h5")
    save(folder / "codec.h5", make_codec())
    for name in ("train_data.npy", "test_data.npy"):
        sa.build_dataset(folder / "recordings", folder / name)
    return folder


@pytest.mark.parametrize("name", sa.__all__)
def test_examples_give_what_they_say(name, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(getattr(sa, name), name):
        runner.run(test)
    assert not runner.failures, capsys.readouterr().out


@pytest.mark.parametrize(
    "function", [*(getattr(sa, name) for name in FUNCTIONS), *(getattr(sa.Model, name) for name in METHODS)]
)
def test_docstrings_describe_every_argument_and_the_result(function):
    text = inspect.getdoc(function)
    parameters = text.partition("\nParameters\n---")[2].partition("\nReturns\n---")[0]
    described = {name for line in parameters.splitlines() for name in line.partition(" :")[0].split(", ")}
    assert set(inspect.signature(function).parameters) - {"self"} <= described
    assert "\nReturns\n-------\n" in text
    assert "\nRaises\n------\nInputError\n" in text


def test_every_function_has_an_example():
    assert [name for name in [*FUNCTIONS, "Model"] if ">>> " not in (getattr(sa, name).__doc__ or "")] == []

"""The five scripts replace nothing that others have made, write through links, and find the home folder."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest
import soundfile as sf

from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data import building, dataset
from tests.helpers.common import make_speech, names_in, refused
from tests.helpers.windows import imitate


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with recordings, and the arrays that the generators make of them."""
    folder = tmp_path_factory.mktemp("made")
    for part in ("training", "testing"):
        (folder / "speechdata" / part).mkdir(parents=True)
        for i in range(3):
            speech = make_speech(6_000, 8_000, seed=i)
            sf.write(folder / "speechdata" / part / f"yes_a{i}_{i}.wav", speech, 8_000)
    for name, part in (("train_data", "training"), ("test_data", "testing")):
        building.build(folder / "speechdata" / part, folder / f"{name}.npy", CLASSIC, workers=1)
    return folder


@pytest.fixture
def script(made, tmp_path, monkeypatch, capsys):
    """Return a function (name, *arguments) -> what a script prints, run by this process in a copy of `made`."""
    shutil.copytree(made, tmp_path / "here")
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        importlib.import_module(name).main()
        return capsys.readouterr().out

    return run


def contents():
    """Return the contents of the files here by name, and the targets of links, hidden files included."""
    files = [path for path in Path().rglob("*") if path.is_symlink() or path.is_file()]
    return {str(path): path.readlink() if path.is_symlink() else path.read_bytes() for path in files}


STRANGER = b'{"title": "my own notes"}\n'


@pytest.mark.parametrize(
    ("name", "arguments", "theirs"),
    [
        ("train_data_generator", ["--output", "meta.npy"], "meta.json"),
        ("train_data_generator", ["--output", "meta.npy"], "meta.npy"),
        ("train_data_generator", [], "train_data.npy"),
        ("test_data_generator", [], "test_data.json"),
        ("autoencoder_for_many_data", [], "my_model_for_many_data.h5"),
        ("autoencoder_for_many_data", ["--model", "a.h5"], "a.checkpoint.npz"),
        ("autoencoder_for_many_data", [], "training_history.csv"),
        ("autoencoder_for_many_data", [], "training_history.png"),
        ("evaluate_for_many_data", [], "evaluation.json"),
        ("evaluate_for_many_data", [], "evaluation.png"),
        ("evaluate_for_many_data", ["--card", "card.md"], "card.md"),
        ("predict_for_one_data", ["speechdata/testing/yes_a0_0.wav"], "reconstruct.wav"),
        ("predict_for_one_data", ["speechdata/testing/yes_a0_0.wav", "--output", "cover.wav"], "cover.png"),
        ("predict_for_one_data", ["speechdata/testing/yes_a0_0.wav", "--bitrate", "1"], "reconstruct.sae"),
        ("predict_for_one_data", ["speechdata/testing/yes_a0_0.wav", "--output-dir", "out"], "out/yes_a0_0.wav"),
    ],
)
def test_scripts_file_of_others_is_refused_before_the_work(script, name, arguments, theirs):
    Path(theirs).parent.mkdir(exist_ok=True)
    Path(theirs).write_bytes(STRANGER)
    before = contents()
    refused(f"{theirs} exists and was not made by this program", "--overwrite", do=lambda: script(name, *arguments))
    assert contents() == before


def test_scripts_folder_that_is_no_report_is_refused_even_if_told_to_overwrite(script):
    Path("report/sound").mkdir(parents=True)
    Path("report/sound/mine.wav").touch()
    for option in ((), ("--overwrite",)):
        refused("report holds other files", do=lambda option=option: script("evaluate_for_many_data", *option))
    assert names_in(Path("report/sound")) == ["mine.wav"]


def test_generator_overwrites_what_it_is_told_to(script):
    Path("meta.json").write_bytes(STRANGER)
    Path("meta.npy").write_bytes(STRANGER)
    script("train_data_generator", "--output", "meta.npy", "--overwrite")
    assert len(dataset.load(Path("meta.npy"), "").names) == 3
    assert "Nothing has changed" in script("train_data_generator", "--output", "meta.npy")


@pytest.mark.parametrize("option", [(), ("--overwrite",)])
def test_generator_input_is_never_replaced(script, option):
    Path("x.npy").symlink_to("speechdata/training/yes_a0_0.wav")
    Path("y.npy").hardlink_to("speechdata/training/yes_a0_0.wav")
    before = contents()
    for output in ("x.npy", "y.npy"):
        words = [f"{output} is an input (speechdata/training/yes_a0_0.wav)"] if option else [f"{output} exists"]
        refused(*words, do=lambda output=output: script("train_data_generator", "--output", output, *option))
    for name in ("train_data.npy", "./train_data.npy"):
        refused(
            "train_data.npy is an input, which would be lost",
            do=lambda name=name: script("test_data_generator", "--output", name, *option),
        )
    assert contents() == before


def test_generator_writes_through_links(script):
    Path("disk").mkdir()
    for name in ("train_data.npy", "train_data.json"):
        Path(name).unlink()
        Path(name).symlink_to(f"disk/{name}")
    script("train_data_generator")
    assert Path("train_data.npy").is_symlink()
    assert Path("train_data.json").is_symlink()
    assert names_in(Path("disk")) == ["train_data.json", "train_data.npy"]
    Path("speechdata/training/yes_a0_0.wav").unlink()
    script("train_data_generator")
    assert Path("train_data.npy").is_symlink()
    assert len(dataset.load(Path("disk/train_data.npy"), "").names) == 2


def test_generator_home_is_found_after_an_equals_sign(script, tmp_path, monkeypatch):
    script("train_data_generator", "--output=~/new/x.npy", "--audio-dir=~/../here/speechdata/training")
    assert names_in(tmp_path / "home" / "new") == ["x.json", "x.npy"]
    generator = importlib.import_module("test_data_generator")
    monkeypatch.setattr(generator, "TRAIN_ARRAY_PATH", Path("~/new/x.npy"))
    monkeypatch.setattr(generator, "ARRAY_PATH", "~/new/y.npy")
    script("test_data_generator")
    assert names_in(tmp_path / "home" / "new") == ["x.json", "x.npy", "y.json", "y.npy"]
    assert "~" not in names_in(Path())


@pytest.mark.skipif(sys.platform != "linux", reason="Windows is imitated on Linux")
def test_generator_on_windows_replaces_an_array_that_it_has_read(script, monkeypatch):
    imitate(monkeypatch.setattr)
    Path("speechdata/training/yes_a0_0.wav").unlink()
    script("train_data_generator")
    assert len(dataset.load(Path("train_data.npy"), "").names) == 2
    script("train_data_generator", "--audio-dir", "speechdata/testing", "--output", "train_data.npy")

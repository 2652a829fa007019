"""From one recording to another, as the API and the command do it: names, refusals, the figure."""

import pytest
import soundfile as sf

from speech_autoencoder.api.interpolation import interpolate
from speech_autoencoder.api.prediction import predict
from speech_autoencoder.cli.options import make_parser
from speech_autoencoder.codec import interpolation
from speech_autoencoder.commands import predict as command
from speech_autoencoder.training.saving import save
from tests.helpers.common import is_figure, names_in, refused
from tests.helpers.tiny_codec import make_codec, record


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with a model and three recordings, two of them in a folder."""
    folder = tmp_path_factory.mktemp("place")
    save(folder / "model.h5", make_codec())
    (folder / "in").mkdir()
    record(folder / "a.wav", 5_000)
    record(folder / "in" / "b.wav", 9_000, 16_000, seed=1)
    record(folder / "in" / "c.wav", 7_000, seed=2)
    return folder


@pytest.fixture
def here(place, tmp_path, monkeypatch):
    """Work in an empty folder, and return the recordings' folder."""
    monkeypatch.chdir(tmp_path)
    return place


def run_command(*arguments):
    """Run the command predict in this process."""
    parser = make_parser("")
    command.add_options(parser)
    command.run(parser.parse_args([*map(str, arguments), "--no-show"]))


def test_interpolate_ends_are_the_predictions(here, tmp_path):
    done = interpolate(here / "a.wav", here / "in" / "b.wav", here / "model.h5", steps=3)
    assert [path.name for path in done.sounds] == [f"reconstruct_{i}_of_3.wav" for i in (1, 2, 3)]
    assert done.figure is None
    for recording, path in ((here / "a.wav", done.sounds[0]), (here / "in" / "b.wav", done.sounds[2])):
        predict(recording, here / "model.h5", output="plain.wav")
        assert path.read_bytes() == (tmp_path / "plain.wav").read_bytes()


def test_predict_command_toward_writes_sounds_and_a_figure(here, tmp_path, capsys):
    run_command(here / "a.wav", "--model", here / "model.h5", "--toward", here / "in" / "c.wav", "--output", "x.wav")
    assert names_in(tmp_path) == ["x.png", *(f"x_{i}_of_5.wav" for i in range(1, 6))]
    assert is_figure(tmp_path / "x.png")
    assert [sf.info(f"x_{i}_of_5.wav").frames for i in range(1, 6)] == [5_000, 5_500, 6_000, 6_500, 7_000]
    assert "Wrote x_1_of_5.wav to x_5_of_5.wav, and x.png." in capsys.readouterr().out
    # What it has made itself, it replaces.
    run_command(here / "a.wav", "--model", here / "model.h5", "--toward", here / "in" / "c.wav", "--output", "x.wav")


def test_interpolate_names_sort_as_steps_do(here, tmp_path):
    done = interpolate(here / "a.wav", here / "a.wav", here / "model.h5", steps=10)
    assert [path.name for path in done.sounds] == names_in(tmp_path)


def test_interpolate_refuses_before_it_works(here, tmp_path):
    def run(first="a.wav", second="in/b.wav", **options):
        interpolate(here / first, here / second, here / "model.h5", **options)

    refused("gone.wav", do=lambda: run("gone.wav"))
    refused("gone.wav", do=lambda: run(second="gone.wav"))
    refused("in is 2 recordings: name one", do=lambda: run("in"))
    refused("steps is 1: expected 2 to 20", do=lambda: run(steps=1))
    refused("x.mp3 does not end in .wav", do=lambda: run(output="x.mp3"))
    (tmp_path / "reconstruct_2_of_5.wav").write_bytes(b"mine")
    refused("reconstruct_2_of_5.wav exists and was not made", do=run)
    assert names_in(tmp_path) == ["reconstruct_2_of_5.wav"]


def test_interpolate_too_long_is_refused(here, tmp_path, monkeypatch):
    monkeypatch.setattr(interpolation, "_MOST_LATENTS", 10)
    refused(
        "b.wav has",
        "too many to align it",
        do=lambda: interpolate(here / "in" / "b.wav", here / "a.wav", here / "model.h5"),
    )
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["in/b.wav", "--toward", "a.wav"], "not from 2"),
        (["--toward", "a.wav", "--bitrate", "2"], "--bitrate"),
        (["--toward", "a.wav", "--output-dir", "x"], "--output-dir"),
        (["--steps", "3"], "--toward"),
    ],
)
def test_predict_command_toward_does_not_go_with_everything(here, tmp_path, arguments, word):
    paths = [here / name if name.endswith(".wav") else name for name in arguments]
    refused(word, do=lambda: run_command(here / "a.wav", *paths, "--model", here / "model.h5"))
    assert names_in(tmp_path) == []

"""The command latents: which recordings it takes, what it says, what it refuses."""

import re
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile as sf

import speech_autoencoder
from speech_autoencoder import __main__ as commands
from speech_autoencoder.cli.origins import is_latents
from speech_autoencoder.training.saving import save
from tests.helpers.common import make_speech, names_in, refused
from tests.helpers.tiny_codec import make_codec, record


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with a model, and recordings of two speakers that say two words."""
    folder = tmp_path_factory.mktemp("place")
    save(folder / "my_model_for_many_data.h5", make_codec())
    for seed, name in enumerate(f"{word}_{who}_{take}" for word in "01" for who in ("jo", "al") for take in "01"):
        (folder / "in" / name[2:4]).mkdir(parents=True, exist_ok=True)
        record(folder / "in" / name[2:4] / f"{name}.wav", 3_000 + 500 * seed, seed=seed)
    return folder


@pytest.fixture
def latents(place, monkeypatch, capsys):
    """Return a function (*arguments) -> (what is printed, on stderr too), run in `place` by this process."""
    monkeypatch.chdir(place)

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["speech_autoencoder", "latents", *map(str, arguments)])
        commands.main()
        captured = capsys.readouterr()
        return captured.out + captured.err

    return run_here


def test_latents_of_a_folder(latents, place, tmp_path):
    said = latents("in", "--output", tmp_path / "a.npz")
    assert re.search(r"Wrote .*a\.npz: 8 recordings, 4\.8 s, as \d+ latents of 6 values\.", said)
    assert ": 2 speakers (al, jo) and 2 labels (0, 1)" in said
    with np.load(tmp_path / "a.npz") as file:
        assert file["path"][:2].tolist() == ["in/al/0_al_0.wav", "in/al/0_al_1.wav"]
        assert sorted(file["speaker"]) == ["al"] * 4 + ["jo"] * 4
        assert sorted(file["label"]) == ["0"] * 4 + ["1"] * 4


@pytest.mark.parametrize(("options", "search"), [((), True), (("--no-search",), False)])
def test_latents_are_those_that_the_api_encodes_to_the_bit(latents, place, tmp_path, options, search):
    latents("in", "--output", tmp_path / "a.npz", *options)
    model = speech_autoencoder.load("my_model_for_many_data.h5")
    with np.load(tmp_path / "a.npz") as file:
        for i, path in enumerate(file["path"]):
            encoded = model.encode(*speech_autoencoder.read(path), search=search)
            np.testing.assert_array_equal(file["latents"][slice(*file["first_row"][i : i + 2])], encoded)


def test_latents_of_recordings_named_singly_are_read_as_one_corpus(latents, place, tmp_path):
    paths = sorted(path.relative_to(place) for path in (place / "in").rglob("*.wav"))
    latents(*paths, "--output", tmp_path / "a.npz", "--no-search")
    latents("in", "in/jo/1_jo_0.wav", "--output", tmp_path / "b.npz", "--no-search")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    latents(place / paths[0], paths[1], "--output", tmp_path / "c.npz", "--no-search")
    with np.load(tmp_path / "c.npz") as file:
        assert file["path"].tolist() == [(place / paths[0]).as_posix(), paths[1].as_posix()]


def test_latents_names_as_the_pattern_and_as_the_table_say(latents, place, tmp_path):
    latents("in", "--output", tmp_path / "a.npz", "--no-search", "--names", "*/{speaker}_{label}_{take}")
    with np.load(tmp_path / "a.npz") as file:
        assert (file["speaker"][0], file["label"][0]) == ("0", "al")
    (tmp_path / "corpus").mkdir()
    for name in ("one.wav", "two.wav"):
        record(tmp_path / "corpus" / name, 900)
    (tmp_path / "corpus" / "labels.csv").write_text("path,speaker,label\none.wav,Jo,x\n")
    latents(tmp_path / "corpus", "--output", tmp_path / "b.npz", "--no-search")
    with np.load(tmp_path / "b.npz") as file:
        assert file["speaker"].tolist() == ["Jo", ""]
        assert file["label"].tolist() == ["x", ""]


def test_latents_leaves_out_what_cannot_be_used(latents, place, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    record(tmp_path / "in" / "a.wav", 3_000)
    (tmp_path / "in" / "b.wav").write_bytes(b"no sound at all")
    sf.write(tmp_path / "in" / "c.wav", np.full(900, np.nan, np.float32), 8_000, "FLOAT")
    record(tmp_path / "in" / "d.wav", 3_000, seed=1)
    with pytest.raises(SystemExit) as ended:
        latents(tmp_path / "in", "--output", tmp_path / "a.npz", "--no-search")
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert re.search(r"left out: .*b\.wav", said)
    assert re.search(r"left out: .*c\.wav.*NaN", said)
    assert "2 of 4 files were left out" in said
    with np.load(tmp_path / "a.npz") as file:
        assert [path[-5:] for path in file["path"]] == ["a.wav", "d.wav"]
    (tmp_path / "a.npz").unlink()
    refused("b.wav", do=lambda: latents(tmp_path / "in", "--output", tmp_path / "a.npz", "--strict"))
    assert names_in(tmp_path) == ["in"]


def test_latents_salvage_uses_what_is_there(latents, tmp_path):
    sf.write(tmp_path / "a.flac", make_speech(40_000, 8_000), 8_000)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    refused("a.flac", "--salvage", do=lambda: latents(tmp_path / "a.flac", "--output", tmp_path / "a.npz"))
    said = latents(tmp_path / "a.flac", "--output", tmp_path / "a.npz", "--no-search", "--salvage")
    assert re.search(r"a\.flac: .* used", said)


def test_latents_refuses_before_it_works(latents, place, tmp_path):
    refused("gone.wav", do=lambda: latents("gone.wav", "--output", tmp_path / "a.npz"))
    refused("a.csv ends in neither", do=lambda: latents("in", "--output", tmp_path / "a.csv"))
    refused("gone.h5 is missing", do=lambda: latents("in", "--output", tmp_path / "a.npz", "--model", "gone.h5"))
    (tmp_path / "a.npz").write_bytes(b"mine")
    refused("a.npz exists and was not made", do=lambda: latents("in", "--output", tmp_path / "a.npz"))
    assert (tmp_path / "a.npz").read_bytes() == b"mine"
    latents("in/jo", "--output", tmp_path / "a.npz", "--overwrite", "--no-search", "--quiet")
    assert is_latents(tmp_path / "a.npz")
    latents("in/jo", "--output", tmp_path / "a.npz", "--no-search")  # what it has made itself, it replaces


def test_latents_parquet_is_replaced_or_needs_its_library(latents, tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    if find_spec("pyarrow"):
        latents("in/jo", "--output", path, "--no-search")
        latents("in/jo", "--output", path, "--no-search")
        assert is_latents(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    before = path.exists() and path.read_bytes()
    with pytest.raises(ModuleNotFoundError, match="pyarrow"):
        latents("in/jo", "--output", path, "--no-search")
    assert (path.exists() and path.read_bytes()) == before


def test_latents_of_a_list_has_its_parts_speakers_and_labels(latents, place, tmp_path, capsys):
    rows = [
        "path,start,end,speaker,label,split",
        "in/jo/1_jo_0.wav,0.1,0.3,Jo,one,test",
        "in/jo/1_jo_1.wav,,,Al,,train",
    ]
    (place / "list.csv").write_text("\n".join([*rows, "in/jo/1_jo_0.wav,9,10,Jo,late,\n"]))
    with pytest.raises(SystemExit):
        latents("--audio-list", "list.csv", "--output", tmp_path / "a.npz", "--no-search")
    assert "left out: list.csv, row 4: in/jo/1_jo_0.wav 9.00-10.00 s starts after" in capsys.readouterr().err
    with np.load(tmp_path / "a.npz") as file:
        assert file["path"].tolist() == ["in/jo/1_jo_0.wav", "in/jo/1_jo_1.wav"]
        assert file["speaker"].tolist() == ["Jo", "Al"]
        assert file["label"].tolist() == ["one", ""]
        assert (file["start"][0], file["n_samples"][0]) == (800, 1_600)
    refused("one of the two", do=lambda: latents("in", "--audio-list", "list.csv", "--output", tmp_path / "b.npz"))
    refused("Name recordings", do=lambda: latents("--output", tmp_path / "b.npz"))
    (place / "list.csv").unlink()


def test_latents_silent_reports_nothing(latents, tmp_path):
    assert latents("in", "--output", tmp_path / "a.npz", "--no-search", "--quiet") == ""

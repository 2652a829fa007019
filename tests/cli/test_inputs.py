"""What command lines read: recordings in all the ways that people name them, and batches with bad ones among them."""

import os
from pathlib import Path

import pytest

from speech_autoencoder.cli.inputs import SHIPPED_RECORDING, Batch, edited_recordings, named_files, recordings_of
from speech_autoencoder.errors import InputError
from tests.helpers.common import ROOT, one_line_of
from tests.helpers.tiny_codec import record


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Run the test in a folder with the recordings a.wav, b.wav, in/c.flac and new/table.wav."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "b.wav", "in/c.flac", "new/table.wav"):
        Path(name).parent.mkdir(exist_ok=True)
        record(name, 1_000)
    return tmp_path


def ignore(text):
    raise AssertionError("nothing to say")


def edited(value):
    """Return the names that AUDIO_PATH stands for."""
    return [path.as_posix() for path in edited_recordings(value, ignore)]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("a.wav", ["a.wav"]),
        (Path("a.wav"), ["a.wav"]),
        (b"a.wav", ["a.wav"]),
        ((Path("a.wav"),), ["a.wav"]),  # a comma at the end of the line
        (["a.wav", "b.wav"], ["a.wav", "b.wav"]),
        (("b.wav", Path("a.wav")), ["b.wav", "a.wav"]),
        ("*.wav", ["a.wav", "b.wav"]),
        (Path("*/*.*"), ["in/c.flac", "new/table.wav"]),
        ("**/*.flac", ["in/c.flac"]),
        (["b.wav", "in/*"], ["b.wav", "in/c.flac"]),
        ("in", ["in/c.flac"]),
        (["in", "a.wav"], ["in/c.flac", "a.wav"]),
        (r"new\table.wav", ["new/table.wav"]),
        ("new\table.wav", ["new/table.wav"]),  # \t is a tab
        (".\new\table.wav", ["new/table.wav"]),
        ("missing.wav", ["missing.wav"]),  # reading it reports it
    ],
    ids=repr,
)
def test_edited_recordings_are_what_is_meant(folder, value, names):
    assert edited(value) == names


@pytest.mark.skipif(os.name != "posix", reason="a path of Windows is absolute in another way")
def test_edited_recordings_absolute_paths_and_iterators_are_taken(folder):
    assert edited(folder / "a.wav") == [str(folder / "a.wav")]
    assert edited((folder / "a.wav").as_uri()) == [str(folder / "a.wav")]
    assert edited(Path((folder / "a.wav").as_uri())) == [str(folder / "a.wav")]
    assert edited(str(folder / "*.wav")) == [str(folder / "a.wav"), str(folder / "b.wav")]
    assert sorted(edited(Path().glob("?.wav"))) == ["a.wav", "b.wav"]


@pytest.mark.parametrize(
    "value", [None, "", "  ", Path(), (), [], 7, 0.5, True, ["a.wav", None], {"a": 1}, [["a.wav"]]], ids=repr
)
def test_edited_recordings_that_are_none_say_how_to_write_one(folder, value):
    with pytest.raises(InputError) as error:
        edited(value)
    text = one_line_of(error)
    assert text.startswith(f"AUDIO_PATH is {value!r} in predict_for_one_data.py: write the path of a recording")
    assert 'AUDIO_PATH = Path("recordings/hello.wav")' in text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("C:\new\table.wav", r'AUDIO_PATH = r"C:\new\table.wav"'),
        ("\a.wav", "put an r before the quotes"),
    ],
)
def test_edited_recordings_unusable_path_says_what_to_write(folder, value, words):
    with pytest.raises(InputError) as error:
        edited(value)
    assert words in one_line_of(error)


def test_named_files_with_signs_of_patterns_in_their_names_are_themselves(folder):
    record("[a]*.wav", 1_000)
    assert named_files([Path("[a]*.wav")]) == [Path("[a]*.wav")]
    assert named_files([Path("[z]*.wav"), Path("in")]) == [Path("[z]*.wav"), Path("in")]


def test_recordings_of_urls_are_files_folders_and_patterns(folder):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    for name in ("a.wav", "b.wav", "sub/c?.wav", "notes.txt"):
        memory.pipe_file(f"/inputs/{name}", b"RIFF")
    url = "memory://inputs"
    recordings = [f"{url}/{name}" for name in ("a.wav", "b.wav", "sub/c?.wav")]
    assert [str(path) for path in recordings_of([url])] == recordings
    assert [str(path) for path in recordings_of([f"{url}/*.wav", Path(recordings[2])])] == recordings
    assert [str(path) for path in recordings_of([f"{url}/none*.wav"])] == [f"{url}/none*.wav"]
    assert edited(f"{url}/a.wav") == recordings[:1]
    memory.rm("/inputs", recursive=True)


def test_shipped_recording_is_what_the_script_says():
    script = (ROOT / "predict_for_one_data.py").read_text()
    assert f'\nAUDIO_PATH = Path("{SHIPPED_RECORDING.as_posix()}")\n' in script


def test_edited_recordings_shipped_one_that_is_gone_is_replaced_by_the_first_that_can_be_read(folder):
    said = []
    assert edited_recordings(SHIPPED_RECORDING, said.append) == [SHIPPED_RECORDING]  # reading it reports it
    testing = Path("speechdata/testing")
    (testing / "b").mkdir(parents=True)
    (testing / "a.wav").write_text("no sound")
    assert edited_recordings(SHIPPED_RECORDING, said.append) == [SHIPPED_RECORDING]
    assert said == []
    for name in ("c.wav", "b/z.flac"):
        record(testing / name, 1_000)
    assert edited_recordings(SHIPPED_RECORDING, said.append) == [testing / "b" / "z.flac"]
    (line,) = said
    assert line.startswith(f"{SHIPPED_RECORDING} is not there: this is speechdata/testing/b/z.flac, the first")
    assert "AUDIO_PATH, at the top of predict_for_one_data.py" in line
    # What somebody has edited stays an error.
    assert edited_recordings(testing / "typo.wav", said.append) == [testing / "typo.wav"]
    assert recordings_of([SHIPPED_RECORDING]) == [SHIPPED_RECORDING]


# ---- one after another


def halve(path, output):
    """Return half of the number that a path is."""
    if not path.name.isdigit():
        raise InputError(f"{path} is not a number." if path.name == "x" else "not a number")
    return int(path.name) / 2


def make_batch(*names, strict=False):
    return Batch([Path(name) for name in names], [Path(f"{name}.wav") for name in names], strict=strict)


def test_batch_leaves_out_and_names_what_cannot_be_used(capsys):
    batch = make_batch("1", "x", "2", "y")
    assert batch.each(halve) == [0.5, 1]
    assert batch.pairs == [(Path("1"), Path("1.wav")), (Path("2"), Path("2.wav"))]
    assert batch.each(halve) == [0.5, 1]
    with pytest.raises(SystemExit) as error:
        batch.end()
    assert error.value.code == 1
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.endswith("left out: x is not a number.")
    assert second.endswith("left out: y: not a number")
    assert last.endswith("2 of 4 files were left out; the others were done.")


def test_batch_of_good_ones_ends_without_a_word(capsys):
    batch = make_batch("1", "2")
    assert batch.each(halve) == [0.5, 1]
    batch.end()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (make_batch("x"), "x is not a number."),
        (make_batch("1", "x", strict=True), "x is not a number."),
        (make_batch("x", "y"), "None of 2 files could be used: x is not a number."),
    ],
    ids=["only one", "strict", "all"],
)
def test_batch_without_a_good_one_or_strict_stops(batch, message):
    with pytest.raises(InputError, match=message):
        batch.each(halve)


def test_batch_require_free_output_that_cannot_be_written_is_left_out(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    paths = [tmp_path / "1", tmp_path / "2"]
    batch = Batch(paths, [tmp_path / "folder.wav", tmp_path / "new.wav"], strict=False)
    batch.require_free(lambda path: True, tmp_path / "m.h5", overwrite=False)
    assert batch.pairs == [(tmp_path / "2", tmp_path / "new.wav")]


def test_batch_require_free_output_that_would_be_lost_stops(tmp_path):
    (tmp_path / "1.wav").touch()
    batch = Batch([tmp_path / "1", tmp_path / "2"], [tmp_path / "1.wav", tmp_path / "2.wav"], strict=False)
    with pytest.raises(InputError, match="--overwrite"):
        batch.require_free(lambda path: False, tmp_path / "m.h5", overwrite=False)

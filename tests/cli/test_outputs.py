"""Where outputs go: suffixes, one output for each input, and nothing replaced that is an input or not ours."""

from pathlib import Path

import pytest

from speech_autoencoder.cli.outputs import (
    command_paths,
    output_paths,
    require_distinct,
    require_outputs,
    require_suffix,
)
from speech_autoencoder.errors import InputError
from tests.helpers.common import names_in, refused


@pytest.mark.parametrize("name", ["model.keras", "model", "model.h5.txt", ".h5", "model.H5"])
def test_require_suffix_other_is_refused(name):
    with pytest.raises(InputError, match=r"does not end in \.h5"):
        require_suffix(Path(name), ".h5")


def test_require_suffix_same_passes():
    require_suffix(Path("a.b/model.v2.h5"), ".h5")


def test_output_paths_one_recording_goes_to_output():
    assert output_paths([Path("a/in.flac")], Path("out.wav"), None) == [Path("out.wav")]


def test_output_paths_folder_keeps_names_in_order():
    paths = [Path("b/two.flac"), Path("a/one.mp3"), Path("three.x.wav")]
    expected = [Path("out/two.wav"), Path("out/one.wav"), Path("out/three.x.wav")]
    assert output_paths(paths, Path("unused.wav"), Path("out")) == expected


def test_output_paths_many_without_folder_are_refused():
    with pytest.raises(InputError, match="2 recordings need --output-dir"):
        output_paths([Path("a.wav"), Path("b.wav")], Path("out.wav"), None)


def test_output_paths_two_of_one_stem_are_refused():
    with pytest.raises(InputError, match=r"b/x\.flac and a/x\.wav would both become out/x\.wav"):
        output_paths([Path("a/x.wav"), Path("b/x.flac")], Path("unused.wav"), Path("out"))


# ---- the files of commands


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Run the test in a folder with in/a.wav and in/deep/b.wav."""
    monkeypatch.chdir(tmp_path)
    Path("in/deep").mkdir(parents=True)
    Path("in/a.wav").touch()
    Path("in/deep/b.wav").touch()


def find(path):
    """Return the names of the recordings in a folder."""
    return sorted(found.relative_to(path).as_posix() for found in path.rglob("*.wav"))


def paths_of(*files, output=None, output_dir=None, **options):
    """Return what `command_paths` returns for files named as strings."""
    return command_paths([Path(name) for name in files], output, output_dir, suffix=".sae", find=find, **options)


@pytest.mark.parametrize(
    ("files", "options", "expected"),
    [
        (["in/a.wav"], {}, "in/a.sae"),
        (["in/a.wav", "out/b.sae"], {}, "out/b.sae"),
        (["in/a.wav"], {"output": Path("b.sae")}, "b.sae"),
        (["in/a.wav"], {"output_dir": Path("out")}, "out/a.sae"),
        (["in/deep/b.wav"], {"output_dir": Path("out")}, "out/b.sae"),
    ],
)
def test_command_paths_one_file_goes_where_it_is_told(folder, files, options, expected):
    assert paths_of(*files, **options) == ([Path(files[0])], [Path(expected)])


def test_command_paths_folder_keeps_its_subfolders(folder):
    paths, outputs = paths_of("in", output_dir=Path("out"))
    assert paths == [Path("in/a.wav"), Path("in/deep/b.wav")]
    assert outputs == [Path("out/a.sae"), Path("out/deep/b.sae")]


@pytest.mark.parametrize(
    ("files", "options", "words"),
    [
        (["in"], {}, r"in is a folder: name a folder for the outputs with --output-dir"),
        (["in"], {"output": Path("x.sae")}, r"in is a folder"),
        (["in/a.wav", "in/deep/b.wav"], {}, r"2 files need --output-dir"),
        (["in/a.wav"], {"output": Path("x.mp3")}, r"x\.mp3 does not end in \.sae"),
        (["in/a.wav", "in"], {"output_dir": Path("out")}, r"in/a\.wav and in/a\.wav would both become out/a\.sae"),
    ],
)
def test_command_paths_unclear_outputs_are_refused(folder, files, options, words):
    with pytest.raises(InputError, match=words):
        paths_of(*files, **options)


# ---- nothing is lost


def is_ours(path):
    """Return whether a test below calls a file its own."""
    return path.read_bytes() == b"ours"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Run the test in a folder with an input, a file of ours and one of somebody else's."""
    monkeypatch.chdir(tmp_path)
    for name, content in (("in.wav", b"input"), ("ours.wav", b"ours"), ("theirs.wav", b"theirs")):
        Path(name).write_bytes(content)
    return tmp_path


def require(*outputs, inputs=("in.wav",), overwrite=False):
    """Call `require_outputs` with outputs and inputs named as strings."""
    require_outputs([(Path(name), is_ours) for name in outputs], inputs=map(Path, inputs), overwrite=overwrite)


def test_require_outputs_new_or_ours_passes_and_leaves_no_trace(here):
    require("ours.wav", "new/new.wav")
    assert names_in(here) == ["in.wav", "new", "ours.wav", "theirs.wav"]
    assert names_in(here / "new") == []


def test_require_outputs_of_others_are_refused_unless_overwritten(here):
    refused(
        "theirs.wav exists and was not made by this program: move it, choose another name, or replace it with "
        "--overwrite.",
        do=lambda: require("ours.wav", "theirs.wav"),
    )
    Path("more.wav").touch()
    refused("theirs.wav and 1 more output exist and were not", do=lambda: require("theirs.wav", "more.wav"))
    require("theirs.wav", "more.wav", overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("output", ["in.wav", "x/../in.wav", "{here}/in.wav", "link.wav", "hard.wav", "folder/in.wav"])
def test_require_outputs_input_by_any_name_is_refused(here, output, overwrite):
    Path("x").mkdir()
    Path("link.wav").symlink_to("in.wav")
    Path("folder").symlink_to(here)
    Path("hard.wav").hardlink_to("in.wav")
    refused(
        f"{Path(output.format(here=here))} is an input",
        "which would be lost",
        do=lambda: require("ours.wav", output.format(here=here), overwrite=overwrite),
    )
    with pytest.raises(InputError, match=r"ours\.wav is an input"):  # ours or not
        require("ours.wav", inputs=["missing.wav", "ours.wav"], overwrite=overwrite)


def test_require_outputs_one_file_twice_is_refused(here):
    Path("link.wav").symlink_to("new.wav")
    refused("new.wav and link.wav are the same file", do=lambda: require("new.wav", "link.wav", overwrite=True))
    with pytest.raises(InputError, match="are the same file"):
        require("new.wav", "./new.wav", overwrite=True)


def test_require_distinct_names_in_other_letters_are_one_file_where_the_disk_says_so(here, monkeypatch):
    paths, names = [Path("1/a.wav"), Path("2/A.flac")], [Path("out/a.wav"), Path("out/A.wav")]
    require_distinct(paths, names)
    monkeypatch.setattr("speech_autoencoder.cli.outputs.ignores_case", lambda folder: folder == here / "out")
    refused(r"2/A.flac and 1/a.wav would both become out/A.wav", do=lambda: require_distinct(paths, names))
    require_distinct([Path("1/a.wav"), Path("2/b.flac")], [Path("out/a.wav"), Path("out/b.wav")])

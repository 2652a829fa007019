"""Where outputs go: suffixes, one output for each input, no input overwritten."""

from pathlib import Path

import pytest

from speech_autoencoder.cli.outputs import command_paths, output_paths, require_suffix
from speech_autoencoder.errors import InputError


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


def test_output_paths_recording_that_would_be_replaced_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for args in (
        ([Path("a.wav")], Path("a.wav"), None),
        ([Path("a.wav")], Path("x/../a.wav"), None),
        ([tmp_path / "a.wav"], Path("a.wav"), None),
        ([Path("a.wav")], Path("unused.wav"), Path()),
        ([Path("b.wav"), Path("c/a.flac"), Path("a.wav")][1:], Path("unused.wav"), Path()),
    ):
        with pytest.raises(InputError, match=r"a\.wav is an input, which would be lost|would both become a\.wav"):
            output_paths(*args)


def test_output_paths_link_to_a_recording_is_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"sound")
    (tmp_path / "out.wav").symlink_to(tmp_path / "a.wav")
    with pytest.raises(InputError, match="would be lost"):
        output_paths([tmp_path / "a.wav"], tmp_path / "out.wav", None)


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


def test_command_paths_existing_output_is_replaced_only_where_it_is_named(folder):
    Path("in/a.sae").touch()
    assert paths_of("in/a.wav") == paths_of("in/a.wav", "in/a.sae", replace_unnamed=False)
    with pytest.raises(InputError, match=r"in/a\.sae exists, and may be the original"):
        paths_of("in/a.wav", replace_unnamed=False)

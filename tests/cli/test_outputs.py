"""Where outputs go: suffixes, one output for each input, no input overwritten."""

from pathlib import Path

import pytest

from speech_autoencoder.cli.outputs import output_paths, require_suffix
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

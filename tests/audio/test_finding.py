"""Recordings below a folder are found, whatever they are called; a folder without any is refused."""

import os

import pytest

from speech_autoencoder.audio import ffmpeg
from speech_autoencoder.audio.finding import find_recordings, find_recordings_in_order
from speech_autoencoder.audio.reading import describe
from speech_autoencoder.errors import InputError
from tests.helpers.common import one_line_of


def test_find_recordings_are_sorted_with_subfolders(tmp_path):
    for name in ("b.wav", "a.FLAC", "c/a.ogg", "B.mp3", "c/d/e.aiff"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_recordings(tmp_path) == ["B.mp3", "a.FLAC", "b.wav", "c/a.ogg", "c/d/e.aiff"]


def test_find_recordings_hidden_and_other_files_are_skipped(tmp_path):
    for name in ("a.wav", ".b.wav", ".git/c.wav", "d/.e/f.wav", "README.txt", "wav", "._a.wav", "a.wav.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.wav").mkdir()
    assert find_recordings(tmp_path) == ["a.wav"]


def test_find_recordings_of_other_suffixes_finds_only_those(tmp_path):
    for name in ("a.wav", "b.sae", "c/d.SAE", "e.sae.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_recordings(tmp_path, {".sae"}, ".sae file") == ["b.sae", "c/d.SAE"]


@pytest.mark.parametrize("name", ["memo.m4a", "a.WMA", "b.aac", "c.amr", "d.webm"])
def test_find_recordings_format_that_only_others_read_is_found_and_then_refused(tmp_path, monkeypatch, name):
    """What a phone records must not be skipped silently."""
    monkeypatch.setattr(ffmpeg, "find_spec", lambda name: None)  # without PyAV
    (tmp_path / name).write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    assert find_recordings(tmp_path) == [name]
    with pytest.raises(
        InputError, match=rf"{name} is an MP4 file, which needs PyAV: pip install .*, or convert it: ffmpeg -i .*{name}"
    ):
        describe(tmp_path / name)


@pytest.mark.parametrize(
    "suffix", ["wav", "bwf", "w64", "rf64", "mp2", "mp1", "mpga", "oga", "aifc", "sf", "8svx", "snd"]
)
def test_find_recordings_other_suffixes_of_what_is_read_are_found(tmp_path, suffix):
    (tmp_path / f"a.{suffix}").touch()
    assert find_recordings(tmp_path) == [f"a.{suffix}"]


def test_find_recordings_folder_of_other_files_says_what_is_in_it(tmp_path):
    (tmp_path / "a.xyz").touch()
    with pytest.raises(InputError, match=r"holds no recording \(WAV, .*M4A, .*\), only files called \.xyz: put some"):
        find_recordings(tmp_path)


def test_find_recordings_link_to_the_parent_folder_is_not_followed_again(wav):
    (wav.parent / "sub").mkdir()
    (wav.parent / "sub" / "loop").symlink_to(wav.parent)
    (wav.parent / "again").symlink_to(wav.parent, target_is_directory=True)
    assert find_recordings(wav.parent) == ["a.wav"]


def test_find_recordings_links_are_followed_once(tmp_path, wav):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "real").mkdir()
    wav.rename(tmp_path / "real" / "a.wav")
    for name in "hgfedcij":
        (tmp_path / "corpus" / name).symlink_to(tmp_path / "real")
    (tmp_path / "corpus" / "b.wav").symlink_to(tmp_path / "real" / "a.wav")
    # By the first name, whatever the order of the file system.
    assert find_recordings(tmp_path / "corpus") == ["b.wav", "c/a.wav"]


def test_find_recordings_file_link_to_itself_is_found_and_then_refused(tmp_path):
    (tmp_path / "a.wav").symlink_to(tmp_path / "a.wav")
    (tmp_path / "b.wav").symlink_to(tmp_path / "nowhere.wav")
    assert find_recordings(tmp_path) == ["a.wav", "b.wav"]
    with pytest.raises(InputError, match=r"a\.wav could not be read: .*symbolic links"):
        describe(tmp_path / "a.wav")
    with pytest.raises(InputError, match=r"b\.wav could not be read: there is no such file"):
        describe(tmp_path / "b.wav")


def test_find_recordings_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no recording"):
        find_recordings(tmp_path)


def test_find_recordings_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"There is no folder .*nowhere: make it"):
        find_recordings(tmp_path / "nowhere")


def test_find_recordings_name_too_long_is_refused(tmp_path):
    with pytest.raises(InputError, match="could not be read: File name too long"):
        find_recordings(tmp_path / ("a" * 300))


def test_find_recordings_file_is_refused(wav):
    with pytest.raises(InputError, match=r"a\.wav is not a folder"):
        find_recordings(wav)


@pytest.mark.parametrize("inner", ["no", "no/in"])
def test_find_recordings_folder_without_permission_is_refused(as_user, inner):
    (as_user / "no" / "in").mkdir(parents=True)
    (as_user / "no").chmod(0)
    try:
        with pytest.raises(InputError, match="could not be read: permission denied") as error:
            find_recordings(as_user / inner)
    finally:
        (as_user / "no").chmod(0o700)
    one_line_of(error)


def test_find_recordings_subfolder_without_permission_is_reported_when_read(as_user):
    (as_user / "a.wav").touch()
    (as_user / "no").mkdir()
    (as_user / "no").chmod(0)
    try:
        assert find_recordings(as_user) == ["a.wav", "no"]
        with pytest.raises(InputError, match="no could not be read: permission denied"):
            describe(as_user / "no")
    finally:
        (as_user / "no").chmod(0o700)


def test_find_recordings_pipe_is_skipped(wav):
    os.mkfifo(wav.parent / "pipe.wav")
    assert find_recordings(wav.parent) == ["a.wav"]


@pytest.mark.parametrize("most", [0, 2, 5, 1_000])
def test_find_recordings_in_order_of_many_are_those_of_few(as_user, most):
    """Names in which a folder's is the beginning of another one, links to folders, and one that cannot be read."""
    names = ["a/b.wav", "a-b/c.wav", "a b/c.wav", "a.wav", "a/a/a.flac", "ab.wav", "b.wav/d.wav", "z/y/x.ogg", "ü.wav"]
    for name in [*names, ".hidden/a.wav", "a/.b.wav", "a/notes.txt", "closed/a.wav", "empty/notes"]:
        (as_user / name).parent.mkdir(parents=True, exist_ok=True)
        (as_user / name).touch()
    (as_user / "loop").symlink_to(as_user)
    (as_user / "a" / "again").symlink_to(as_user / "z")
    (as_user / "gone.wav").symlink_to(as_user / "nothing")
    (as_user / "closed").chmod(0)
    expected = find_recordings(as_user)
    assert list(find_recordings_in_order(as_user, most=most)) == expected
    assert {"a/again/y/x.ogg", "closed", "gone.wav"} < set(expected)
    (as_user / "closed").chmod(0o700)


def test_find_recordings_in_order_folder_without_any_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no recording"):
        find_recordings_in_order(tmp_path, most=0)

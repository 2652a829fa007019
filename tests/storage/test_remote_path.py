"""Paths that are URLs are made like other paths, carry what gives access to them, and do not show it."""

import os
import pickle
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.remote_path import RemotePath, expanded, joined
from speech_autoencoder.system.files import printable
from tests.helpers.common import ROOT, refused

SECRETS = ["s3://KEY:se/cret@bucket/a b/c.npy", "https://host/a b/c.npy?X-Amz-Signature=KEY%2Fse/cret"]


@pytest.mark.parametrize("url", ["s3://bucket/a b/c.npy", "https://host:80/c.npy", "hdfs:///user/c.npy", "gs://b"])
def test_remote_path_as_text_is_its_url(url):
    path = expanded(url)
    assert str(path) == printable(path) == path.url == f"{path}" == url
    assert path.absolute() == path.resolve() == path


def test_remote_path_gives_names_suffixes_and_parents_as_paths_do():
    path = expanded("s3://bucket/data/train_data.npy")
    assert (path.name, path.stem, path.suffix, str(path.parent)) == (
        "train_data.npy",
        "train_data",
        ".npy",
        "s3://bucket/data",
    )
    assert str(path.with_suffix(".json")) == str(path.parent / "train_data.json") == "s3://bucket/data/train_data.json"
    assert path.relative_to(path.parent.parent).as_posix() == "data/train_data.npy"
    assert path == path.parent / path.name
    assert path != path.parent


@pytest.mark.parametrize("url", SECRETS)
def test_remote_path_carries_access_wherever_it_goes_and_never_shows_it(url):
    path = expanded(url)
    assert path.gives_access
    for other in (path, path.parent / "d.npy", path.with_suffix(".json"), pickle.loads(pickle.dumps(path))):
        assert (other.user, other.url.partition("?")[2]) == (path.user, path.url.partition("?")[2])
        for text in (str(other), repr(other), other.as_posix(), other.name, f"{other}", printable(other)):
            assert not any(word in text for word in ("KEY", "se/", "cret", "Amz"))
    assert path.url.endswith("c.npy?X-Amz-Signature=KEY%2Fse/cret") or path.user == "KEY:se/cret"


@pytest.mark.parametrize("use", [open, os.stat, os.path.realpath, os.fspath, Path.mkdir, lambda path: path.open("wb")])
def test_remote_path_is_refused_by_what_only_knows_files(use):
    refused("s3://bucket/a.wav is a URL, which is not taken here: name a file", do=lambda: use(expanded(SECRET)))


SECRET = "s3://KEY:secret@bucket/a.wav"


def test_expanded_takes_urls_from_pathlib_and_from_files():
    assert str(expanded(Path("s3://bucket/a.wav"))) == "s3://bucket/a.wav"
    assert expanded(Path("a.wav").absolute().as_uri()) == Path("a.wav").absolute()
    assert type(expanded("file:///a%20b.wav")) is type(Path())
    assert expanded(path := expanded("s3://bucket/a.wav")) is path


def test_expanded_a_local_folder_whose_name_is_like_a_scheme_stays_local(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:").mkdir()
    assert expanded("s3:/new.npy") == Path("s3:/new.npy")
    assert not isinstance(expanded("s3:/new.npy"), RemotePath)


def test_joined_name_that_is_a_url_stands_by_itself():
    assert str(joined(Path("/data"), "s3://bucket/a.wav")) == "s3://bucket/a.wav"
    assert str(joined(expanded("s3://bucket"), "b/a.wav")) == "s3://bucket/b/a.wav"
    assert joined(Path("/data"), "b/a.wav") == Path("/data/b/a.wav")


def test_nothing_of_fsspec_is_imported_without_a_url(tmp_path):
    code = """if True:
        import sys
        from speech_autoencoder.cli import inputs, outputs
        from speech_autoencoder.data import building
        from speech_autoencoder.storage.remote_path import expanded
        expanded("s3://bucket/a.wav")
        assert not {"fsspec", "s3fs", "aiohttp"} & {name.split(".")[0] for name in sys.modules}
    """
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("missing", ["fsspec", "s3fs"])
def test_stat_without_the_library_says_what_installs_it(missing, monkeypatch):
    pytest.importorskip("fsspec")
    monkeypatch.delitem(import_module("fsspec.registry")._registry, "s3", raising=False)  # where it is known already
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setitem(sys.modules, f"{missing}.core", None)
    with pytest.raises(InputError, match=rf"s3://bucket/a.wav needs {missing}: pip install '.*\[remote\]'"):
        expanded(SECRET).stat()

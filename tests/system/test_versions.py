"""The commit of the project's own checkout and of no other; the versions of installed libraries."""

import os
import shutil
import subprocess

import pytest

from speech_autoencoder.system.versions import commit, versions


@pytest.fixture
def checkout(tmp_path):
    """Make a repository with one commit; return its folder and the commit."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")

    def git(*arguments):
        identity = [part for key in ("user.name=x", "user.email=x@y") for part in ("-c", key)]
        return subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)

    git("init", "--quiet")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "code.py").write_text("1\n")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    git("tag", "v1", "--annotate", "--message", "a tag is no commit")
    return tmp_path, git("rev-parse", "HEAD").stdout.strip()


def test_commit_is_that_of_the_checkout_and_marks_changed_files(checkout, monkeypatch):
    folder, expected = checkout
    monkeypatch.setenv("GIT_DIR", os.devnull)
    assert commit(folder) == expected
    (folder / "inner" / "code.py").write_text("2\n")
    assert commit(folder) == f"{expected}-dirty"


def test_commit_of_the_surrounding_repository_is_not_ours(checkout):
    assert commit(checkout[0] / "inner") is None


def test_commit_without_a_checkout_or_without_git_is_none(checkout, tmp_path_factory, monkeypatch):
    assert commit(tmp_path_factory.mktemp("plain")) is None
    assert commit(checkout[0] / "missing") is None
    monkeypatch.setenv("PATH", os.devnull)
    assert commit(checkout[0]) is None


def test_versions_are_those_of_installed_libraries():
    found = versions("pystoi", "no-such-library")
    assert {"python", "tensorflow", "keras", "numpy", "pystoi"} <= set(found)
    assert "no-such-library" not in found

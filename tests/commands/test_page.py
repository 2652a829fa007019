"""The command page: which model it takes, what it says, what it refuses."""

import shutil
import sys

import pytest

from speech_autoencoder import __main__ as commands
from speech_autoencoder.cli.origins import is_speech_page
from speech_autoencoder.export import speech_page
from speech_autoencoder.model import pretrained
from tests.helpers.common import names_in, refused


@pytest.fixture
def page(tmp_path, monkeypatch, capsys):
    """Return a function (*arguments) -> what is printed, run in an empty folder by this process."""
    monkeypatch.chdir(tmp_path)

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["speech_autoencoder", "page", *map(str, arguments)])
        commands.main()
        captured = capsys.readouterr()
        return captured.out + captured.err

    return run_here


def test_page_without_arguments_is_that_of_the_model_that_comes_with_the_program(page, tmp_path):
    assert page() == "Wrote page.html (6.9 MB): open it in a browser, and speak.\n"
    assert is_speech_page(tmp_path / "page.html")
    assert speech_page.SHIPPED_NAME in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page("--quiet") == ""  # what is ours is replaced
    assert names_in(tmp_path) == ["page.html"]


def test_page_names_the_model_that_it_is_given(page, tmp_path):
    shutil.copy(pretrained.PATH, tmp_path / "my <model>.h5")
    page("--model", "my <model>.h5", "--output", "other.html")
    assert "my &lt;model&gt;.h5" in (tmp_path / "other.html").read_text(encoding="utf-8")


def test_page_replaces_a_file_of_others_only_when_it_is_told_to(page, tmp_path):
    (tmp_path / "page.html").write_text("<!DOCTYPE html><title>Somebody's page</title>")
    refused("page.html", "not made by this program", "--overwrite", do=page)
    assert "Somebody" in (tmp_path / "page.html").read_text()
    page("--overwrite")
    assert is_speech_page(tmp_path / "page.html")


def test_page_refuses_what_it_cannot_use(page, tmp_path):
    refused("nowhere.h5", "is missing", do=lambda: page("--model", "nowhere.h5"))
    refused("page.htm", ".html", do=lambda: page("--output", "page.htm"))
    shutil.copy(pretrained.PATH, tmp_path / "model.html")
    refused("model.html", "is an input", do=lambda: page("--model", "model.html", "--output", "model.html"))
    assert names_in(tmp_path) == ["model.html"]

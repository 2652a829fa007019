"""Parsers of command lines: defaults in the help, positive numbers."""

import argparse
import os
import re
from pathlib import Path

import pytest

from speech_autoencoder.cli.options import (
    add_workers_option,
    make_parser,
    positive,
    to_path,
    word_or_path,
)
from speech_autoencoder.commands.features import add_generator_options
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.remote_path import expanded


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "-inf", "1e999"])
def test_positive_float_out_of_range_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="not above zero"):
        positive(float)(text)


@pytest.mark.parametrize(("kind", "text", "value"), [(int, "3", 3), (float, "0.5", 0.5), (float, "1e-9", 1e-9)])
def test_positive_number_is_converted(kind, text, value):
    assert positive(kind)(text) == value


@pytest.mark.parametrize(("kind", "text"), [(int, "2.5"), (int, "many"), (float, "")])
def test_positive_no_number_is_refused_by_its_name(kind, text, capsys):
    parser = make_parser("A test.")
    parser.add_argument("--count", type=positive(kind))
    with pytest.raises(SystemExit) as error:
        parser.parse_args(["--count", text])
    assert error.value.code == 2
    said = capsys.readouterr().err
    assert f"--count: invalid {kind.__name__} value: '{text}'" in said
    assert len(said.splitlines()) == 1


def test_make_parser_help_shows_defaults(capsys):
    parser = make_parser("What it does.")
    parser.add_argument("--model", default=Path("a.h5"), help="the model")
    parser.add_argument("--seed", default=0, help="the seed")
    parser.add_argument("--epochs", help="no default")
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    text = capsys.readouterr().out
    assert "What it does." in text
    assert "(default: a.h5)" in text
    assert "(default: 0)" in text
    assert text.count("default:") == 2
    assert "--quiet" in text


# ---- paths


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a home folder, and run the test in another folder."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("~/x.npy", "{home}/x.npy"), ("~", "{home}"), ("x/~/y", "x/~/y"), ("./~", "~"), ("a~", "a~"), ("/x", "/x")],
)
def test_to_path_home_is_expanded_where_a_shell_would(home, text, expected):
    assert to_path(text) == Path(expected.format(home=home))


def test_to_path_user_is_expanded():
    import pwd

    user = pwd.getpwuid(os.getuid())
    assert to_path(f"~{user.pw_name}/x") == Path(user.pw_dir, "x")


def test_to_path_user_who_is_not_there_is_refused_unless_it_is_a_name(home):
    with pytest.raises(argparse.ArgumentTypeError, match=r"~nobody-here/x: there is no such home folder; .* \./~"):
        to_path("~nobody-here/x")
    Path("~draft.wav").touch()
    assert to_path("~draft.wav") == Path("~draft.wav")


@pytest.mark.parametrize(("text", "words"), [("", "path is empty"), ("-", "stands for a stream")])
def test_make_parser_path_that_is_none_is_refused_by_the_option(text, words, capsys):
    parser = make_parser("A test.")
    parser.add_argument("--output", type=to_path)
    with pytest.raises(SystemExit) as error:
        parser.parse_args([f"--output={text}"])
    assert error.value.code == 2
    said = capsys.readouterr().err
    assert "--output" in said
    assert words in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("default", ["~/x", Path("~/x")])
def test_make_parser_default_that_people_have_edited_is_expanded(home, default):
    parser = make_parser("A test.")
    parser.add_argument("--a", type=to_path, default=default)
    parser.add_mutually_exclusive_group().add_argument("--b", type=to_path, default=default)
    args = parser.parse_args([])
    assert args.a == args.b == home / "x"


@pytest.mark.parametrize("default", [["a.npy", "b.npy"], (Path("a.npy"),), 5], ids=repr)
def test_make_parser_default_that_is_no_path_is_refused_in_one_line(default, capsys):
    parser = make_parser("A test.")
    parser.add_argument("--data", type=to_path, default=default)
    with pytest.raises(SystemExit) as error:
        parser.parse_args([])
    assert error.value.code == 2
    assert f"argument --data: the default is {default!r}, not a path in quotes" in capsys.readouterr().err


def test_word_or_path_words_stay_and_paths_are_expanded(home):
    convert = word_or_path(("auto", "none"))
    assert (convert("auto"), convert("~/labels.csv")) == ("auto", f"{home}/labels.csv")


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("16", 16)])
def test_workers_option_takes_some(text, value):
    parser = make_parser("A test.")
    add_workers_option(parser)
    assert parser.parse_args(["--workers", text]).workers == value


@pytest.mark.parametrize("text", ["10000", "0", "many"])
@pytest.mark.parametrize(
    "add", [add_workers_option, lambda parser: add_generator_options(parser, Path("a"), Path("b"))]
)
def test_workers_option_so_many_that_they_take_the_memory_are_refused(add, text, capsys):
    parser = make_parser("A test.")
    add(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--workers", text])
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("path", [None, ["a.png"], (Path("a.png"),), 5], ids=repr)
def test_expanded_what_somebody_has_written_in_place_of_a_path_is_refused(path):
    with pytest.raises(InputError, match=f"is {re.escape(repr(path))}: write one in quotes"):
        expanded(path)

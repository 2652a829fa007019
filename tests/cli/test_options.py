"""Parsers of command lines: defaults in the help, positive numbers."""

import argparse
from pathlib import Path

import pytest

from speech_autoencoder.cli.options import make_parser, positive


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

"""The command evaluate: where the model's card goes, and when one that is there stays."""

import argparse

import pytest

from speech_autoencoder.cli.options import make_parser
from speech_autoencoder.commands.evaluate import add_options, options_of
from speech_autoencoder.system.signed_text import sign

OURS = sign("---\nlicense: unknown\n---\n# A model\n")


@pytest.fixture
def card_of(tmp_path, monkeypatch):
    """Return a function (*arguments) -> the path of the card, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def parse(*arguments):
        parser = make_parser("")
        add_options(parser)
        monkeypatch.setattr("sys.argv", ["evaluate", *arguments])
        options = options_of(parser.parse_args())
        assert not isinstance(options, argparse.Namespace)
        return options["card"] and str(options["card"])

    return parse


@pytest.mark.parametrize(
    ("arguments", "card"),
    [
        ([], "my_model_for_many_data.md"),
        (["--model", "models/a.b.h5"], "a.b.md"),
        (["--model", "pretrained"], "pretrained.md"),
        (["--card", "x/README.md"], "x/README.md"),
    ],
)
def test_card_has_the_name_of_the_model(card_of, arguments, card):
    assert card_of(*arguments) == card


@pytest.mark.parametrize("text", [OURS, OURS.replace("unknown", "mit")])
def test_card_unedited_is_replaced(card_of, tmp_path, text):
    (tmp_path / "my_model_for_many_data.md").write_text(text)
    assert card_of() == "my_model_for_many_data.md"


def test_card_edited_stays_and_is_named(card_of, tmp_path, capsys):
    (tmp_path / "my_model_for_many_data.md").write_text(OURS.replace("# A model", "# My model"))
    assert card_of() is None
    assert "my_model_for_many_data.md stays as it is" in capsys.readouterr().err
    assert card_of("--overwrite") == "my_model_for_many_data.md"
    assert card_of("--card", "other.md") == "other.md"

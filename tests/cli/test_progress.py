"""Lines on stdout, and progress bars on a terminal only."""

import io
import sys

import pytest

from speech_autoencoder.cli.progress import make_bar, make_progress, make_say


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        return True


def test_make_say_says_each_line_on_stdout(capsys):
    make_say(False)("a line")
    assert capsys.readouterr() == ("a line\n", "")


def test_make_say_quiet_says_nothing(capsys):
    make_say(True)("a line")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("stream", "quiet", "shown"),
    [(io.StringIO, False, False), (Terminal, False, True), (Terminal, True, False)],
    ids=["no terminal", "terminal", "quiet on a terminal"],
)
def test_bars_are_shown_on_a_terminal_alone(stream, quiet, shown, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream())
    bar = make_bar(quiet, "training")(10)
    wrapped = make_progress(quiet, "features")(range(3), 3)
    assert (not bar.disable, not wrapped.disable) == (shown, shown)
    assert list(wrapped) == [0, 1, 2]
    bar.update()
    bar.close()


def test_bars_of_what_is_done_at_once_leave_no_trace(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(make_progress(False, "features")(range(3), 3)) == [0, 1, 2]
    assert stream.getvalue().strip() == ""

"""Lines on stdout; progress is a bar on a terminal, and lines now and then elsewhere."""

import io
import sys
import threading
import time

import pytest

from speech_autoencoder.api.reports import reports
from speech_autoencoder.cli import progress
from speech_autoencoder.cli.progress import make_bar, make_bars, make_say


def make_progress(quiet, description):
    """Return the function (items, total) -> items with which the functions behind the scripts show progress."""
    return reports(None, None, make_bars(quiet)).progress(description)


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def fast(monkeypatch):
    """Make seconds of waiting for a line a hundredth as long."""
    monkeypatch.setattr(progress, "_LINE_S", 0.1)
    monkeypatch.setattr(progress, "_START_S", 0.01)
    monkeypatch.setattr(progress, "_SAME_S", 0.6)


def lines_of(capsys):
    """Return what was printed on stdout, and that nothing was on stderr."""
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


def test_make_say_says_each_line_on_stdout(capsys):
    make_say(False)("a line")
    assert capsys.readouterr() == ("a line\n", "")


def test_make_say_quiet_says_nothing(capsys):
    make_say(True)("a line")
    assert capsys.readouterr() == ("", "")


def test_bars_are_shown_on_a_terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with make_bar(False, "training")(10) as bar:
        bar.update(4)
        time.sleep(2.2)
        bar.update(1)
    assert "training:  50%" in stream.getvalue()


def test_bars_of_what_is_done_at_once_leave_no_trace(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(make_progress(False, "features")(range(3), 3)) == [0, 1, 2]
    assert stream.getvalue().strip() == ""


def test_lines_say_how_much_is_done_and_left_where_there_is_no_terminal(fast, capsys):
    def work():
        for i in range(4):
            time.sleep(0.12)
            yield i

    assert list(make_progress(False, "reconstructing")(work(), 4)) == [0, 1, 2, 3]
    lines = lines_of(capsys)
    assert 2 <= len(lines) <= 5
    assert all(line.startswith("reconstructing: ") for line in lines)
    assert any(line.startswith(("reconstructing: 25 % (", "reconstructing: 50 % (")) for line in lines)
    assert lines[-1].endswith(" s left)")


def test_lines_of_a_step_that_takes_long_are_printed_meanwhile_but_not_often(fast, capsys):
    with make_bar(False, "evaluating")(3):
        time.sleep(1)
    assert 1 <= len(lines_of(capsys)) <= 3  # nine would be due if they said something new


def test_lines_begin_after_ten_seconds(capsys):
    assert progress._LINE_S == 10
    with make_bar(False, "training")(10) as bar:
        bar.update(1)
        time.sleep(1.2)
    assert lines_of(capsys) == []


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_lines_quiet_are_none(stream, fast, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream())
    with make_bar(True, "training")(10) as bar:
        bar.update(1)
        time.sleep(0.3)
    assert list(make_progress(True, "features")(range(3), 3)) == [0, 1, 2]
    assert capsys.readouterr().out == ""


def test_lines_follow_a_total_that_changes(fast, capsys):
    with make_bar(False, "training")(10) as bar:
        bar.update(5)
        bar.total = 20
        time.sleep(0.2)
    assert lines_of(capsys)[0].startswith("training: 25 % (")


def test_lines_end_with_the_loop_and_leave_no_thread(fast, capsys):
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        for _ in make_progress(False, "features")(range(3), 3):
            raise KeyboardInterrupt
    bar = make_bar(False, "training")(3)
    bar.close()
    bar.close()
    time.sleep(0.3)
    assert threading.active_count() == before
    assert lines_of(capsys) == []


def test_lines_whose_reader_has_gone_are_not_an_error(fast, monkeypatch, capsys):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    with make_bar(False, "training")(3):
        time.sleep(0.3)
    assert capsys.readouterr().err == ""

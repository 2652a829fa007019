"""Figures are drawn whatever matplotlib's settings say; one that cannot be drawn is a line; no window is fatal."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import pytest

from speech_autoencoder.system import figures
from speech_autoencoder.system.figures import new_figure, own_settings, save_figure, show_in_window, try_to_draw
from tests.helpers.common import ROOT, png_size

DRAW = """
import os, sys
from pathlib import Path
from speech_autoencoder.system.figures import new_figure, own_settings, save_figure
before = os.environ.get("MPLBACKEND"), os.getcwd()
@own_settings()
def draw(path):
    figure, axes = new_figure(1, 1, (3, 2))
    axes.plot([1, 2])
    axes.set(title="$x$ and text")
    save_figure(figure, path)
draw(Path("a.png"))
assert (os.environ.get("MPLBACKEND"), os.getcwd()) == before
"""


def draw(folder, **environment):
    """Return the PNG that a process of this environment draws in a folder, without a display."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MPL", "DISPLAY", "WAYLAND"))}
    environment = kept | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(
        [sys.executable, "-c", DRAW], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return (folder / "a.png").read_bytes()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Return the PNG that is drawn with no settings."""
    return draw(tmp_path_factory.mktemp("plain"), MPLCONFIGDIR=str(tmp_path_factory.mktemp("settings")))


@pytest.mark.parametrize(
    "backend", ["nonsense", " ", "module://not_installed", "module://matplotlib_inline.backend_inline", "gtk4agg"]
)
def test_draw_whatever_mplbackend_says_is_the_same(tmp_path, expected, backend):
    assert draw(tmp_path, MPLBACKEND=backend) == expected


@pytest.mark.parametrize("place", ["matplotlibrc", "settings/matplotlibrc"])
@pytest.mark.parametrize(
    "content",
    [
        b"text.usetex: True\nfont.family: No Such Font\nfont.size: 1e6\nsavefig.dpi: 1e9\nsavefig.bbox: tight\n",
        b"backend: nonsense\nfigure.figsize: 1e5, 1e5\naxes.prop_cycle: cycler(1)\nno colon\n",
        b"\xff\xfe not text \x00",
    ],
    ids=["odd", "invalid", "not text"],
)
def test_draw_whatever_a_matplotlibrc_says_is_the_same(tmp_path, expected, place, content):
    (tmp_path / "settings").mkdir()
    (tmp_path / place).write_bytes(content)
    assert draw(tmp_path, MPLCONFIGDIR=str(tmp_path / "settings")) == expected


def test_draw_without_a_place_for_settings_is_the_same(tmp_path, expected):
    assert draw(tmp_path, MPLCONFIGDIR="/dev/null/nowhere", HOME="/dev/null") == expected


def test_own_settings_are_those_of_matplotlib_and_end(tmp_path):
    with matplotlib.rc_context({"text.usetex": True, "figure.dpi": 7}):
        before = dict(matplotlib.rcParams)
        with own_settings():
            assert matplotlib.rcParams["text.usetex"] is False
            figure, _ = new_figure(1, 1, (3, 2))
            save_figure(figure, tmp_path / "a.png")
        assert dict(matplotlib.rcParams) == before
    assert png_size(tmp_path / "a.png") == (360, 240)


@pytest.mark.parametrize("error", [RuntimeError("no LaTeX,\nno figure."), ImportError("no canvas"), MemoryError()])
def test_try_to_draw_what_cannot_be_drawn_is_one_line(error):
    said = []

    def draw(path):
        raise error

    assert try_to_draw(Path("a.png"), draw, said.append) == []
    reason = " ".join(str(error).split()).rstrip(".") or "MemoryError"
    assert said == [f"a.png could not be drawn ({reason}). The results are written."]


def test_try_to_draw_returns_the_figure():
    assert try_to_draw(Path("a.png"), lambda path: None, pytest.fail) == [Path("a.png")]


# ---- the window


@pytest.fixture
def picture(tmp_path):
    """Return the path of a PNG."""
    figure, _ = new_figure(1, 1, (3, 2))
    save_figure(figure, tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.fixture
def window(monkeypatch):
    """Return a function (code) that lets a program of this code open the window; there seems to be a display."""
    monkeypatch.setenv("DISPLAY", ":4321")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    def make(path, code):
        path.write_text(f"import os, sys\n{code}")
        monkeypatch.setattr(figures, "_WINDOW", path)

    return make


def test_show_in_window_without_a_display_starts_nothing(picture, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: pytest.fail("started"))
    assert not show_in_window(picture)


@pytest.mark.parametrize("backend", ["", "nonsense", "module://not_installed", "agg", "webagg", "gtk4agg", "tkagg"])
def test_show_in_window_on_a_display_that_is_not_there_is_quiet(picture, monkeypatch, capfd, backend):
    monkeypatch.setenv("DISPLAY", ":4321")
    monkeypatch.setenv("MPLBACKEND", backend)
    assert not show_in_window(picture)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "shown"),
    [("sys.exit(not sys.argv[1].endswith('a.png'))", True), ("os.abort()", False), ("print('noise'); 1 / 0", False)],
    ids=["closed", "aborted", "failed"],
)
def test_show_in_window_ends_as_the_window_does(picture, window, tmp_path, capfd, code, shown):
    window(tmp_path / "window.py", code)
    assert show_in_window(picture) is shown
    assert capfd.readouterr() == ("", "")


def test_show_in_window_in_a_notebook_shows_it_below_the_cell(picture, window, tmp_path, monkeypatch):
    window(tmp_path / "window.py", "1 / 0")
    shown = []
    display = SimpleNamespace(Image=lambda path: path, display=shown.append)
    notebook = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=True), display=display)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    show_in_window(picture)
    assert shown == [str(picture)]

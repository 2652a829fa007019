"""Figures: matplotlib without a display, whatever its settings say, written whole or not at all."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from speech_autoencoder import __version__
from speech_autoencoder.script_names import PROGRAM
from speech_autoencoder.system.files import atomic_write, printable

_WINDOW = Path(__file__).with_name("window.py")


def import_matplotlib() -> ModuleType:
    """Import matplotlib, which fails by itself if MPLBACKEND or a matplotlibrc is not as it expects."""
    if "matplotlib" in sys.modules:
        import matplotlib

        return matplotlib
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        try:
            import matplotlib
        except ImportError:
            raise
        except Exception:  # whatever reading a matplotlibrc raises: its own is found first in the working directory
            folder = _folder_of("matplotlib") / "mpl-data"
            if not folder.is_dir():
                raise
            for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
                del sys.modules[name]
            with chdir(folder):
                import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:  # for a session that goes on
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
    return matplotlib


def _folder_of(package: str) -> Path:
    """Return the folder of an installed package."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else Path()


@contextmanager
def own_settings() -> Iterator[None]:
    """Draw with matplotlib's own settings, instead of those that people have made for their figures: a decorator."""
    matplotlib = import_matplotlib()
    settings = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    with matplotlib.rc_context(settings):
        yield


def new_figure(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Any, Any]:
    """Return a figure that needs no display, and its grid of axes.

    The size is (width, height) in inches; the options are those of matplotlib's `Figure.subplots`.
    """
    # matplotlib takes 0.2 s to import: only when a figure is drawn.
    import_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, **options)


def save_figure(figure: Any, path: Path, *, dpi: int = 120) -> None:
    """Write the figure to `path` as PNG."""
    with atomic_write(path) as temporary, warnings.catch_warnings():
        # A name in letters that the font lacks is drawn as boxes: nothing that the user could mend.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(temporary, dpi=dpi, format="png", metadata={"Software": f"{PROGRAM} {__version__}"})


def try_to_draw(path: Path, draw: Callable[[Path], None], warn: Callable[[str], None]) -> list[Path]:
    """Draw a figure of results that are written already, and return the figures that there are: this one, or none.

    Parameters
    ----------
    path
        The figure.
    draw
        Writes it, at its path.
    warn
        Reports in a line why there is no figure.
    """
    try:
        draw(path)
    except Exception as error:  # libraries for figures raise anything: the results count without a figure too
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        warn(f"{printable(path)} could not be drawn ({reason}). The results are written.")
        return []
    return [path]


def show_in_window(path: Path) -> bool:
    """Show a picture until its window is closed, and return whether there was a window; in a notebook, below the cell.

    The window belongs to a process of its own: libraries for windows end their process where a display is not as they
    expect, and change the session that they are imported in.
    """
    ipython = sys.modules.get("IPython")
    if ipython and hasattr(ipython.get_ipython(), "kernel"):
        ipython.display.display(ipython.display.Image(str(path)))
        return False
    has_display = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not has_display or not sys.executable:
        return False
    import subprocess  # its import takes a tenth of the time that --help may take

    try:
        command, nowhere = [sys.executable, "-P", str(_WINDOW), str(path)], subprocess.DEVNULL
        done = subprocess.run(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, check=False)
        return done.returncode == 0
    except OSError:
        return False

"""Figures: matplotlib without a display, written whole or not at all."""

import warnings
from pathlib import Path
from typing import Any

from speech_autoencoder import __version__
from speech_autoencoder.system.files import PROGRAM, atomic_write


def new_figure(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Any, Any]:
    """Return a figure that needs no display, and its grid of axes.

    The size is (width, height) in inches; the options are those of matplotlib's `Figure.subplots`.
    """
    # matplotlib takes 0.2 s to import: only when a figure is drawn.
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

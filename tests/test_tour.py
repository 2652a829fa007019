"""The notebook runs as it stands, here on fewer recordings and with less training, and what it keeps is whole."""

import pytest

from tests.helpers.common import ROOT

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
TOUR = ROOT / "docs" / "tour.ipynb"
# What its first cell says, and what the test says.
SHORTER = {"N_TRAINING, N_TESTING = 80, 20": "N_TRAINING, N_TESTING = 12, 6", '"epochs": 60': '"epochs": 2'}


@pytest.fixture(scope="module")
def tour():
    return nbformat.read(TOUR, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
    """Return what a cell gives: "stdout", and "image/png" for figures, "text/html" for sounds."""
    return {output.get("name") or min(output.data) for output in cell.outputs}


def checkout():
    """Return the names in the folders where a run could leave files."""
    folders = ROOT, TOUR.parent, *(ROOT / "speechdata").rglob("en-allison")
    return {path for folder in folders for path in folder.iterdir() if path.name != "__pycache__"}


def test_tour_keeps_sounds_figures_and_text_of_a_run_in_order(tour):
    nbformat.validate(tour)
    cells = code_cells(tour)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    given = [kind for cell in cells for kind in kinds(cell)]
    assert min(given.count(kind) for kind in ("stdout", "image/png", "text/html")) >= 3
    assert "stderr" not in given
    assert TOUR.stat().st_size < 1_000_000


def test_tour_runs_and_leaves_nothing_in_the_checkout(tour):
    from tools.run_tour import run

    shorter = nbformat.from_dict(tour)
    (first, *_) = code_cells(shorter)
    for text, other in SHORTER.items():
        assert first.source.count(text) == 1
        first.source = first.source.replace(text, other)
    before = checkout()
    run(shorter)
    assert checkout() == before
    for cell, again in zip(code_cells(tour), code_cells(shorter), strict=True):
        assert kinds(again) == kinds(cell), again.source

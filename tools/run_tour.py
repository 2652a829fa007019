"""Run docs/tour.ipynb, and keep what it prints, shows and plays: `python -m tools.run_tour`, or `make tour`."""

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
TOUR = ROOT / "docs" / "tour.ipynb"


def run(notebook: nbformat.NotebookNode) -> None:
    """Run the cells of a notebook where the tour is, and put what they give into it.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises an error.
    """
    with tempfile.TemporaryDirectory() as folder:
        # The package of this checkout, and no settings or history of the user's.
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "IPYTHONDIR": folder,
            "JUPYTER_RUNTIME_DIR": folder,
            "TMPDIR": folder,
        }
        where = {"metadata": {"path": str(TOUR.parent)}}
        NotebookClient(notebook, resources=where, kernel_name="python3", timeout=1200, record_timing=False).execute(
            env=environment
        )
    # What depends on the machine: its Python, and what libraries say about it.
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]


def main() -> None:
    notebook = nbformat.read(TOUR, as_version=4)
    run(notebook)
    nbformat.write(notebook, TOUR)


if __name__ == "__main__":
    main()

"""The model that comes with the package: trained on the project's recordings, made by tools/ship_model.py.

Its card, with data, scores and licence, is beside it. Nothing takes it in place of a user's own model: it is used where
it is named, and where nothing is named by those functions that say so.
"""

from pathlib import Path

# What names it in place of a path, as in `--model pretrained`.
NAME = "pretrained"
PATH = Path(__file__).parent / "shipped" / "classic.h5"


def resolve(path: Path) -> Path:
    """Return the path of a model: PATH for NAME, unless there is a file of that name."""
    return PATH if str(path) == NAME and not path.exists() else path

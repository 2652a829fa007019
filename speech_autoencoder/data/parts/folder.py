"""The names of the files in a folder of parts."""

from pathlib import Path

# The suffix of an array that is one file.
ARRAY_SUFFIX = ".npy"
INDEX_NAME = "index.json"


def part_path(folder: Path, number: int) -> Path:
    """Return the path of a part by its number, which counts from 0.

    Examples
    --------
    >>> part_path(Path("train_data"), 7).as_posix()
    'train_data/part-00007.npy'
    """
    return folder / f"part-{number:05}{ARRAY_SUFFIX}"

"""The folder of the parts of an array: what its files are called, and which of the two, folder or file, is meant."""

import re
from collections.abc import Callable
from pathlib import Path

from speech_autoencoder.data.sidecar.json_file import sidecar_path
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import Elsewhere, explain, printable

# The suffix of an array that is one file.
ARRAY_SUFFIX = ".npy"
_PART = re.compile(r"part-(\d{5,9})\.npy")
# All that is written into the folder.
_ANY = re.compile(r"part-\d+\.(npy|json|columns)|index\.(json|columns)")


def folder_of(array_path: Path) -> Path:
    """Return the folder of the parts of an array: of `train_data.npy`, it is `train_data`."""
    return array_path.with_suffix("") if array_path.suffix == ARRAY_SUFFIX else array_path


def part_path(folder: Path, number: int) -> Path:
    """Return the path of a part by its number, which counts from 0.

    Examples
    --------
    >>> part_path(Path("train_data"), 7).as_posix()
    'train_data/part-00007.npy'
    """
    return folder / f"part-{number:05}{ARRAY_SUFFIX}"


def files_of_part(folder: Path, number: int) -> list[Path]:
    """Return the paths of a part and of its sidecar, which may be two files."""
    return [part_path(folder, number).with_suffix(suffix) for suffix in (ARRAY_SUFFIX, ".json", ".columns")]


def numbers_of_parts(folder: Path) -> list[int]:
    """Return the numbers of the parts in a folder; raise InputError if it cannot be read."""
    try:
        found = (_PART.fullmatch(path.name) for path in folder.iterdir())
        return sorted(int(match[1]) for match in found if match)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{printable(folder)} could not be read: {explain(error)}.") from error


def is_of_parts(name: str) -> bool:
    """Return whether a file in the folder has a name that parts or their index have."""
    return bool(_ANY.fullmatch(name))


def has_parts(folder: Path) -> bool:
    """Return whether a path is a folder with parts, or with their index."""
    return folder.is_dir() and (sidecar_path(folder).exists() or bool(numbers_of_parts(folder)))


def array_at(path: Path, say: Callable[[str], None] = lambda line: None) -> Path:
    """Return where an array is: the file at a path or, if there is only that, the folder of its parts.

    `say` takes a line where both are there.
    """
    folder = folder_of(path)
    if folder == path or isinstance(path, Elsewhere) or not has_parts(folder):
        return path
    if not path.exists():
        return folder
    say(
        f"Both {printable(path)} and its parts in {printable(folder)} exist, and {printable(path)} is the one that is "
        f"used. To use the parts, name {printable(folder)}, or remove {printable(path)} and its .json."
    )
    return path

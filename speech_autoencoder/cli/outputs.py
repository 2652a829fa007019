"""Where outputs go: suffixes, one output for each input, and nothing replaced that this program did not make."""

import os
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from speech_autoencoder.cli.origins import IsOurs, is_array, is_columns, is_sidecar
from speech_autoencoder.data.parts.folder import is_of_parts
from speech_autoencoder.data.sidecar.json_file import columns_path, sidecar_path
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import Elsewhere, destination, explain, ignores_case, printable, require_writable
from speech_autoencoder.system.wording import counted


def require_suffix(path: Path, suffix: str) -> None:
    """Raise InputError if `path` does not end in `suffix`."""
    if path.suffix != suffix:
        raise InputError(f"{printable(path)} does not end in {suffix}: choose a name that does.")


def require_outputs(outputs: Iterable[tuple[Path, IsOurs]], *, inputs: Iterable[Path], overwrite: bool) -> None:
    """Check that outputs can be written and that nothing is lost by it; call it before long work.

    Parameters
    ----------
    outputs
        Every file that will be written, and the function of `origins` that knows such files.
    inputs
        The files that will be read.
    overwrite
        Whether files that this program did not make may be replaced; inputs never are.

    Raises
    ------
    InputError
        If a file cannot be written, two of them are the same file, or one that exists is an input or was not made by
        this program.
    """
    outputs = list(outputs)
    paths = [path for path, _ in outputs]
    places = _Places()
    for path in paths:
        if (other := places.add(path)) is not None:
            raise InputError(f"{printable(other)} and {printable(path)} are the same file: choose different names.")
    found = {_identity(path): path for path in paths}
    for path in inputs:
        if (identity := _identity(path)) in found:
            output = found[identity]
            name = "" if path == output else f" ({printable(path)})"
            raise InputError(f"{printable(output)} is an input{name}, which would be lost: choose another output.")
    others = [path for path, is_ours in outputs if _status(path) and not is_ours(path)]
    if others and not overwrite:
        what, them = f"{printable(others[0])} exists and was", "it"
        if len(others) > 1:
            more = counted(len(others) - 1, "more output")
            what, them = f"{printable(others[0])} and {more} exist and were", "them"
        raise InputError(
            f"{what} not made by this program: move {them}, choose another name, or replace {them} with --overwrite."
        )
    require_writable(*paths)


def array_outputs(array_path: Path) -> list[tuple[Path, IsOurs]]:
    """Return the files of an array, those of its sidecar included, for `require_outputs`."""
    return [(array_path, is_array), (sidecar_path(array_path), is_sidecar), (columns_path(array_path), is_columns)]


def require_parts_folder(folder: Path, *, inputs: Iterable[Path], overwrite: bool) -> None:
    """Check that a folder can take the parts of an array, and that nothing is lost by it; call it before long work.

    Parameters
    ----------
    folder
        Other files in it stay where they are, provided that it holds parts of this program already.
    inputs, overwrite
        As `require_outputs` takes them.

    Raises
    ------
    InputError
        If it is a file, cannot be written, or holds other files.
    """
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        require_writable(folder)
        return
    except NotADirectoryError:
        raise InputError(f"{printable(folder)} is a file: name a folder for the parts.") from None
    except OSError as error:
        raise InputError(f"{printable(folder)} could not be read: {explain(error)}.") from error
    outputs = [path for path in found if is_of_parts(path.name)]
    if found and not outputs and not overwrite:
        raise InputError(
            f"{printable(folder)} holds other files, such as {printable(found[0].name)}: name another folder for the "
            "parts."
        )
    kinds = {".npy": is_array, ".json": is_sidecar, ".columns": is_columns}
    # Of thousands of parts, only those are looked at closely that need it.
    others = [(path, kinds[path.suffix]) for path in outputs if not kinds[path.suffix](path)]
    require_outputs([*others, (folder / "part", is_array)], inputs=inputs, overwrite=overwrite)


def output_paths(paths: list[Path], output: Path, output_dir: Path | None) -> list[Path]:
    """Return the path of each recording's reconstruction: `output`, or one WAV for each in `output_dir`.

    Raises
    ------
    InputError
        If several recordings have no `output_dir`, or two outputs would be the same file.
    """
    if output_dir is None:
        if len(paths) > 1:
            raise InputError(f"{len(paths)} recordings need --output-dir, a folder for their reconstructions.")
        outputs = [output]
    else:
        outputs = [output_dir / f"{path.stem}.wav" for path in paths]
    require_distinct(paths, outputs)
    return outputs


def command_paths(
    files: list[Path],
    output: Path | None,
    output_dir: Path | None,
    *,
    suffix: str,
    find: Callable[[Path], list[str]],
) -> tuple[list[Path], list[Path]]:
    """Return the files that a command reads, and for each of them the file that it writes.

    Parameters
    ----------
    files
        The command's arguments: files, folders, or one input followed by its output.
    output, output_dir
        The options of the same names, at most one of them given. Without both, an output is written beside its input.
    suffix
        The outputs' suffix.
    find
        Returns the names of the inputs in a folder.

    Raises
    ------
    InputError
        If several inputs have no `output_dir`, or two outputs would be the same file.
    """
    if output is None and output_dir is None and len(files) == 2 and files[1].suffix == suffix:
        files, output = files[:1], files[1]
    paths: list[Path] = []
    names: list[Path] = []
    for path in files:
        inside = find(path) if path.is_dir() else None
        paths += [path] if inside is None else [path / name for name in inside]
        names += [Path(path.name)] if inside is None else [Path(name) for name in inside]
    if output is not None:
        require_suffix(output, suffix)
    if output_dir is not None:
        outputs = [output_dir / name.parent / f"{name.stem}{suffix}" for name in names]
    elif files[0].is_dir():
        raise InputError(f"{printable(files[0])} is a folder: name a folder for the outputs with --output-dir.")
    elif len(paths) > 1:
        raise InputError(f"{len(paths)} files need --output-dir, a folder for the outputs.")
    else:
        outputs = [output or paths[0].with_name(f"{paths[0].stem}{suffix}")]
    require_distinct(paths, outputs)
    return paths, outputs


def require_distinct(paths: list[Path], outputs: list[Path]) -> None:
    """Raise InputError if the outputs of two inputs would be the same file."""
    places = _Places()
    for path, output in zip(paths, outputs, strict=True):
        if (other := places.add(output)) is not None:
            first = paths[outputs.index(other)]
            raise InputError(
                f"{printable(path)} and {printable(first)} would both become {printable(output)}: "
                "do them one at a time."
            )


class _Places:
    """The files that outputs are, whatever links and, where case makes no difference, capital letters name them."""

    def __init__(self) -> None:
        self._outputs: dict[str, list[tuple[Path, Path]]] = {}  # by the path in small letters: (place, output)

    def add(self, output: Path) -> Path | None:
        """Add an output, and return the one that was added before and is the same file, None if there is none."""
        place = destination(output)
        alike = self._outputs.setdefault(unicodedata.normalize("NFC", str(place)).casefold(), [])
        for other, known in alike:
            if place == other or ignores_case(place.parent):
                return known
        alike.append((place, output))
        return None


def _identity(path: Path) -> tuple[int, int] | str:
    """Return what all names of a file have in common; where there is none yet, its path without links."""
    if isinstance(path, Elsewhere):
        return str(path)
    status = _status(path)
    return (status.st_dev, status.st_ino) if status and status.st_ino else os.path.realpath(path)


def _status(path: Path) -> os.stat_result | None:
    """Return the status of a file, None if there is none."""
    with suppress(OSError):  # if it is there and cannot be read, reading or writing it reports why
        return path.stat()
    return None

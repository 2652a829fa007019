"""Where outputs go: suffixes, one output for each input, no input overwritten."""

from collections.abc import Callable
from pathlib import Path

from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable


def require_suffix(path: Path, suffix: str) -> None:
    """Raise InputError if `path` does not end in `suffix`."""
    if path.suffix != suffix:
        raise InputError(f"{printable(path)} does not end in {suffix}: choose a name that does.")


def output_paths(paths: list[Path], output: Path, output_dir: Path | None) -> list[Path]:
    """Return the path of each recording's reconstruction: `output`, or one WAV for each in `output_dir`.

    Raises
    ------
    InputError
        If several recordings have no `output_dir`, two outputs have the same path, or one would replace a recording.
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
    replace_unnamed: bool = True,
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
    replace_unnamed
        Whether an output that is written beside its input may replace a file.

    Raises
    ------
    InputError
        If several inputs have no `output_dir`, two outputs have the same path, or one would replace an input.
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
    if output is None and output_dir is None and not replace_unnamed and outputs[0].exists():
        raise InputError(f"{printable(outputs[0])} exists, and may be the original: choose a name with --output.")
    return paths, outputs


def require_distinct(paths: list[Path], outputs: list[Path]) -> None:
    """Raise InputError if two outputs have the same path, or an output would replace an input."""
    source_of: dict[Path, Path] = {}
    inputs = {path.resolve() for path in paths}
    for path, output in zip(paths, outputs, strict=True):
        if output in source_of:
            raise InputError(
                f"{printable(path)} and {printable(source_of[output])} would both become {printable(output)}: "
                "do them one at a time."
            )
        source_of[output] = path
        if output.resolve() in inputs:
            raise InputError(f"{printable(output)} is an input, which would be lost: choose another output.")

"""Running the project's own scripts over folders of links to recordings."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run_script(name: str, folder: Path, *arguments: object) -> None:
    """Run a script of the project in folder; what it prints goes to stderr."""
    command = [sys.executable, str(ROOT / f"{name}.py"), *map(str, arguments)]
    subprocess.run(command, cwd=folder, stdout=sys.stderr, stderr=sys.stderr, check=True)


def link_recordings(source: Path, names: Mapping[str, str] | list[str], target: Path) -> Path:
    """Make links to recordings of source in target, and return target.

    Parameters
    ----------
    source
        The folder of the recordings.
    names
        The names of the recordings, or {name of the link: name of the recording}.
    target
        The folder of the links; it is made.
    """
    originals = names if isinstance(names, Mapping) else {name: name for name in names}
    for name, original in originals.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).symlink_to((source / original).resolve())
    return target

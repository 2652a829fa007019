"""What the benchmarks run: the project's own scripts, over folders of links to recordings."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(script: str, folder: Path, *arguments) -> None:
    """Nothing; a script of the project has run in folder, saying what it does on stderr."""
    command = [sys.executable, ROOT / f"{script}.py", *map(str, arguments)]
    subprocess.run(command, cwd=folder, stdout=sys.stderr, stderr=sys.stderr, check=True)


def linked(source: Path, names: dict[str, str] | list[str], target: Path) -> Path:
    """target, a folder of links to recordings of source: under their own names, or new name -> that in source."""
    for name, original in (names if isinstance(names, dict) else dict(zip(names, names, strict=True))).items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).symlink_to((source / original).resolve())
    return target

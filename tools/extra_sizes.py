"""Print how large an installation is: of the package alone, and how much each extra adds.

From the project's folder: `python -m tools.extra_sizes`, or with the names of some extras. It installs each into an
environment of its own, in a temporary folder, with uv, and takes some gigabytes and minutes.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def installed_bytes(wheel: Path, extra: str = "") -> int:
    """Return the size of all files of a new environment with the wheel and an extra."""
    with tempfile.TemporaryDirectory() as folder:
        uv(["venv", "--python", sys.executable, folder])
        # As pip does it: with the compiled files.
        uv(["pip", "install", "--python", folder, "--compile-bytecode", f"{wheel}[{extra}]"])
        return sum(path.lstat().st_size for path in Path(folder).rglob("*") if path.is_file())


def uv(arguments: list[str]) -> None:
    """Run uv."""
    subprocess.run([sys.executable, "-m", "uv", *arguments, "--quiet"], check=True)


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with tempfile.TemporaryDirectory() as folder:
        uv(["build", "--out-dir", folder, str(ROOT)])
        (wheel,) = Path(folder).glob("*.whl")
        base = installed_bytes(wheel)
        print(f"(the package alone) {base / 1e6:.0f} MB")
        for extra in sys.argv[1:] or project["optional-dependencies"]:
            print(f"{extra} + {(installed_bytes(wheel, extra) - base) / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    main()

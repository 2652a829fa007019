"""What a result depends on besides its inputs: the versions of libraries, and the commit of the project."""

import os
import platform
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# What every result depends on.
_LIBRARIES = ("tensorflow", "tensorflow-cpu", "jax", "keras", "numpy", "scipy", "librosa", "soundfile", "soxr", "h5py")
# What only an evaluation depends on; all but the first two are optional.
METRIC_LIBRARIES = (
    "pystoi",
    "scikit-learn",
    "pesq",
    "visqol-python",
    "ai-edge-litert",
    "speechmos",
    "onnxruntime",
    "pocketsphinx",
    "faster-whisper",
    "ctranslate2",
)
_ROOT = Path(__file__).resolve().parents[2]
# The longest that git may take, in seconds.
_TIMEOUT_S = 10


def versions(*also: str) -> dict[str, str]:
    """Return {name: version} of Python and of the installed libraries that results depend on, and of `also`."""
    found = {"python": platform.python_version()}
    for name in (*_LIBRARIES, *also):
        with suppress(PackageNotFoundError):
            found[name.removesuffix("-cpu")] = version(name)
    return found


def commit(root: Path = _ROOT) -> str | None:
    """Return the commit that is checked out at root, followed by "-dirty" if files differ from it.

    None if root is not a git checkout of its own, as when the package is installed, or git is missing.
    """
    # Neither another repository that the environment names, nor a lock on this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0"}

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        done = subprocess.run(command, capture_output=True, check=True, timeout=_TIMEOUT_S, env=environment)
        return os.fsdecode(done.stdout).strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root.resolve():
            return None
        return git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or None
    except (OSError, subprocess.SubprocessError):
        return None

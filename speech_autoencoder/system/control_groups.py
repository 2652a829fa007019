"""The limits of Linux' control groups, by which containers share a machine."""

from collections.abc import Iterator
from pathlib import Path


def groups(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """Yield the folder of each control group that may limit this process: its own, and those above it.

    Both versions of control groups: in the first, each controller ("cpu", "memory") has a hierarchy of its own. `root`
    is where the system's files are.
    """
    for mount, group in _hierarchies(controller, root):
        yield mount / group
        yield from (mount / parent for parent in group.parents)


def read_text(path: Path) -> str:
    """Return the contents of a small file of the system, "" if it is missing or cannot be read."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _hierarchies(controller: str, root: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each hierarchy with the controller: its folder, and this process' group in it."""
    for line in read_text(root / "proc/self/cgroup").splitlines():
        _, controllers, name = line.split(":", 2)
        mounts = root / "sys/fs/cgroup"
        if not controllers:
            yield mounts, Path(name.lstrip("/"))
        elif controller in controllers.split(","):
            yield mounts / controllers, Path(name.lstrip("/"))
            yield mounts / controller, Path(name.lstrip("/"))

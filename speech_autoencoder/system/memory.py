"""The memory that this process may still take, within the limit of its container."""

import math
import os
from pathlib import Path

from speech_autoencoder.system.control_groups import groups, read_text

# Files of a control group's limit and use, in both versions, and the entry of memory.stat for what can be given back.
_VERSIONS = (
    ("memory.max", "memory.current", ("inactive_file", "active_file")),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")),
)


def available_bytes(root: Path = Path("/")) -> float:
    """Return the bytes of memory that this process may still take, infinite where the system does not tell.

    The least of what the machine has left and what Linux' control groups allow. The pages of files that the system
    keeps in memory count as available. `root` is where the system's files are.
    """
    return min([_left_on_machine(root), *(_left_in_group(group) for group in groups("memory", root))])


def in_words(n_bytes: float) -> str:
    """Return a size as a message has it.

    Examples
    --------
    >>> in_words(7_250_000_000), in_words(46_100_000)
    ('7.2 GB', '46 MB')
    """
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def _left_on_machine(root: Path) -> float:
    """Return the bytes that programs can still be given: by /proc/meminfo, or else by what the C library knows."""
    for line in read_text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return 1024 * int(value.split()[0])
    try:
        # macOS does not tell what is free: all of its memory, as it makes room for programs by compressing others.
        pages = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
        return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return math.inf


def _left_in_group(folder: Path) -> float:
    """Return the bytes that a control group still allows."""
    for limit_name, use_name, given_back in _VERSIONS:
        limit, use = read_text(folder / limit_name).strip(), read_text(folder / use_name).strip()
        if limit.isdigit() and use.isdigit():
            entries = dict(line.split(" ", 1) for line in read_text(folder / "memory.stat").splitlines() if " " in line)
            files = sum(int(entries.get(name, 0)) for name in given_back)
            return max(0, int(limit) - int(use) + files)
    return math.inf

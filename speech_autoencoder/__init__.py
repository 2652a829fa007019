"""A small CNN auto-encoder for speech: everything behind the five scripts, from audio to evaluation and report."""

import sys

__version__ = "0.1.0"

# Before anything else is imported: an older Python would end in a traceback.
if sys.version_info < (3, 11):  # noqa: UP036
    _version = ".".join(map(str, sys.version_info[:2]))
    sys.stderr.write(f"This is Python {_version} ({sys.executable}): use Python 3.11, 3.12 or 3.13.\n")
    sys.exit(2)

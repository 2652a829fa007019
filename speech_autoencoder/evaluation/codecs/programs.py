"""Codecs that are programs: run one, and read what it wrote."""

import subprocess
from typing import Any

from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.isolation import describe_status

_LIMIT_S = 600  # for one segment; they take milliseconds for a second of sound


def run(*command: Any) -> None:
    """Run a program and hide its output; raise InputError if it fails, crashes or does not end."""
    try:
        done = subprocess.run([*map(str, command)], capture_output=True, stdin=subprocess.DEVNULL, timeout=_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{command[0]} did not end within {_LIMIT_S} s.") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").split("\n")
        reason = next((line.strip() for line in reversed(lines) if line.strip()), describe_status(done.returncode))
        raise InputError(f"{command[0]} failed ({printable(reason)}).")

"""Every dependency is pinned, and the project opens no network connection."""

import re
import subprocess
import sys

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from tests.helpers.common import OFFLINE, ROOT

LOCK = (ROOT / "requirements.lock").read_text()


def requirements(text):
    """Return the Requirements in a file, without its comments and hashes."""
    text = re.sub(r"\\\n\s*--hash=\S+", "", text)
    lines = (line.split("#")[0].strip(" \\") for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


@pytest.mark.parametrize("version", ["3.11.0", "3.12.0", "3.13.0"])
@pytest.mark.parametrize(("system", "machine"), [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")])
def test_lock_pins_what_the_requirements_ask_for(version, system, machine):
    """After a change of requirements.txt: make lock."""
    here = default_environment() | {
        "python_version": version.rpartition(".")[0],
        "python_full_version": version,
        "sys_platform": system,
        "platform_machine": machine,
    }

    def wanted(text):
        return {
            each.name: str(each.specifier)
            for each in requirements(text)
            if each.marker is None or each.marker.evaluate(here)
        }

    asked = wanted((ROOT / "requirements.txt").read_text())
    assert "keras" in asked
    assert asked.items() <= wanted(LOCK).items()


def test_lock_has_a_version_and_a_hash_for_everything():
    blocks = re.split(r"\n(?=[a-z0-9])", LOCK, flags=re.IGNORECASE)[1:]
    assert len(blocks) == len(requirements(LOCK)) > 50
    for block in blocks:
        assert re.match(r"[A-Za-z0-9_.-]+==\S+", block)
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to watch")
@pytest.mark.parametrize(
    "call",
    [
        "socket.socket().connect(('127.0.0.1', 9))",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))",
        "socket.getaddrinfo('example.org', 80)",
    ],
)
def test_offline_kills_what_calls_someone(call):
    """All tests run the scripts like this, so they fail if a script or a library opens a connection."""
    code = "import offline, sys; sys.exit(offline.forbid_calls())"
    if not subprocess.run([sys.executable, "-c", code], cwd=OFFLINE.parent, check=False).returncode:
        pytest.skip("this kernel cannot watch")
    done = subprocess.run([sys.executable, OFFLINE, sys.executable, "-c", f"import socket; {call}"], check=False)
    assert done.returncode == -31  # SIGSYS

"""python offline.py COMMAND ...: run a command that the kernel kills as soon as it opens a connection.

Sockets as such are allowed: a library makes one to see whether there is IPv6. Outside of Linux, and on processors
whose system calls are not known here, the command runs without this check.
"""

import ctypes
import os
import platform
import struct
import sys

# The numbers of the system calls connect() and sendto().
_CALLS = {"x86_64": (42, 44), "aarch64": (203, 206)}.get(platform.machine() if sys.platform == "linux" else "")
# Options of prctl(2).
_NO_NEW_PRIVILEGES = 38
_SET_SECCOMP = 22
_FILTER = 2
# Instructions of a filter, and what it returns.
_LOAD = 0x20
_JUMP_IF_EQUAL = 0x15
_RETURN = 0x06
_KILL = 0x80000000
_ALLOW = 0x7FFF0000


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def forbid_calls() -> bool:
    """Have the kernel kill this process, and those it starts, when they open a connection; return whether it can."""
    if _CALLS is None:
        return False
    connect, sendto = _CALLS
    instructions = (  # (what, jump if true, jump if false, number): seccomp(2)
        (_LOAD, 0, 0, 0),  # the call's number
        (_JUMP_IF_EQUAL, 3, 0, connect),
        (_JUMP_IF_EQUAL, 0, 3, sendto),
        (_LOAD, 0, 0, 48),  # sendto's address, which a connected socket's send() leaves out
        (_JUMP_IF_EQUAL, 1, 0, 0),
        (_RETURN, 0, 0, _KILL),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    kept = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(instructions), ctypes.addressof(kept))
    libc = ctypes.CDLL(None)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return False
    return libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0


if __name__ == "__main__":
    forbid_calls()
    os.execv(sys.argv[1], sys.argv[1:])

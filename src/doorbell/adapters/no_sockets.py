"""A process takes the network from itself, for good: a filter on its system calls.

It needs no privilege and no namespace, so it works in a hardened unit and in a
container as on a desk.
"""

from __future__ import annotations

import ctypes
import platform
import struct

# linux/prctl.h, linux/seccomp.h, linux/audit.h, linux/filter.h.
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _MACHINE_AT = 0, 4
# By machine: its name in the kernel's audit, then socket, socketpair, io_uring_setup.
_MACHINES = {
    "x86_64": (0xC000003E, (41, 53, 425)),
    "aarch64": (0xC00000B7, (198, 199, 425)),
}
# On x86-64 the same calls once more, for the x32 ABI.
_X32 = 0x40000000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def filter_code(machine: str) -> bytes:
    """Return the filter's program; empty for a machine whose numbers we do not know."""
    if machine not in _MACHINES:
        return b""
    audit, numbers = _MACHINES[machine]
    steps = [
        _step(_LOAD, _MACHINE_AT),
        _step(_IF_EQUAL, audit, yes=1),
        # It changed to another ABI, whose numbers mean something else.
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_IF_AT_LEAST, _X32, yes=len(numbers) + 1),
        *(
            _step(_IF_EQUAL, number, yes=len(numbers) - place)
            for place, number in enumerate(numbers)
        ),
        _step(_RETURN, _ALLOW),
        _step(_RETURN, _REFUSE),
    ]
    return b"".join(steps)


def deny_sockets() -> bool:
    """Make every new socket of this process and its children an error.

    Returns:
        False where the kernel or the machine knows no such filter.
    """
    code = filter_code(platform.machine())
    if not code:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    memory = ctypes.create_string_buffer(code)
    program = _Program(len(code) // 8, ctypes.addressof(memory))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    refused = libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)
    return bool(refused == 0)

"""Bytes handed to another process as a memfd that can no longer change.

The seals let the receiver read without copying first: whoever sent it, a crashing or
broken sender included, cannot shrink it or write to it afterwards.
"""

from __future__ import annotations

import fcntl
import os

from doorbell.core.errors import BadInputError

_FIXED = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def sealed_memfd(data: bytes) -> int:
    """Put bytes into a new sealed memfd; the caller closes the descriptor.

    Its offset is at the end: readers use `read_sealed`, which does not depend on it.
    """
    fd = os.memfd_create("doorbell-data", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(fd, left) :]
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _FIXED | fcntl.F_SEAL_SEAL)
    except BaseException:
        os.close(fd)
        raise
    return fd


def read_sealed(fd: int, limit: int) -> bytes:
    """Read everything from a sealed memfd; does not close it.

    Args:
        fd: as received from another process.
        limit: most bytes the caller is ready to take.

    Raises:
        BadInputError: it is not a memfd, could still change, or is too large.
    """
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError as error:
        msg = "the descriptor is not a sealed memfd"
        raise BadInputError(msg) from error
    if seals & _FIXED != _FIXED:
        msg = "the memfd could still be changed by its sender"
        raise BadInputError(msg)
    size = os.fstat(fd).st_size
    if size > limit:
        msg = f"{size} bytes are more than the {limit} expected"
        raise BadInputError(msg)
    return _read_all(fd, size)


def _read_all(fd: int, size: int) -> bytes:
    parts, offset = [], 0
    while offset < size:
        # One pread returns at most 2 GiB.
        part = os.pread(fd, size - offset, offset)
        parts.append(part)
        offset += len(part)
    return b"".join(parts)

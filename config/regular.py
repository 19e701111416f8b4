"""Read a file that somebody named, whatever it turns out to be.

Apart from `config.files`, so that who reads a secret does not load what reads TOML.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_regular(path: Path, limit: int) -> tuple[bytes, int]:
    """Read at most one byte more than `limit` from a regular file.

    Returns:
        The bytes, and the size of the whole file.

    Raises:
        OSError: it cannot be opened, or is a folder, a FIFO, a device.
        ValueError: the name holds a null character.
    """
    # Not blocking: opening a FIFO would wait for ever.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        state = os.fstat(fd)
        if stat.S_ISDIR(state.st_mode):
            raise IsADirectoryError(errno.EISDIR, "is a directory, not a file")
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file")
        with open(fd, "rb", closefd=False) as file:
            return file.read(limit + 1), state.st_size
    finally:
        os.close(fd)

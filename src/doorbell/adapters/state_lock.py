"""One writer of the state directory at a time.

The kernel drops the lock with its holder, however that one dies, so there is no stale
lock to break. The file stays: removing it would let two processes lock two files.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from doorbell.adapters.durable_file import make_folder, storage_error
from doorbell.core.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE = "lock"
_PID_DIGITS = 20


class StateLock:
    """The lock on a state directory, from construction until `release`.

    Not inherited by children: `os.open` marks the descriptor close-on-exec.

    Raises:
        UnavailableError: another process holds it, named by its pid.
        StorageError: the lock file cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        path = folder / LOCK_FILE
        try:
            self._descriptor = _open(folder, path)
        except OSError as error:
            raise storage_error(error, str(path)) from error
        try:
            self._take(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _take(self, path: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(self._descriptor)
            msg = f"{path.parent} is in use by process {holder}"
            raise UnavailableError(
                msg, hint=f"Stop it first, or see what it is: `ps {holder}`."
            ) from error
        except OSError as error:
            raise storage_error(error, str(path)) from error
        # The pid is for people only: a full disk must not cost the lock.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)


def _open(folder: Path, path: Path) -> int:
    """Open what is locked: a card that cannot be written must not cost the lock."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.ENOSPC):
            raise
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def _holder(descriptor: int) -> str:
    text = ""
    with suppress(OSError):
        text = os.pread(descriptor, _PID_DIGITS, 0).decode(errors="replace").strip()
    return text if text.isdigit() else "unknown"

"""Room kept back for the day the disk is full.

A file of real blocks. When a transaction finds no room, it is removed and the ring that
came just then is stored all the same.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from doorbell.adapters.durable_file import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_FILE = "reserve"
# Rebuilt only when it takes at most a quarter of the room, or it would be given up
# and rebuilt in turns, wearing the card.
_ROOM_FACTOR = 4


class Reserve:
    """The reserve of one state directory.

    Args:
        folder: the state directory.
        size_bytes: how much is kept back.
    """

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._path = folder / RESERVE_FILE
        self._size_bytes = size_bytes

    def give_up(self) -> bool:
        """Remove it; False if it was not there or cannot be removed."""
        try:
            self._path.unlink()
        except OSError:
            return False
        with suppress(OSError):
            sync_folder(self._path.parent)
        return True

    def rebuild(self) -> bool:
        """Make it, if it is absent and there is room to spare; says if it is there."""
        with suppress(OSError):
            if self._path.stat().st_size == self._size_bytes:
                return True
        try:
            self._path.unlink(missing_ok=True)
            room = os.statvfs(self._path.parent)
            if room.f_bavail * room.f_frsize < self._size_bytes * _ROOM_FACTOR:
                return False
            self._allocate()
        except OSError:
            # No reserve is no reason to refuse anything now.
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            return False
        return True

    def _allocate(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = os.open(self._path, flags, 0o600)
        try:
            # Blocks, not a hole: a hole gives nothing back.
            os.posix_fallocate(descriptor, 0, self._size_bytes)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(self._path.parent)

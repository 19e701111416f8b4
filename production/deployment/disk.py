"""The system calls through which the deployer changes a disk, to be cut and failed."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    StrPath = str | os.PathLike[str]


class Disk(Protocol):
    """What the deployer asks of a disk, by the names of `os`."""

    def open(self, path: StrPath, flags: int, mode: int = 0o777) -> int:
        """As `os.open`."""
        ...

    def close(self, fd: int) -> None:
        """As `os.close`."""
        ...

    def read(self, fd: int, length: int) -> bytes:
        """As `os.read`."""
        ...

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """As `os.write`."""
        ...

    def fsync(self, fd: int) -> None:
        """As `os.fsync`."""
        ...

    def syncfs(self, fd: int) -> None:
        """Bring all of the file system of `fd` to disk."""
        ...

    def rename(self, source: StrPath, target: StrPath) -> None:
        """As `os.rename`."""
        ...

    def unlink(self, path: StrPath) -> None:
        """As `os.unlink`."""
        ...

    def symlink(self, source: StrPath, path: StrPath) -> None:
        """As `os.symlink`."""
        ...

    def readlink(self, path: StrPath) -> str:
        """As `os.readlink`."""
        ...


class KernelDisk:
    """The disk of this machine."""

    def open(self, path: StrPath, flags: int, mode: int = 0o777) -> int:
        """As `os.open`."""
        return os.open(path, flags, mode)

    def close(self, fd: int) -> None:
        """As `os.close`."""
        os.close(fd)

    def read(self, fd: int, length: int) -> bytes:
        """As `os.read`."""
        return os.read(fd, length)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """As `os.write`."""
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        """As `os.fsync`."""
        os.fsync(fd)

    def syncfs(self, fd: int) -> None:
        """One flush for a venv of thousands of files; reports what failed."""
        if ctypes.CDLL(None, use_errno=True).syncfs(fd) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def rename(self, source: StrPath, target: StrPath) -> None:
        """As `os.rename`."""
        os.rename(source, target)  # noqa: PTH104 - one name for the real and the simulated disk

    def unlink(self, path: StrPath) -> None:
        """As `os.unlink`."""
        os.unlink(path)  # noqa: PTH108 - as above

    def symlink(self, source: StrPath, path: StrPath) -> None:
        """As `os.symlink`."""
        os.symlink(source, path)  # noqa: PTH211 - as above

    def readlink(self, path: StrPath) -> str:
        """As `os.readlink`."""
        return os.fspath(os.readlink(path))  # noqa: PTH115 - as above


def write_whole(disk: Disk, path: str, content: bytes) -> None:
    """Replace a file: after return the new content is durable, before it the old is.

    Raises:
        OSError: and what is at `path` is the old content, or already the new one.
    """
    temporary = f"{path}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = disk.open(temporary, flags, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[disk.write(fd, view) :]
        disk.fsync(fd)
    finally:
        disk.close(fd)
    disk.rename(temporary, path)
    sync_folder(disk, os.path.dirname(path))  # noqa: PTH120 - text, as the simulated disk has it


def sync_folder(disk: Disk, folder: str) -> None:
    """Make the names in a folder durable."""
    fd = disk.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        disk.fsync(fd)
    finally:
        disk.close(fd)


def sync_all_below(disk: Disk, folder: str) -> None:
    """Make a whole tree durable, however many files it has.

    Raises:
        OSError: something of it may be lost.
    """
    fd = disk.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        disk.syncfs(fd)
    finally:
        disk.close(fd)


def read_whole(disk: Disk, path: str) -> bytes:
    """Return the content of a file.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read.
    """
    fd = disk.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := disk.read(fd, 1 << 16):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        disk.close(fd)


def point_link(disk: Disk, target: str, path: str) -> None:
    """Let a symbolic link point elsewhere, in one step: it is never absent."""
    temporary = f"{path}.tmp"
    with suppress(FileNotFoundError):
        disk.unlink(temporary)
    disk.symlink(target, temporary)
    disk.rename(temporary, path)
    sync_folder(disk, os.path.dirname(path))  # noqa: PTH120 - as above

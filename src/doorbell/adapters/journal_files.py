"""The files of the ring journal: how they are found, made and read.

`spare` is a zeroed file of full size, ready to become the next one: a disk that fills
up still takes the rings of the current file and of the spare. Real zeros are written,
so that a ring's fdatasync allocates nothing. A file gets its own name only after its
header is on disk; nothing with a number is ever half made.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from doorbell.core.errors import StorageError
from doorbell.core.journal import (
    RECORD_BYTES,
    Header,
    Scan,
    encode_header,
    file_bytes,
    scan,
)

if TYPE_CHECKING:
    from pathlib import Path

_SPARE = "spare"
_UNFINISHED = "spare.tmp"
_LOCK = "lock"
_SUFFIX = ".rings"
_CHUNK_BYTES = 64 * 1024


def numbered(folder: Path) -> list[tuple[int, Path]]:
    """Return the journal's files with their numbers, oldest first.

    Raises:
        OSError: the folder is there but cannot be listed; `glob` would find nothing.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    stems = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
    numbers = [int(stem) for stem in stems if stem.isascii() and stem.isdigit()]
    return [(number, path_of(folder, number)) for number in sorted(numbers)]


def path_of(folder: Path, number: int) -> Path:
    """Where the file of that number is."""
    return folder / f"{number:010d}{_SUFFIX}"


def read(path: Path) -> Scan:
    """Read a file and make sure that what was read is on disk.

    Without that a reader could act on a ring that a power cut then takes away, and
    its number would be used again.

    Raises:
        OSError: it cannot be read or synchronised.
        NewerStateError: a later release wrote it.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with os.fdopen(os.dup(fd), "rb") as file:
            content = file.read()
        os.fdatasync(fd)
    finally:
        os.close(fd)
    return scan(content)


def take_folder(folder: Path) -> int:
    """Make the folder if needed, make it private, and lock it.

    Returns:
        The descriptor that holds the lock; the lock ends with it.

    Raises:
        StorageError: it is somebody else's, or another process writes there.
        OSError: whatever the file system says.
    """
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        msg = f"{folder} belongs to user {owner}, not to user {os.geteuid()}"
        hint = f"Run the daemon as its own user, or `chown -R` {folder}."
        raise StorageError(msg, hint=hint)
    # Who can write here can invent rings; what they say tells when people are home.
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    lock_fd = lock_folder(folder)
    # Whoever made the folder or named a file in it may have died before this.
    _sync_folder(folder.parent)
    _sync_folder(folder)
    return lock_fd


def lock_folder(folder: Path) -> int:
    """Take the right to write in it, until the returned descriptor is closed.

    Raises:
        StorageError: another process has it.
        OSError: whatever the file system says.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(folder / _LOCK, flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        msg = f"another process writes the ring journal in {folder}"
        hint = "Stop the other daemon: the journal has one writer."
        raise StorageError(msg, hint=hint) from error
    return fd


def make_spare(folder: Path, slots: int) -> None:
    """Make the next file ahead, unless it is there.

    Raises:
        OSError: no room; what was made so far is removed.
    """
    if (folder / _SPARE).exists():
        return
    unfinished = folder / _UNFINISHED
    unfinished.unlink(missing_ok=True)
    try:
        _write_zeros(unfinished, file_bytes(slots))
        unfinished.rename(folder / _SPARE)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def begin(folder: Path, number: int, first_seq: int, slots: int) -> tuple[int, Header]:
    """Begin a file, in the spare or in a new one, and open it for writing.

    Raises:
        OSError: neither worked.
    """
    if (folder / _SPARE).exists():
        with contextlib.suppress(OSError):
            return _name_spare(folder, number, first_seq)
        # Never again on a file that failed.
        (folder / _SPARE).unlink(missing_ok=True)
    make_spare(folder, slots)
    return _name_spare(folder, number, first_seq)


def _name_spare(folder: Path, number: int, first_seq: int) -> tuple[int, Header]:
    fd = os.open(folder / _SPARE, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # Made when other sizes were wanted, it still serves.
        slots = os.fstat(fd).st_size // RECORD_BYTES - 1
        header = Header(number, first_seq, slots)
        write_durably(fd, encode_header(header), 0)
        (folder / _SPARE).rename(path_of(folder, number))
        _sync_folder(folder)
    except OSError:
        close_quietly(fd)
        raise
    return fd, header


def reopen(path: Path) -> int:
    """Open a file that was begun before."""
    return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)


def write_durably(fd: int, block: bytes, offset: int) -> None:
    """Write and wait for the disk.

    Raises:
        OSError: it failed; nothing is known of what the disk holds there.
    """
    written = os.pwrite(fd, block, offset)
    if written != len(block):
        msg = f"only {written} of {len(block)} bytes were written"
        raise OSError(msg)
    os.fdatasync(fd)
    if os.fstat(fd).st_nlink == 0:
        msg = "the file was deleted while it was in use"
        raise OSError(msg)


def close_quietly(fd: int) -> None:
    """Close a descriptor whose errors were seen already."""
    with contextlib.suppress(OSError):
        os.close(fd)


def _write_zeros(path: Path, size: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    try:
        for offset in range(0, size, _CHUNK_BYTES):
            chunk = bytes(min(_CHUNK_BYTES, size - offset))
            if os.pwrite(fd, chunk, offset) != len(chunk):
                msg = f"no room for {size} bytes"
                raise OSError(msg)
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

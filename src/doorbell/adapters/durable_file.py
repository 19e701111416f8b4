"""Files that are whole or not there, whatever is cut off when.

A rename is atomic but not durable, a write is neither: so the new content is synced
before the rename and the folder after it.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from doorbell.core.errors import DiskFullError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
TEMPORARY = ".tmp"


def storage_error(error: OSError, what: str) -> StorageError:
    """Say in our words what the operating system said about `what`."""
    message = f"{what}: {error.strerror or error}"
    if error.errno in _FULL:
        return DiskFullError(message)
    if error.errno == errno.EROFS:
        return StorageError(
            message,
            hint="The card is mounted read-only, often after an error on it: see "
            "`dmesg | tail`, then remount it or replace it.",
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return StorageError(
            message,
            hint="Run it as root or as the doorbell's user (`sudo -u doorbell …`), or "
            "give that folder to the user.",
        )
    return StorageError(message)


@contextmanager
def told_as_storage_error(what: str) -> Iterator[None]:
    """Turn an OSError inside into a StorageError about `what`."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(error, what) from error


def make_folder(folder: Path) -> None:
    """Make a folder for its owner only, durably; an existing one stays as it is."""
    with told_as_storage_error(str(folder)):
        if folder.is_dir():
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable: what was renamed, made or removed in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, content: bytes) -> None:
    """Replace `path` by a file with this content, mode 0600, all or nothing."""
    temporary = path.with_name(path.name + TEMPORARY)
    with told_as_storage_error(str(path)):
        try:
            write_synced(temporary, content)
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def create_file(path: Path, content: bytes) -> None:
    """As `write_file`, but never replace anything.

    Raises:
        FileExistsError: there is something at `path` already.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        write_synced(temporary, content)
        # Unlike a rename, a link fails if the name is taken.
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError as error:
        raise storage_error(error, str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    with told_as_storage_error(str(path)):
        sync_folder(path.parent)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file anew, mode 0600, and sync it; the folder's entry is not synced."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

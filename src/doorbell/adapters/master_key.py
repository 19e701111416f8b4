"""The file with the master key: made once, read, never overwritten."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.adapters.durable_file import (
    TEMPORARY,
    create_file,
    make_folder,
    storage_error,
)
from doorbell.adapters.vault import KEY_BYTES
from doorbell.core.errors import KeyExposedError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_FILE = Path("keys", "master.key")
# Group read is left alone: systemd shows a credential's access list as such.
_TOO_OPEN = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP


def create_master_key(path: Path, random: Callable[[int], bytes] = os.urandom) -> bytes:
    """Make a new key file, mode 0600, durable before it is used.

    Raises:
        StorageError: it exists, or cannot be written.
    """
    make_folder(path.parent)
    key = random(KEY_BYTES)
    try:
        create_file(path, key)
    except FileExistsError as error:
        msg = f"{path} exists and is not overwritten"
        raise StorageError(
            msg, hint="Everything stored is sealed under it: keep it."
        ) from error
    return key


def read_master_key(path: Path) -> bytes:
    """Read the key.

    Raises:
        StorageError: absent, open to others, no regular file, or of another length.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        msg = f"the master key {path} is gone"
        raise StorageError(
            msg, hint="Put it back from the backup: nothing can be opened without it."
        ) from error
    except OSError as error:
        raise storage_error(error, str(path)) from error
    try:
        _check_file(path, os.fstat(descriptor))
        return os.read(descriptor, KEY_BYTES)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise storage_error(error, str(path)) from error
    finally:
        os.close(descriptor)


def discard_half_made(path: Path) -> None:
    """Remove the second name a key has if it was cut off while being made."""
    # The folder may be read-only, as that of a credential is.
    with suppress(OSError):
        path.with_name(path.name + TEMPORARY).unlink(missing_ok=True)


def _check_file(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        msg = f"the master key {path} is not a file"
        raise StorageError(msg, hint="Move it away and put the key back in its place.")
    if status.st_mode & _TOO_OPEN:
        msg = f"the master key {path} is open to others ({status.st_mode & 0o777:04o})"
        raise KeyExposedError(msg, hint=f"Run `chmod 600 {path}`.")
    if status.st_size != KEY_BYTES:
        msg = f"the master key {path} has {status.st_size} bytes, not {KEY_BYTES}"
        raise StorageError(msg, hint="Put it back from the backup.")

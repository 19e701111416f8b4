"""Try a state directory with this release, on a copy: would it open?"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from doorbell.adapters.master_key import KEY_FILE
from doorbell.adapters.store_database import storage_error
from doorbell.adapters.store_sqlite import DATABASE, Store, StoreOptions
from doorbell.core.errors import StorageError

_BUSY_S = 10.0
_NO_RESERVE = 4096


def try_store(folder: Path, key_file: Path | None) -> None:
    """Open a copy of the database in `folder`, which another process may be writing.

    Args:
        folder: the state directory; it is only read.
        key_file: the master key; None for the usual place in `folder`.

    Raises:
        StorageError: it cannot be migrated, or not be opened with this key.
        NewerStateError: a newer release wrote it.
    """
    if not (folder / DATABASE).exists():
        return
    with tempfile.TemporaryDirectory(prefix="doorbell-trial-") as trial:
        copy = Path(trial)
        _copy(folder / DATABASE, copy / DATABASE)
        options = StoreOptions(
            key_file=key_file or folder / KEY_FILE, reserve_bytes=_NO_RESERVE
        )
        Store.open(copy, options).close()


def _copy(source: Path, to: Path) -> None:
    address = f"{source.resolve().as_uri()}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(address, timeout=_BUSY_S, uri=True)) as old,
            closing(sqlite3.connect(to)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        told = storage_error(error, source)
        raise told or StorageError(f"{source}: {error}") from error

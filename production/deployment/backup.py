"""A copy of `state.db` before a release that may change its tables takes over."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from production.errors import StepFailedError

if TYPE_CHECKING:
    from pathlib import Path

_BUSY_S = 10.0


def copy_database(source: Path, to: Path) -> bool:
    """Copy a database that may be in use; false if there is none yet.

    Raises:
        StepFailedError: it cannot be read, or the copy not be written.
    """
    if not source.exists():
        return False
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    to.unlink(missing_ok=True)
    try:
        with (
            closing(
                sqlite3.connect(_address(source), timeout=_BUSY_S, uri=True)
            ) as old,
            closing(sqlite3.connect(to)) as new,
        ):
            old.backup(new)
    except (sqlite3.Error, OSError) as error:
        to.unlink(missing_ok=True)
        msg = f"{source} cannot be copied: {error}"
        raise StepFailedError(msg) from error
    to.chmod(0o600)
    return True


def _address(source: Path) -> str:
    """How to open it without writing anything beside it."""
    # A database nobody has open has no log; to read it SQLite would begin one, which
    # it may not where the timer's unit sees the state read-only.
    is_open = source.with_name(f"{source.name}-wal").exists()
    return f"{source.resolve().as_uri()}?{'mode=ro' if is_open else 'immutable=1'}"

"""The connection to `state.db`: how it is opened, and what its errors mean.

WAL with `synchronous=FULL`: a commit is on the card when it returns. `secure_delete`
overwrites what is deleted. After an input/output error the connection is replaced, so
that no later commit builds on pages whose fsync failed.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from doorbell.adapters.durable_file import (
    TEMPORARY,
    sync_folder,
    told_as_storage_error,
)
from doorbell.adapters.store_schema import create_meta, migrate
from doorbell.core.errors import DiskFullError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PRIMARY_CODE = 0xFF
# Less than this free while an input/output error is reported: the disk is full. SQLite
# reports the lack of room for its shared memory so.
_NO_ROOM_BYTES = 64 * 1024
_RESTORE = "Restore the last backup, or move state.db away to begin anew."


class Database:
    """One connection, used from the thread that opened it.

    Args:
        path: an existing database, made by `create_database`.
        busy_s: how long another program may hold it before that is an error.

    Raises:
        StorageError: it cannot be used, and what to do about it; nothing was changed.
        NewerStateError: it was written by a release we cannot follow.
    """

    def __init__(self, path: Path, busy_s: float) -> None:
        self._path = path
        self._busy_s = busy_s
        self._is_suspect = False
        self._connection = self._connect()
        try:
            with self._told():
                self._check()
                migrate(self._connection)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close it; the log is folded into the database if that is possible."""
        with suppress(sqlite3.Error):
            self._connection.close()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for reading."""
        with self._told():
            yield self._sound_connection()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one transaction: all of it is done, or nothing."""
        with self._told():
            connection = self._sound_connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise

    def try_write(self) -> None:
        """Begin a write and take it back: the card is asked, and not worn.

        Raises:
            StorageError: a write would fail, as far as that shows without one.
        """
        if not os.access(self._path, os.W_OK):
            msg = f"{self._path} cannot be written: read-only, or gone"
            raise StorageError(msg)
        with self._told():
            connection = self._sound_connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(
                    "UPDATE meta SET value = value WHERE name = 'schema'"
                )
            finally:
                self._roll_back(connection)

    def truncate_log(self) -> bool:
        """Fold the write-ahead log into the database and empty it.

        Until then the log still holds deleted rows as they were.

        Returns:
            False if some of the log had to stay: another program was reading, or the
            disk failed. What was committed stays committed; try again later.
        """
        try:
            with self.read() as connection:
                row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except StorageError:
            return False
        return bool(row[0] == 0)

    def _connect(self) -> sqlite3.Connection:
        with self._told(), told_as_storage_error(str(self._path)):
            if self._path.stat().st_size == 0:
                msg = f"{self._path} is empty: it was cut off"
                raise StorageError(msg, hint=_RESTORE)
            # mode=rw: a database that vanished is not silently begun anew.
            return connect(f"{self._path.resolve().as_uri()}?mode=rw", self._busy_s)

    def _check(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        verdict = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            msg = f"{self._path} is damaged: {verdict}"
            raise StorageError(msg, hint=_RESTORE)
        # What a crash left in the log, deleted rows among it, goes now. A disk that
        # is read-only would otherwise be noticed with the first ring only.
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("ROLLBACK")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _sound_connection(self) -> sqlite3.Connection:
        if self._is_suspect:
            self.close()
            self._connection = self._connect()
            self._is_suspect = False
        return self._connection

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._is_suspect = True

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            told = storage_error(error, self._path)
            if told is None:
                raise
            if _code(error) in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT}:
                self._is_suspect = True
            raise told from error


def connect(address: str, busy_s: float) -> sqlite3.Connection:
    """Open a connection with our pragmas; transactions are begun by hand."""
    connection = sqlite3.connect(
        address, timeout=busy_s, isolation_level=None, uri=True
    )
    try:
        connection.row_factory = sqlite3.Row
        for pragma in ("synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def create_database(path: Path) -> None:
    """Make a database with all its tables; it appears whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    with told_as_storage_error(str(path)):
        for leftover in path.parent.glob(temporary.name + "*"):
            leftover.unlink()
        # Ours before SQLite makes it: its log inherits the mode.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        try:
            _fill(temporary)
        except sqlite3.Error as error:
            raise storage_error(error, path) or error from error
        temporary.replace(path)
        sync_folder(path.parent)


def _fill(path: Path) -> None:
    connection = connect(path.resolve().as_uri(), busy_s=1.0)
    try:
        connection.execute("BEGIN IMMEDIATE")
        create_meta(connection)
        connection.execute("COMMIT")
        migrate(connection)
    finally:
        connection.close()


def storage_error(error: sqlite3.Error, path: Path) -> StorageError | None:
    """Say what SQLite's error means for the owner; None if it is a bug of ours."""
    message = f"{path}: {error}"
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return DiskFullError(message)
        case sqlite3.SQLITE_IOERR if _free_bytes(path) < _NO_ROOM_BYTES:
            return DiskFullError(message)
        case sqlite3.SQLITE_IOERR:
            return StorageError(message)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            hint = f"Another program holds it: `fuser {path}` says which; end it."
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            hint = "Make the card and the folder writable for the doorbell's user."
        case sqlite3.SQLITE_CANTOPEN:
            hint = "See whether the card is mounted writable and the path is a file."
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            hint = _RESTORE
        case _:
            return None
    return StorageError(message, hint=hint)


def _code(error: sqlite3.Error) -> int:
    # Errors of the Python module itself carry no code.
    return int(getattr(error, "sqlite_errorcode", 0)) & _PRIMARY_CODE


def _free_bytes(path: Path) -> int:
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return _NO_ROOM_BYTES
    return room.f_bavail * room.f_frsize

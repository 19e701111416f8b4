"""The tables of `state.db`, and how they change from release to release.

A change first *expands* (new tables and columns that the release before ignores; its
`oldest_reader` stays), and *contracts* a release later. So the release before can
always open the database, and an update can be taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.errors import NewerStateError, StorageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_STAMP = """
    boot_id TEXT NOT NULL,
    mono_ns INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL,
    synced INTEGER NOT NULL"""

_FIRST = (
    f"""CREATE TABLE visits (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    ring_seq INTEGER NOT NULL,
    ring_source TEXT NOT NULL,
    durable INTEGER NOT NULL,{_STAMP},
    rings INTEGER NOT NULL,
    state TEXT NOT NULL,
    steps TEXT NOT NULL,
    decision TEXT,
    reason TEXT NOT NULL,
    synthetic INTEGER NOT NULL,
    faces_key BLOB NOT NULL,
    faces BLOB,
    picture_key BLOB,
    picture_path TEXT,
    picture_bytes INTEGER NOT NULL DEFAULT 0
    ) STRICT""",
    "CREATE INDEX visits_by_state ON visits (state)",
    f"""CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    visit_id TEXT NOT NULL REFERENCES visits (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,{_STAMP},
    attempts INTEGER NOT NULL,
    state TEXT NOT NULL,
    last_error TEXT NOT NULL,
    late INTEGER NOT NULL,
    UNIQUE (visit_id, kind, target)
    ) STRICT""",
    "CREATE INDEX outbox_by_state ON outbox (state)",
    f"""CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    item_id INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,{_STAMP},
    outcome TEXT NOT NULL,
    error TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX attempts_by_item ON attempts (item_id)",
    f"""CREATE TABLE people (
    id TEXT PRIMARY KEY,
    key BLOB NOT NULL,
    name BLOB NOT NULL,
    consent BLOB NOT NULL,{_STAMP}
    ) STRICT""",
    """CREATE TABLE photos (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    space TEXT NOT NULL,
    embedding BLOB NOT NULL,
    jpeg BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX photos_by_person ON photos (person_id)",
    f"CREATE TABLE tombstones (digest BLOB PRIMARY KEY,{_STAMP}) STRICT",
    f"""CREATE TABLE gaps (
    seq INTEGER PRIMARY KEY,
    ring_id TEXT NOT NULL UNIQUE,
    ring_seq INTEGER NOT NULL,
    ring_source TEXT NOT NULL,{_STAMP}
    ) STRICT""",
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from `schema - 1` to `schema`.

    Attributes:
        oldest_reader: the oldest schema whose release can use the result.
        statements: all or none are executed.
    """

    schema: int
    oldest_reader: int
    statements: tuple[str, ...]


MIGRATIONS = (Migration(schema=1, oldest_reader=1, statements=_FIRST),)


def migrate(
    connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    """Bring a database up to the last of `migrations`, or leave it as it is.

    A database ahead of us stays as it is, as long as its `oldest_reader` includes us.

    Raises:
        NewerStateError: it does not.
        StorageError: this is no database of ours.
        sqlite3.Error: and the database is as it was.
    """
    ours = migrations[-1].schema
    schema = _number(connection, "schema")
    oldest_reader = _number(connection, "oldest_reader")
    if oldest_reader > ours:
        msg = f"state.db is for readers of schema {oldest_reader} on; we read {ours}"
        raise NewerStateError(msg)
    for migration in migrations:
        if migration.schema > schema:
            _apply(connection, migration)


def create_meta(connection: sqlite3.Connection) -> None:
    """Make the one table every release can read."""
    connection.execute(
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT"
    )
    connection.executemany(
        "INSERT INTO meta VALUES (?, ?)",
        [("schema", 0), ("oldest_reader", 0), ("cursor", 0)],
    )


def meta(connection: sqlite3.Connection, name: str) -> object:
    """Read one value; None if it was never set."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,))
    found = row.fetchone()
    return None if found is None else found[0]


def set_meta(connection: sqlite3.Connection, name: str, value: object) -> None:
    """Write one value, within the caller's transaction."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def _number(connection: sqlite3.Connection, name: str) -> int:
    tables = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'")
    value = meta(connection, name) if tables.fetchone() else None
    if not isinstance(value, int):
        msg = f"state.db has no {name}: it is not a database of this doorbell"
        raise StorageError(msg, hint="Move it away, or restore a backup.")
    return value


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in migration.statements:
            connection.execute(statement)
        set_meta(connection, "schema", migration.schema)
        set_meta(connection, "oldest_reader", migration.oldest_reader)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise

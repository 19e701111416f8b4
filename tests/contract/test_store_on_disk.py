"""What only the store on disk promises: clear refusals, and nothing half."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from stored import ITEM, STAMP, VISIT, opened

from doorbell.adapters.store_database import connect
from doorbell.adapters.store_schema import MIGRATIONS, Migration, meta, migrate
from doorbell.core.errors import NewerStateError, StorageError
from doorbell.core.ring import Ring
from doorbell.core.stamp import Stamp
from doorbell.ports.store import OutboxItem, VisitRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A state directory with one visit, its picture, and nothing open."""
    folder = tmp_path / "state"
    with closing(opened(folder)) as store:
        store.open_visit(VISIT, [ITEM], 1)
        store.save_picture(VISIT.id, b"picture")
    return folder


def test_all_that_was_stored_is_there_after_reopening(used: Path) -> None:
    with closing(opened(used)) as store:
        assert store.cursor() == 1
        assert [visit.id for visit in store.visits(9)] == [VISIT.id]
        assert store.picture(VISIT.id) == b"picture"
        assert len(store.pending()) == 1


def test_nobody_else_may_read_the_state(used: Path) -> None:
    with closing(opened(used)) as store:
        store.join_visit(VISIT.id, 2, 2)
        for path in [used, *used.rglob("*")]:
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


# What can be in the way.


def empty(path: Path) -> None:
    os.truncate(path, 0)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def scramble(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))


def overwrite(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 500)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def other_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")


@pytest.mark.parametrize(
    "damage", [empty, cut, scramble, overwrite, folder_instead, other_database]
)
def test_a_damaged_database_is_refused_and_left_alone(
    used: Path, damage: Callable[[Path], None]
) -> None:
    database = used / "state.db"
    damage(database)
    before = None if database.is_dir() else database.read_bytes()[:4096]
    for _ in range(2):
        with pytest.raises(StorageError) as refused:
            opened(used)
        assert refused.value.hint
        assert refused.value.exit_code == 69
    if before is not None:
        assert database.read_bytes()[:18] == before[:18]
    assert list((used / "pictures").rglob("*.enc"))


def test_a_lost_database_is_not_begun_anew(used: Path) -> None:
    (used / "state.db").unlink()
    with pytest.raises(StorageError, match="is gone"):
        opened(used)
    assert not (used / "state.db").exists()


def test_a_lost_key_is_not_made_anew(used: Path) -> None:
    (used / "keys" / "master.key").unlink()
    with pytest.raises(StorageError, match="is gone"):
        opened(used)
    assert not (used / "keys" / "master.key").exists()


def test_another_key_is_refused_before_anything_is_written(used: Path) -> None:
    key = used / "keys" / "master.key"
    key.write_bytes(bytes(32))
    with pytest.raises(StorageError, match="not the one") as refused:
        opened(used)
    assert "Put back" in refused.value.hint


def test_a_locked_database_says_so_and_can_be_used_later(used: Path) -> None:
    with closing(opened(used)) as store:
        with closing(connect((used / "state.db").as_uri(), 0.0)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError, match="locked") as refused:
                store.join_visit(VISIT.id, 2, 2)
            assert "fuser" in refused.value.hint
            other.execute("ROLLBACK")
        store.join_visit(VISIT.id, 2, 2)
        assert store.cursor() == 2


def test_a_newer_database_is_refused_only_if_it_says_so(used: Path) -> None:
    database = used / "state.db"
    with closing(connect(database.as_uri(), 0.0)) as connection:
        connection.execute("UPDATE meta SET value = 9 WHERE name = 'schema'")
    opened(used).close()
    with closing(connect(database.as_uri(), 0.0)) as connection:
        connection.execute("UPDATE meta SET value = 9 WHERE name = 'oldest_reader'")
    with pytest.raises(NewerStateError) as refused:
        opened(used)
    assert refused.value.exit_code == 78
    assert refused.value.hint


def test_a_migration_is_done_whole_or_not_at_all(used: Path) -> None:
    ahead = Migration(2, 1, ("ALTER TABLE visits ADD COLUMN mood TEXT",))
    broken = Migration(3, 3, ("DROP TABLE gaps", "DROP TABLE not_there"))
    with closing(connect((used / "state.db").as_uri(), 0.0)) as connection:
        migrate(connection, (*MIGRATIONS, ahead))
        assert meta(connection, "schema") == 2
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, (*MIGRATIONS, ahead, broken))
        assert (meta(connection, "schema"), meta(connection, "oldest_reader")) == (2, 1)
        assert connection.execute("SELECT count(*) FROM gaps").fetchone()[0] == 0
    with closing(opened(used)) as store:
        store.join_visit(VISIT.id, 5, 5)


def test_the_store_belongs_to_the_thread_that_opened_it(used: Path) -> None:
    refused: list[Exception] = []

    def elsewhere() -> None:
        try:
            store.cursor()
        except sqlite3.ProgrammingError as error:
            refused.append(error)

    with closing(opened(used)) as store:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(timeout=5)
    assert len(refused) == 1


def test_a_transaction_that_fails_leaves_nothing(used: Path) -> None:
    stranger = OutboxItem("cd" * 16, "visit", "phone", STAMP)
    with closing(opened(used)) as store:
        with pytest.raises(sqlite3.IntegrityError):
            store.close_visit(VISIT, [ITEM, stranger])
        with pytest.raises(sqlite3.IntegrityError):
            store.open_visit(VISIT, [stranger], 99)
        assert (store.cursor(), len(store.pending())) == (1, 1)
        store.join_visit(VISIT.id, 2, 2)


@pytest.mark.parametrize(
    ("column", "value"),
    [("steps", "{"), ("steps", '{"rung": "x"}'), ("decision", "maybe")],
)
def test_a_row_that_makes_no_sense_is_named(
    used: Path, column: str, value: str
) -> None:
    with closing(opened(used)) as store:
        with closing(connect((used / "state.db").as_uri(), 0.0)) as connection:
            connection.execute(f"UPDATE visits SET {column} = ?", (value,))  # noqa: S608
        with pytest.raises(StorageError, match="damaged") as refused:
            store.visit(VISIT.id)
        assert refused.value.hint


# Pictures.


def test_a_damaged_picture_is_an_error_and_a_missing_one_is_none(used: Path) -> None:
    (file,) = (used / "pictures").rglob("*.enc")
    assert file.parent.name == "1970-01"
    with closing(opened(used)) as store:
        whole = file.read_bytes()
        file.write_bytes(whole[:-1])
        with pytest.raises(StorageError, match="damaged"):
            store.picture(VISIT.id)
        file.unlink()
        assert store.picture(VISIT.id) is None
        store.save_picture(VISIT.id, b"again")
        assert store.picture(VISIT.id) == b"again"


def test_files_without_a_row_and_rows_without_a_file_are_cleared(used: Path) -> None:
    (file,) = (used / "pictures").rglob("*.enc")
    orphan, half = file.with_name("f" * 32 + ".enc"), file.with_suffix(".enc.tmp")
    orphan.write_bytes(b"x")
    half.write_bytes(b"x")
    with closing(opened(used)) as store:
        assert not orphan.exists()
        assert not half.exists()
        assert store.picture(VISIT.id) == b"picture"
    file.unlink()
    with closing(opened(used)) as store:
        found = store.visit(VISIT.id)
        assert found is not None
        assert not found.has_picture


def test_a_picture_without_a_dated_ring_lies_in_no_month(tmp_path: Path) -> None:
    ring = Ring(1, VISIT.id, "gpio", Stamp("b" * 32, 1, 1, synced=False))
    with closing(opened(tmp_path)) as store:
        store.open_visit(VisitRecord(VISIT.id, ring, 1, "rung", {}), [], 1)
        store.save_picture(VISIT.id, b"picture")
    assert (tmp_path / "pictures" / "undated" / f"{VISIT.id}.enc").exists()


# Trying a write.


def test_a_tried_write_leaves_the_card_alone(used: Path) -> None:
    with closing(opened(used)) as store:
        before = {path: path.stat().st_mtime_ns for path in used.glob("state.db*")}
        for _ in range(3):
            store.try_write()
        after = {path: path.stat().st_mtime_ns for path in used.glob("state.db*")}
    assert {p: t for p, t in after.items() if not p.name.endswith("-shm")} == {
        p: t for p, t in before.items() if not p.name.endswith("-shm")
    }


def test_a_tried_write_finds_out_that_another_program_holds_the_database(
    used: Path,
) -> None:
    with closing(opened(used)) as store:
        with closing(sqlite3.connect(used / "state.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError):
                store.try_write()
        store.try_write()


def test_a_tried_write_finds_out_that_the_database_is_gone(used: Path) -> None:
    with closing(opened(used)) as store:
        (used / "state.db").unlink()
        with pytest.raises(StorageError):
            store.try_write()

"""What only the store on disk promises: clear refusals, and nothing half."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.durable_file import write_file
from doorbell.adapters.master_key import create_master_key, read_master_key
from doorbell.adapters.reserve import Reserve
from doorbell.adapters.state_lock import StateLock
from doorbell.adapters.store_database import connect
from doorbell.adapters.store_schema import MIGRATIONS, Migration, meta, migrate
from doorbell.adapters.store_sqlite import Store, StoreOptions
from doorbell.core.errors import (
    DiskFullError,
    NewerStateError,
    StorageError,
    UnavailableError,
)
from doorbell.core.ring import Ring
from doorbell.core.stamp import Stamp
from doorbell.ports.store import OutboxItem, VisitRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STAMP = Stamp("b" * 32, 10, 20, synced=True)
VISIT = VisitRecord("ab" * 16, Ring(1, "ab" * 16, "gpio", STAMP), 1, "rung", {})
ITEM = OutboxItem(VISIT.id, "visit", "phone", STAMP)
SMALL = StoreOptions(reserve_bytes=1 << 16, busy_s=0.05)


def opened(folder: Path) -> Store:
    return Store.open(folder, SMALL)


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
        assert store.pending_count() == 1


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
        assert (store.cursor(), store.pending_count()) == (1, 1)
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


# The key file.


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    key = create_master_key(path)
    assert read_master_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with pytest.raises(StorageError, match="not overwritten"):
        create_master_key(path)
    assert read_master_key(path) == key
    assert [entry.name for entry in path.parent.iterdir()] == ["master.key"]


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666, 0o620, 0o602])
def test_a_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    create_master_key(path)
    path.chmod(mode)
    with pytest.raises(StorageError, match="open to others") as refused:
        read_master_key(path)
    assert "chmod 600" in refused.value.hint


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "master.key"
    write_file(path, bytes(length))
    with pytest.raises(StorageError, match="bytes, not 32"):
        read_master_key(path)


def test_a_pipe_or_folder_is_no_key(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(StorageError, match="not a file"):
            read_master_key(path)


# The lock and the reserve.

HOLD = """
import sys
from pathlib import Path
from doorbell.adapters.state_lock import StateLock
with StateLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_says_who_holds_it_and_dies_with_its_holder(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UnavailableError, match=f"process {holder.pid}") as refused:
            StateLock(tmp_path)
        assert str(holder.pid) in refused.value.hint
        holder.kill()
    lock = StateLock(tmp_path)
    lock.release()
    lock.release()
    StateLock(tmp_path).release()


def test_the_reserve_is_of_real_blocks_and_given_up_once(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 1 << 20)
    assert not reserve.give_up()
    assert reserve.rebuild()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 1 << 20
    assert reserve.rebuild()
    assert reserve.give_up()
    assert not reserve.give_up()


def test_a_reserve_larger_than_the_room_is_not_made(tmp_path: Path) -> None:
    assert not Reserve(tmp_path, 1 << 60).rebuild()
    assert not (tmp_path / "reserve").exists()


# A full disk, a read-only one. Mounting needs root.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        [
            "/usr/bin/mount",
            "-t",
            "tmpfs",
            "-o",
            "size=1m,mode=0700",
            "tmpfs",
            str(folder),
        ],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["/usr/bin/umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def ring_until_full(store: Store, first: int) -> int:
    """Ring until the disk refuses; returns the number of the ring refused."""
    for number in range(first, first + 500):
        try:
            store.open_visit(numbered(number), [], number)
        except DiskFullError:
            return number
    pytest.fail("the disk never filled up")


def numbered(number: int) -> VisitRecord:
    ring = Ring(number, f"{number:032x}", "gpio", STAMP)
    return VisitRecord(ring.id, ring, 1, "rung", {})


def test_a_ring_on_a_full_disk_is_stored_after_making_room(small_disk: Path) -> None:
    with closing(opened(small_disk)) as store:
        store.open_visit(numbered(1), [], 1)
        fill(small_disk)
        refused = ring_until_full(store, 2)
        assert store.cursor() == refused - 1
        assert store.visit(numbered(refused).id) is None
        with pytest.raises(DiskFullError):
            store.save_picture(numbered(1).id, bytes(1 << 20))
        assert store.make_room()
        assert not (small_disk / "reserve").exists()
        store.open_visit(numbered(refused), [], refused)
        (small_disk / "filler").unlink()
        store.prune(STAMP)
        assert (small_disk / "reserve").exists()
    with closing(opened(small_disk)) as store:
        assert store.cursor() == refused
        assert len(store.visits(1000)) == refused


def test_old_pictures_make_room_when_the_reserve_is_gone(small_disk: Path) -> None:
    with closing(opened(small_disk)) as store:
        for number in (1, 2):
            visit_id = f"{number:032x}"
            ring = Ring(number, visit_id, "gpio", STAMP)
            store.close_visit(VisitRecord(visit_id, ring, 1, "decided", {}), [])
            store.save_picture(visit_id, bytes(100_000))
        fill(small_disk)
        assert store.make_room()
        fill(small_disk)
        assert store.make_room()
        assert store.picture(f"{1:032x}") is None
        assert store.picture(f"{2:032x}") == bytes(100_000)
        store.record_gap([VISIT.ring])


def test_a_full_disk_at_start_costs_the_reserve_only(small_disk: Path) -> None:
    opened(small_disk).close()
    fill(small_disk)
    with closing(opened(small_disk)) as store:
        try:
            store.open_visit(VISIT, [], 1)
        except DiskFullError:
            assert store.make_room()
            store.open_visit(VISIT, [], 1)
        assert store.cursor() == 1


def test_a_disk_with_no_room_at_all_is_a_clear_error(small_disk: Path) -> None:
    fill(small_disk)
    for _ in range(2):
        with pytest.raises(DiskFullError) as refused:
            opened(small_disk)
        assert refused.value.hint
    (small_disk / "filler").unlink()
    opened(small_disk).close()


def test_a_read_only_disk_is_a_clear_error(small_disk: Path) -> None:
    def remount(option: str) -> None:
        command = ["/usr/bin/mount", "-o", f"remount,{option}", str(small_disk)]
        subprocess.run(command, check=True)

    with closing(opened(small_disk)) as store:
        store.open_visit(VISIT, [], 1)
    remount("ro")
    with pytest.raises(StorageError) as refused:
        opened(small_disk)
    assert refused.value.hint
    remount("rw")
    with closing(opened(small_disk)) as store:
        assert store.cursor() == 1


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

"""What somebody finds who holds the card but not the key, and after an erasure."""

from __future__ import annotations

import struct
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.store_database import connect
from doorbell.adapters.store_sqlite import Store, StoreOptions
from doorbell.core.decision import Box, Decision, FaceVerdict
from doorbell.core.ring import Ring
from doorbell.core.stamp import Stamp
from doorbell.ports.store import EnrolledPhoto, OutboxItem, PersonRecord, VisitRecord

if TYPE_CHECKING:
    from pathlib import Path

NAME = "Quillon Canary"
CONSENT = "signed on canary paper"
NOTE = "canary note"
EMBEDDING = struct.pack("<8f", *(0.125 * n + 0.0625 for n in range(8)))
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00 canary pixels \xff\xd9"
STAMP = Stamp("b" * 32, 10, 20, synced=True)
OPTIONS = StoreOptions(reserve_bytes=1 << 16)


def live(store: Store) -> PersonRecord:
    """A person, a visit of hers with picture, and what was told of it."""
    photos = [EnrolledPhoto(JPEG, EMBEDDING, "s")]
    person = store.enrol(NAME, CONSENT, photos, STAMP)
    for number in range(1, 30):
        ring = Ring(number, f"{number:032x}", "gpio", STAMP)
        face = FaceVerdict(Decision.KNOWN, person.id, 0.6, None, Box(1, 2, 3, 4), NOTE)
        visit = VisitRecord(ring.id, ring, 1, "decided", {}, Decision.KNOWN, "", [face])
        store.close_visit(visit, [OutboxItem(ring.id, "visit", "phone", STAMP)])
        store.save_picture(ring.id, JPEG)
        store.label(ring.id, 0, person.id)
    return person


def raw(folder: Path) -> bytes:
    """Every byte below a state directory, but for the key file."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "state.db-wal" for path in files)
    return b"\n".join(p.read_bytes() for p in files if p.name != "master.key")


def wrapped_keys(folder: Path, table: str, column: str) -> list[bytes]:
    with closing(connect((folder / "state.db").as_uri(), 1.0)) as connection:
        rows = connection.execute(f"SELECT {column} FROM {table}")  # noqa: S608
        return [row[0] for row in rows if row[0] is not None]


def test_nothing_personal_lies_open_in_any_file(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path, OPTIONS)) as store:
        person = live(store)
        store.rename(person.id, NAME + " II")
        found = raw(tmp_path)
        for secret in (
            NAME.encode(),
            NAME.encode("utf-16-le"),
            NAME.lower().encode(),
            CONSENT.encode(),
            NOTE.encode(),
            EMBEDDING,
            EMBEDDING[:8],
            b"JFIF",
            JPEG[:4] + JPEG[4:6],
            b"canary",
        ):
            assert secret not in found
        assert (tmp_path / "keys" / "master.key").read_bytes() not in found


def test_who_came_lies_in_sealed_columns_only(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path, OPTIONS)) as store:
        person = live(store)
        with closing(connect((tmp_path / "state.db").as_uri(), 1.0)) as connection:
            for row in connection.execute("SELECT * FROM visits"):
                assert person.id not in [str(value) for value in tuple(row)]
                assert person.id.encode() not in row["faces"]


def test_erasing_leaves_no_byte_of_the_old_keys(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path, OPTIONS)) as store:
        person = live(store)
        doomed = [
            *wrapped_keys(tmp_path, "people", "key"),
            *wrapped_keys(tmp_path, "people", "name"),
            *wrapped_keys(tmp_path, "photos", "embedding"),
            *wrapped_keys(tmp_path, "photos", "jpeg"),
            *wrapped_keys(tmp_path, "visits", "faces_key"),
            *wrapped_keys(tmp_path, "visits", "faces"),
            *wrapped_keys(tmp_path, "visits", "picture_key"),
        ]
        assert len(doomed) == 4 + 3 * 29
        assert all(key in raw(tmp_path) for key in doomed)
        assert store.erase(person.id, STAMP) == 29
        found = raw(tmp_path)
        assert not [key for key in doomed if key[5:] in found]
        assert person.id.encode() not in found
        assert bytes.fromhex(person.id) not in found
        assert not list((tmp_path / "pictures").rglob("*.enc"))
        assert len(store.visits(100)) == 29
        assert store.gallery("s") == ([], b"")


def test_pruned_visits_leave_no_byte_of_their_keys(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path, OPTIONS)) as store:
        live(store)
        doomed = wrapped_keys(tmp_path, "visits", "faces_key")
        doomed += wrapped_keys(tmp_path, "visits", "picture_key")
        for item in store.pending():
            store.record_attempt([item.id], "sent", "", STAMP)
        assert store.prune(replace(STAMP, mono_ns=1 << 60)) == 29
        found = raw(tmp_path)
        assert not [key for key in doomed if key in found]


def test_a_restored_backup_erases_again_whom_it_had_forgotten(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path / "a", OPTIONS)) as store:
        person = live(store)
    key = (tmp_path / "a" / "keys" / "master.key").read_bytes()
    backup = (tmp_path / "a" / "state.db").read_bytes()
    with closing(Store.open(tmp_path / "a", OPTIONS)) as store:
        store.erase(person.id, STAMP)
        tombstones = store.tombstones()
    restored = tmp_path / "b"
    (restored / "keys").mkdir(parents=True)
    (restored / "keys" / "master.key").write_bytes(key)
    (restored / "keys" / "master.key").chmod(0o600)
    (restored / "state.db").write_bytes(backup)
    with closing(Store.open(restored, OPTIONS)) as store:
        assert [known.name for known in store.people()] == [NAME]
        doomed = wrapped_keys(restored, "people", "key")
        assert store.honour_tombstones(tombstones) == 1
        assert store.people() == []
        assert store.tombstones() == tombstones
        assert doomed[0] not in raw(restored)
        assert store.honour_tombstones(tombstones) == 0


def test_erasing_takes_what_cannot_be_read_along(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path, OPTIONS)) as store:
        person = live(store)
        with closing(connect((tmp_path / "state.db").as_uri(), 1.0)) as connection:
            connection.execute("UPDATE visits SET faces = x'0102' WHERE seq = 1")
        assert store.erase(person.id, STAMP) == 29
        assert all(visit.faces == [] for visit in store.visits(99, None)[-1:])


@pytest.mark.parametrize("column", ["faces", "picture_key", "faces_key"])
def test_sealed_values_cannot_be_moved_between_visits(
    tmp_path: Path, column: str
) -> None:
    with closing(Store.open(tmp_path, OPTIONS)) as store:
        live(store)
        with closing(connect((tmp_path / "state.db").as_uri(), 1.0)) as connection:
            connection.execute(
                f"UPDATE visits SET {column} = (SELECT {column} FROM visits "  # noqa: S608
                "WHERE seq = 2) WHERE seq = 1"
            )
        visit_id = f"{1:032x}"
        with pytest.raises(OSError, match=r"damaged|another key"):
            (store.picture if column == "picture_key" else store.visit)(visit_id)
        assert len(store.visits(99)) == 29
        assert store.visits_of("f" * 32) == (0, None)

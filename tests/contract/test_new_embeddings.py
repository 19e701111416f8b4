"""Embeddings are replaced all at once or not at all, in both stores."""

from __future__ import annotations

import struct
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.store_sqlite import Store as DiskStore
from doorbell.adapters.store_sqlite import StoreOptions
from doorbell.core.errors import BadInputError
from doorbell.core.retention import RetentionLimits
from doorbell.core.stamp import Stamp
from doorbell.ports.store import EnrolledPhoto, NewEmbedding
from doorbell.testing.store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorbell.ports.store import Store

LIMITS = RetentionLimits(visit_s=1000.0, picture_s=100.0, picture_bytes=1 << 20)
NOW = Stamp("b" * 32, 1, 1, synced=False)


def row(value: float, dimensions: int = 4) -> bytes:
    return struct.pack("<f", value) * dimensions


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore(limits=LIMITS, reserve_bytes=1 << 16)
        return
    options = StoreOptions(limits=LIMITS, reserve_bytes=1 << 16)
    with closing(DiskStore.open(tmp_path / "state", options)) as opened:
        yield opened


def enrolled(store: Store, name: str = "Anna", photos: int = 2) -> list[EnrolledPhoto]:
    taken = [EnrolledPhoto(b"jpeg", row(n), "old") for n in range(1, photos + 1)]
    return list(store.photos(store.enrol(name, "x", taken, NOW).id))


def test_each_stored_photograph_has_an_id_of_its_own(store: Store) -> None:
    photos = enrolled(store) + enrolled(store, "Bert")
    assert len({photo.id for photo in photos}) == 4
    assert "" not in {photo.id for photo in photos}


def test_new_embeddings_take_the_place_of_the_old(store: Store) -> None:
    first, second = enrolled(store)
    changes = [NewEmbedding(one.id, row(7, 8), "new") for one in (first, second)]
    assert store.replace_embeddings(changes) == 2
    assert store.gallery("old") == ([], b"")
    ids, rows = store.gallery("new")
    assert len(ids) == 2
    assert rows == row(7, 8) * 2
    after = list(store.photos(ids[0]))
    assert [photo.jpeg for photo in after] == [b"jpeg", b"jpeg"]
    assert [photo.id for photo in after] == [first.id, second.id]


def test_photographs_not_named_stay_as_they_are(store: Store) -> None:
    first, second = enrolled(store)
    assert store.replace_embeddings([NewEmbedding(second.id, row(9), "new")]) == 1
    assert store.gallery("old")[1] == first.embedding
    assert store.gallery("new")[1] == row(9)


def test_erased_photograph_is_passed_over(store: Store) -> None:
    gone, kept = enrolled(store, photos=1), enrolled(store, "Bert", 1)
    [person] = [person for person in store.people() if person.name == "Anna"]
    store.erase(person.id, NOW)
    changes = [NewEmbedding(one.id, row(3), "new") for one in (*gone, *kept)]
    assert store.replace_embeddings(changes) == 1
    assert len(store.people()) == 1


@pytest.mark.parametrize("bad", [b"", b"12345", row(1, 5)])
def test_one_that_does_not_fit_changes_none(store: Store, bad: bytes) -> None:
    first, second = enrolled(store)
    changes = [
        NewEmbedding(first.id, row(7), "new"),
        NewEmbedding(second.id, bad, "new"),
    ]
    before = store.gallery("old")
    with pytest.raises(BadInputError):
        store.replace_embeddings(changes)
    assert store.gallery("old") == before
    assert store.gallery("new") == ([], b"")


def test_nothing_to_replace_is_no_error(store: Store) -> None:
    assert store.replace_embeddings([]) == 0


def test_person_without_photograph_is_kept(store: Store) -> None:
    imported = [EnrolledPhoto(b"", row(1), "dlib")]
    person = store.enrol("Ada", "x", imported, NOW)
    assert person.photos == 1
    [photo] = store.photos(person.id)
    assert photo.jpeg == b""
    assert store.gallery("dlib") == ([person.id], row(1))

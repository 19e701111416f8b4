"""What a store promises of people, in memory and on disk alike."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from stored import JPEG, at, decided, face, photo, visit

from doorbell.core.decision import Decision
from doorbell.core.errors import BadInputError
from doorbell.ports.store import EnrolledPhoto

if TYPE_CHECKING:
    from doorbell.ports.store import Store


def test_an_enrolled_person_comes_back(store: Store) -> None:
    photos = [photo(1.0), photo(2.0)]
    person = store.enrol("  Zoë  Ng ", "Zoë, on paper", photos, at(1))
    assert store.people() == [person]
    assert (person.name, person.consent, person.photos) == (
        "Zoë Ng",
        "Zoë, on paper",
        2,
    )
    assert list(store.photos(person.id)) == photos


def test_people_are_listed_by_name(store: Store) -> None:
    for name in ("zoe", "Anna", "bert"):
        store.enrol(name, "x", [photo()], at(1))
    assert [person.name for person in store.people()] == ["Anna", "bert", "zoe"]


@pytest.mark.parametrize("same", ["Zoë", "zoë", "ZOE\u0308", "Zo\u200dë"])
def test_a_name_belongs_to_one_person(store: Store, same: str) -> None:
    person = store.enrol("Zoë", "x", [photo()], at(1))
    other = store.enrol("Anna", "x", [photo()], at(1))
    with pytest.raises(BadInputError, match="somebody else"):
        store.enrol(same, "x", [photo()], at(2))
    with pytest.raises(BadInputError, match="somebody else"):
        store.rename(other.id, same)
    store.rename(person.id, same)
    assert len(store.people()) == 2


def test_photographs_are_added_to_a_person(store: Store) -> None:
    person = store.enrol("Anna", "Anna", [photo(1.0)], at(1))
    added = store.enrol("anna", "", [photo(2.0)], at(2), person.id)
    # How old the photographs are counts from the newest.
    assert added == replace(person, photos=2, enrolled=at(2))
    again = store.enrol("", "her mother", [photo(3.0)], at(3), person.id)
    assert (again.photos, again.consent, again.name) == (3, "her mother", "Anna")


@pytest.mark.parametrize(
    ("name", "consent", "photos", "person_id"),
    [
        ("", "x", [photo()], None),
        ("Anna", "", [photo()], None),
        ("Anna", "x", [], None),
        ("Anna", "x", [photo()], "f" * 32),
        ("An\u202ena", "x", [photo()], None),
        ("Anna", "x", [photo(dimensions=3)], None),
        ("Anna", "x", [EnrolledPhoto(JPEG, b"", "s")], None),
        ("Anna", "x", [EnrolledPhoto(JPEG, b"12345", "t")], None),
    ],
)
def test_what_cannot_be_enrolled_changes_nothing(
    store: Store,
    name: str,
    consent: str,
    photos: list[EnrolledPhoto],
    person_id: str | None,
) -> None:
    kept = store.enrol("Bert", "x", [photo()], at(1))
    with pytest.raises(BadInputError):
        store.enrol(name, consent, photos, at(2), person_id)
    assert store.people() == [kept]
    assert store.gallery("s")[0] == [kept.id]


def test_the_gallery_holds_one_space_only(store: Store) -> None:
    anna = store.enrol("Anna", "x", [photo(1.0), photo(2.0)], at(1))
    bert = store.enrol("Bert", "x", [photo(3.0), photo(9.0, space="old")], at(1))
    person_ids, rows = store.gallery("s")
    assert person_ids == [anna.id, anna.id, bert.id]
    assert struct.unpack("<12f", rows) == (*[1.0] * 4, *[2.0] * 4, *[3.0] * 4)
    assert store.gallery("other") == ([], b"")


def test_erasing_takes_a_person_out_of_everything(store: Store) -> None:
    anna = store.enrol("Anna", "x", [photo()], at(1))
    bert = store.enrol("Bert", "x", [photo()], at(1))
    shown = [
        decided(visit(1), face(anna.id), face(bert.id)),
        decided(visit(2), face(bert.id)),
        decided(visit(3), face(anna.id, Decision.UNSURE)),
        decided(visit(4), face(None, Decision.UNKNOWN)),
    ]
    for record in shown:
        store.close_visit(record, [])
        store.save_picture(record.id, JPEG)
    store.label(visit(4).id, 0, anna.id)
    assert store.erase(anna.id, at(50)) == 3
    assert [person.id for person in store.people()] == [bert.id]
    assert store.gallery("s")[0] == [bert.id]
    after = {v.ring.seq: v for v in store.visits(9)}
    assert [after[n].has_picture for n in (1, 2, 3, 4)] == [False, True, False, False]
    assert [f.person_id for f in after[1].faces] == [None, bert.id]
    assert after[3].faces[0].person_id is None
    assert after[4].labels == {}
    assert store.visits_of(anna.id) == (0, None)


def test_nobody_is_erased_renamed_or_shown_by_a_wrong_id(store: Store) -> None:
    store.enrol("Anna", "x", [photo()], at(1))
    with pytest.raises(BadInputError):
        store.erase("f" * 32, at(2))
    with pytest.raises(BadInputError):
        store.rename("f" * 32, "Bert")
    with pytest.raises(BadInputError):
        list(store.photos("f" * 32))
    assert len(store.people()) == 1


def test_a_tombstone_is_honoured_by_who_still_has_the_person(store: Store) -> None:
    anna = store.enrol("Anna", "x", [photo()], at(1))
    store.enrol("Bert", "x", [photo()], at(1))
    assert store.tombstones() == []
    store.erase(anna.id, at(50))
    (tombstone,) = store.tombstones()
    assert tombstone.stamp == at(50)
    assert anna.id.encode() not in tombstone.digest
    assert store.honour_tombstones([tombstone]) == 0
    assert store.tombstones() == [tombstone]

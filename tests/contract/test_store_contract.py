"""What a store promises, in memory and on disk alike."""

from __future__ import annotations

import struct
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.store_sqlite import Store as DiskStore
from doorbell.adapters.store_sqlite import StoreOptions
from doorbell.core.decision import Box, Decision, FaceVerdict
from doorbell.core.errors import BadInputError, DoorbellError, StorageError
from doorbell.core.retention import RetentionLimits
from doorbell.core.ring import Ring
from doorbell.core.stamp import NS_PER_S, Stamp
from doorbell.ports.store import EnrolledPhoto, OutboxItem, VisitRecord
from doorbell.testing.store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorbell.ports.store import OutboxKind, Store

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8
LIMITS = RetentionLimits(visit_s=1000.0, picture_s=100.0, picture_bytes=1 << 20)


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore(limits=LIMITS, reserve_bytes=1 << 16)
        return
    options = StoreOptions(limits=LIMITS, reserve_bytes=1 << 16)
    with closing(DiskStore.open(tmp_path / "state", options)) as opened:
        yield opened


def at(mono_s: float, boot: str = "b" * 32) -> Stamp:
    return Stamp(boot, int(mono_s * NS_PER_S), int(mono_s * NS_PER_S), synced=False)


def visit(
    number: int = 1, mono_s: float = 10.0, *, synthetic: bool = False
) -> VisitRecord:
    visit_id = f"{number:08x}" + "0" * 24
    ring = Ring(number, visit_id, "gpio", at(mono_s))
    fresh = VisitRecord(visit_id, ring, 1, "rung", {"rung": ring.stamp.mono_ns})
    return replace(fresh, synthetic=synthetic)


def item(
    of: VisitRecord, target: str = "phone", kind: OutboxKind = "visit"
) -> OutboxItem:
    return OutboxItem(of.id, kind, target, of.ring.stamp)


def face(person_id: str | None, decision: Decision = Decision.KNOWN) -> FaceVerdict:
    return FaceVerdict(decision, person_id, 0.61, 0.2, Box(1, 2, 3, 4), "dark")


def photo(value: float = 1.0, dimensions: int = 4, space: str = "s") -> EnrolledPhoto:
    return EnrolledPhoto(JPEG, struct.pack("<f", value) * dimensions, space)


def decided(of: VisitRecord, *faces: FaceVerdict) -> VisitRecord:
    decision = faces[0].decision if faces else Decision.NOBODY
    steps = of.steps | {"decided": 11}
    return replace(
        of, state="decided", decision=decision, faces=list(faces), steps=steps
    )


def test_a_visit_comes_back_as_it_was_stored(store: Store) -> None:
    opened = visit()
    store.open_visit(opened, [], 7)
    assert store.visit(opened.id) == opened
    closed = replace(decided(opened, face("p1")), rings=3, reason="dark")
    store.close_visit(closed, [])
    assert store.visit(opened.id) == closed
    assert store.cursor() == 7


def test_opening_a_visit_stores_its_items_and_moves_the_cursor(store: Store) -> None:
    assert store.cursor() == 0
    store.open_visit(visit(), [item(visit())], 1)
    (pending,) = store.pending()
    assert (pending.visit_id, pending.state, pending.attempts) == (
        visit().id,
        "pending",
        0,
    )
    assert pending.id > 0


def test_a_ring_read_twice_changes_nothing(store: Store) -> None:
    store.open_visit(visit(), [item(visit())], 1)
    store.close_visit(decided(visit(), face("p1")), [])
    before = store.visit(visit().id)
    store.open_visit(visit(), [item(visit())], 1)
    assert store.visit(visit().id) == before
    assert store.pending_count() == 1


def test_an_undurable_ring_leaves_the_cursor(store: Store) -> None:
    store.open_visit(visit(1), [], 5)
    store.open_visit(visit(2), [], 0)
    store.join_visit(visit(2).id, 2, 0)
    assert store.cursor() == 5


def test_joining_counts_presses(store: Store) -> None:
    store.open_visit(visit(), [], 1)
    store.join_visit(visit().id, 4, 4)
    found = store.visit(visit().id)
    assert found is not None
    assert (found.rings, store.cursor()) == (4, 4)


def test_joining_a_visit_that_is_not_stored_moves_no_cursor(store: Store) -> None:
    with pytest.raises(StorageError):
        store.join_visit(visit().id, 2, 9)
    assert store.cursor() == 0


def test_closing_inserts_a_visit_whose_opening_failed(store: Store) -> None:
    closed = decided(visit(), face("p1"))
    store.close_visit(closed, [item(closed)])
    assert store.visit(closed.id) == closed
    assert store.pending_count() == 1


def test_closing_again_keeps_labels_and_picture(store: Store) -> None:
    store.open_visit(visit(), [], 1)
    store.close_visit(decided(visit(), face("p1")), [])
    store.save_picture(visit().id, JPEG)
    store.label(visit().id, 0, "")
    store.close_visit(decided(visit(), face("p2")), [])
    found = store.visit(visit().id)
    assert found is not None
    assert (found.labels, found.has_picture) == ({0: ""}, True)


def test_a_picture_comes_back_and_can_be_replaced(store: Store) -> None:
    store.open_visit(visit(), [], 1)
    assert store.picture(visit().id) is None
    store.save_picture(visit().id, JPEG)
    assert store.picture(visit().id) == JPEG
    store.save_picture(visit().id, JPEG * 2)
    assert store.picture(visit().id) == JPEG * 2
    found = store.visit(visit().id)
    assert found is not None
    assert found.has_picture


def test_a_picture_of_no_visit_is_refused(store: Store) -> None:
    with pytest.raises(StorageError):
        store.save_picture(visit().id, JPEG)


def test_a_prefix_finds_a_visit_if_it_is_the_only_one(store: Store) -> None:
    store.open_visit(visit(0x1234_0001), [], 1)
    store.open_visit(visit(0x1234_0002), [], 2)
    found = store.visit("12340002")
    assert found is not None
    assert found.id == visit(0x1234_0002).id
    assert store.visit("ffff") is None
    with pytest.raises(BadInputError, match="several"):
        store.visit("1234")


@pytest.mark.parametrize("prefix", ["", "123", "12%4", "ABCD", "0" * 33, "_" * 4])
def test_what_is_no_id_is_refused(store: Store, prefix: str) -> None:
    with pytest.raises(BadInputError):
        store.visit(prefix)


def test_lists_run_from_the_newest_without_self_tests(store: Store) -> None:
    for number in range(1, 5):
        store.open_visit(visit(number, synthetic=number == 3), [], number)
    assert [v.ring.seq for v in store.visits(10)] == [4, 2, 1]
    assert [v.ring.seq for v in store.visits(1)] == [4]
    assert [v.ring.seq for v in store.visits(9, before=visit(4).id)] == [2, 1]
    with pytest.raises(BadInputError):
        store.visits(9, before="f" * 32)


def test_what_a_crash_left_open_is_unfinished(store: Store) -> None:
    for number in range(1, 5):
        store.open_visit(visit(number), [], number)
    store.close_visit(replace(visit(2), state="captured"), [])
    store.close_visit(decided(visit(3)), [])
    store.close_visit(replace(visit(4), state="degraded", reason="no camera"), [])
    assert [v.ring.seq for v in store.unfinished()] == [1, 2]


def test_labels_are_the_truth_per_face(store: Store) -> None:
    person = store.enrol("Mina", "Mina", [photo()], at(1))
    store.close_visit(decided(visit(), face("x"), face(None, Decision.UNKNOWN)), [])
    store.label(visit().id, 0, "")
    store.label(visit().id, 1, person.id)
    found = store.visit(visit().id)
    assert found is not None
    assert found.labels == {0: "", 1: person.id}
    for visit_id, index, who in [
        ("f" * 32, 0, ""),
        (visit().id, 2, ""),
        (visit().id, -1, ""),
        (visit().id, 0, "nobody"),
    ]:
        with pytest.raises(BadInputError):
            store.label(visit_id, index, who)


def test_visits_of_a_person_are_counted(store: Store) -> None:
    person = store.enrol("Mina", "Mina", [photo()], at(1))
    assert store.visits_of(person.id) == (0, None)
    store.close_visit(decided(visit(1, 10.0), face(person.id)), [])
    store.close_visit(decided(visit(2, 20.0), face("x")), [])
    store.label(visit(2).id, 0, person.id)
    store.close_visit(decided(visit(3, 30.0), face("x")), [])
    assert store.visits_of(person.id) == (2, at(20.0))


def test_gaps_are_kept_once_and_as_not_durable(store: Store) -> None:
    rings = [visit(1).ring, visit(2).ring]
    store.record_gap(rings)
    store.record_gap(rings[:1])
    assert store.gaps() == [replace(ring, durable=False) for ring in rings]


# The outbox.


def test_a_visit_is_told_when_its_last_item_is_sent(store: Store) -> None:
    store.open_visit(visit(), [item(visit(), "a", "ring")], 1)
    store.record_attempt([store.pending()[0].id], "sent", "", at(12))
    assert _state(store) == "rung"
    store.close_visit(decided(visit()), [item(visit(), "a", "name"), item(visit())])
    first, second = store.pending()
    store.record_attempt([first.id], "sent", "", at(13))
    assert _state(store) == "decided"
    store.record_attempt([second.id], "pending", "timed out", at(14))
    assert _state(store) == "decided"
    store.record_attempt([second.id], "dead", "refused", at(15))
    found = store.visit(visit().id)
    assert found is not None
    assert (found.state, found.steps["told"]) == ("told", 15 * NS_PER_S)
    assert store.told(visit().id) == {"a": "sent", "phone": "dead"}


def test_a_visit_whose_ring_was_sent_is_told_once_decided(store: Store) -> None:
    store.open_visit(visit(), [item(visit(), "a", "ring")], 1)
    store.record_attempt([store.pending()[0].id], "sent", "", at(12))
    store.close_visit(decided(visit()), [])
    found = store.visit(visit().id)
    assert found is not None
    assert (found.state, found.steps["told"]) == ("told", 12 * NS_PER_S)


def test_a_degraded_visit_is_told_too_and_keeps_its_reason(store: Store) -> None:
    degraded = replace(visit(), state="degraded", reason="no camera")
    store.close_visit(degraded, [item(degraded)])
    store.record_attempt([store.pending()[0].id], "sent", "", at(12))
    found = store.visit(visit().id)
    assert found is not None
    assert (found.state, found.reason) == ("told", "no camera")


def test_a_visit_nobody_could_be_told_of_is_not_told(store: Store) -> None:
    store.close_visit(decided(visit()), [item(visit())])
    store.record_attempt([store.pending()[0].id], "dead", "expired", at(12))
    assert _state(store) == "decided"
    (dead,) = store.dead(5)
    assert (dead.last_error, dead.attempts) == ("expired", 1)


def test_sent_is_final(store: Store) -> None:
    store.close_visit(decided(visit()), [item(visit())])
    number = store.pending()[0].id
    store.record_attempt([number], "sent", "", at(12))
    store.record_attempt([number], "dead", "expired", at(13))
    assert store.dead(5) == []
    assert [attempt.outcome for attempt in store.attempts(visit().id)] == [
        "sent",
        "dead",
    ]


def test_every_attempt_is_recorded(store: Store) -> None:
    store.close_visit(decided(visit()), [item(visit(), "a"), item(visit(), "b")])
    numbers = [pending.id for pending in store.pending()]
    store.record_attempt(numbers, "pending", "no route", at(12))
    store.record_attempt(numbers[:1], "sent", "", at(13))
    made = store.attempts(visit().id)
    assert [(a.target, a.outcome, a.error, a.stamp) for a in made] == [
        ("a", "pending", "no route", at(12)),
        ("b", "pending", "no route", at(12)),
        ("a", "sent", "", at(13)),
    ]
    (waiting,) = store.pending()
    assert (waiting.target, waiting.attempts, waiting.last_error) == (
        "b",
        1,
        "no route",
    )


def test_an_attempt_for_a_pruned_item_is_no_error(store: Store) -> None:
    store.record_attempt([99], "sent", "", at(12))


def test_dead_letters_run_from_the_newest(store: Store) -> None:
    for number in (1, 2, 3):
        store.close_visit(decided(visit(number)), [item(visit(number))])
        store.record_attempt([store.pending()[0].id], "dead", "refused", at(12))
    assert [dead.visit_id for dead in store.dead(2)] == [visit(3).id, visit(2).id]


# Room.


def test_prune_takes_pictures_first_and_visits_later(store: Store) -> None:
    for number, mono_s in ((1, 0.0), (2, 950.0), (3, 1090.0)):
        store.close_visit(decided(visit(number, mono_s)), [])
        store.save_picture(visit(number).id, JPEG)
    assert store.prune(at(1100.0)) == 1
    assert [(v.ring.seq, v.has_picture) for v in store.visits(9)] == [
        (3, True),
        (2, False),
    ]
    assert store.picture(visit(2).id) is None
    assert store.picture(visit(3).id) == JPEG


def test_prune_leaves_what_is_still_to_be_told(store: Store) -> None:
    store.close_visit(decided(visit(1, 0.0)), [item(visit(1))])
    store.open_visit(visit(2, 0.0), [], 2)
    assert store.prune(at(9999.0)) == 0
    store.record_attempt([store.pending()[0].id], "sent", "", at(1.0))
    assert store.prune(at(9999.0)) == 1
    assert store.attempts(visit(1).id) == []


def test_prune_forgets_old_gaps(store: Store) -> None:
    store.record_gap([visit(1, 0.0).ring, visit(2, 500.0).ring])
    store.prune(at(1200.0))
    assert [ring.seq for ring in store.gaps()] == [2]


def test_room_comes_from_the_reserve_then_from_old_pictures(store: Store) -> None:
    for number in (1, 2, 3):
        store.close_visit(decided(visit(number)), [])
        store.save_picture(visit(number).id, bytes(40_000))
    store.open_visit(visit(4), [], 4)
    store.save_picture(visit(4).id, bytes(40_000))
    assert store.make_room()
    assert all(v.has_picture for v in store.visits(9))
    assert store.make_room()
    assert [v.has_picture for v in store.visits(9)] == [True, True, False, False]
    assert store.make_room()
    assert not store.make_room()
    assert [v.has_picture for v in store.visits(9)] == [True, False, False, False]


# People.


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


def _state(store: Store) -> str:
    found = store.visit(visit().id)
    assert found is not None
    return found.state


def test_scripted_faults_change_nothing_and_pass() -> None:
    store = MemoryStore()
    store.fail_next("ENOSPC", "EIO")
    for _ in range(2):
        with pytest.raises(DoorbellError):
            store.open_visit(visit(), [item(visit())], 1)
        assert (store.cursor(), store.visits(9), store.pending()) == (0, [], [])
    store.open_visit(visit(), [item(visit())], 1)
    assert store.pending_count() == 1


def test_the_cursor_never_goes_back(store: Store) -> None:
    """A card that comes back brings old news; what was told is not told again."""
    store.record_gap([visit(7, 0.0).ring], 7)
    store.record_gap([visit(3, 0.0).ring], 3)
    assert store.cursor() == 7


def test_a_write_that_is_only_tried_changes_nothing(store: Store) -> None:
    store.open_visit(visit(1), [], 7)
    before = store.visits(10), store.cursor()
    store.try_write()
    assert (store.visits(10), store.cursor()) == before

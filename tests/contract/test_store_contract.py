"""What a store promises of visits, in memory and on disk alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from stored import JPEG, at, decided, face, item, photo, visit

from doorbell.core.decision import Decision
from doorbell.core.errors import BadInputError, DoorbellError, StorageError
from doorbell.testing.store import MemoryStore

if TYPE_CHECKING:
    from doorbell.ports.store import Store


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
    assert len(store.pending()) == 1


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
    assert len(store.pending()) == 1


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


def test_scripted_faults_change_nothing_and_pass() -> None:
    store = MemoryStore()
    store.fail_next("ENOSPC", "EIO")
    for _ in range(2):
        with pytest.raises(DoorbellError):
            store.open_visit(visit(), [item(visit())], 1)
        assert (store.cursor(), store.visits(9), store.pending()) == (0, [], [])
    store.open_visit(visit(), [item(visit())], 1)
    assert len(store.pending()) == 1

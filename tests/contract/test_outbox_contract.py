"""What a store promises of the outbox, in memory and on disk alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stored import at, decided, item, visit

from doorbell.core.stamp import NS_PER_S

if TYPE_CHECKING:
    from doorbell.ports.store import Store


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


def _state(store: Store) -> str:
    found = store.visit(visit().id)
    assert found is not None
    return found.state

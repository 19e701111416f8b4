"""A push told from memory is not told again when the card comes back."""

from __future__ import annotations

from doorbell.core.stamp import Stamp
from doorbell.ports.store import OutboxItem
from doorbell.runtime.unstored import UnstoredItems

NOW = Stamp("b" * 32, 1, 1, synced=True)


def item(key: int = 0, target: str = "phone") -> OutboxItem:
    return OutboxItem("v1", "visit", target, NOW, id=key)


def test_an_item_the_card_refused_waits_in_memory() -> None:
    memory, items = UnstoredItems(), dict[int, OutboxItem]()
    memory.keep(item(), items)
    assert list(items) == [-1]


def test_a_late_row_of_a_waiting_item_is_the_same_push() -> None:
    memory, items = UnstoredItems(), dict[int, OutboxItem]()
    memory.keep(item(), items)
    assert memory.knows(item(7), items)
    assert memory.row_of(-1) == 7


def test_a_late_row_of_a_told_item_is_owed_not_told() -> None:
    memory, items = UnstoredItems(), dict[int, OutboxItem]()
    memory.keep(item(), items)
    memory.settled(-1, items.pop(-1), "sent")
    assert memory.knows(item(7), items)
    assert memory.owed() == {"sent": [7]}
    memory.recorded([7])
    assert memory.owed() == {}


def test_a_row_whose_record_failed_is_owed_until_it_is_recorded() -> None:
    memory, items = UnstoredItems(), {7: item(7)}
    memory.settled(7, items.pop(7), "dead")
    assert memory.knows(item(7), items)
    memory.recorded([7])
    assert not memory.knows(item(8, "tablet"), items)


def test_a_push_that_waits_on_the_card_is_not_kept_in_memory_too() -> None:
    memory, items = UnstoredItems(), {7: item(7)}
    memory.keep(item(), items)
    assert list(items) == [7]


def test_other_targets_are_other_pushes() -> None:
    memory, items = UnstoredItems(), dict[int, OutboxItem]()
    memory.keep(item(), items)
    assert not memory.knows(item(8, "tablet"), items)

"""Pushes that live in memory because the card failed, and what is owed to the card.

A card that answers too late, or fails and comes back, lists pushes as waiting that
were told from memory meanwhile. Without this book-keeping each would be told twice.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from doorbell.core.targets import NOWHERE

if TYPE_CHECKING:
    from doorbell.ports.store import OutboxItem, OutboxState

    Name = tuple[str, str, str]

# Names of pushes told from memory; older ones are long expired on the card too.
REMEMBERED = 1024


def _name(item: OutboxItem) -> Name:
    return item.visit_id, item.kind, item.target


class UnstoredItems:
    """What waits under a negative id, and which rows are not yet up to date."""

    def __init__(self) -> None:
        self._ids = itertools.count(-1, -1)
        self._waiting: dict[Name, int] = {}
        self._told: dict[Name, OutboxState] = {}
        self._rows: dict[int, int] = {}
        self._owed: dict[int, OutboxState] = {}

    def keep(self, item: OutboxItem, items: dict[int, OutboxItem]) -> None:
        """Take an item that could not be stored, unless it waits or was told."""
        name = _name(item)
        is_stored = any(_name(other) == name for other in items.values())
        if name in self._told or is_stored:
            return
        number = next(self._ids)
        items[number] = replace(item, id=number)
        self._waiting[name] = number

    def knows(self, row: OutboxItem, items: dict[int, OutboxItem]) -> bool:
        """Whether a stored row is the same push as one of ours, or already settled."""
        name = _name(row)
        number = self._waiting.get(name)
        if number is not None and number in items:
            self._rows[number] = row.id
            return True
        if name in self._told:
            self._owed.setdefault(row.id, self._told[name])
        return row.id in self._owed

    def settled(self, key: int, item: OutboxItem | None, state: OutboxState) -> None:
        """An item is told or dead; until that is recorded, its row is owed."""
        if item is None:
            return
        if key > 0:
            self._owed[key] = state
            return
        name = _name(item)
        self._waiting.pop(name, None)
        if item.target == NOWHERE:
            return  # Never to be stored, so no row of it can turn up.
        self._told[name] = state
        if key in self._rows:
            self._owed[self._rows[key]] = state
        while len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]

    def row_of(self, key: int) -> int:
        """The row of an item; negative while it has none."""
        return self._rows.get(key, key)

    def recorded(self, rows: list[int]) -> None:
        """The card knows of these now."""
        for row in rows:
            self._owed.pop(row, None)

    def owed(self) -> dict[OutboxState, list[int]]:
        """Rows that are settled but not recorded, by how they ended."""
        by_state: dict[OutboxState, list[int]] = {}
        for row, state in self._owed.items():
            by_state.setdefault(state, []).append(row)
        return by_state

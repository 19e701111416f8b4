"""The outbox in `state.db`: what is still to be told, and every try to tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.adapters.store_parts import StoreParts
from doorbell.adapters.store_rows import (
    STAMP,
    attempt_of,
    item_of,
    stamp_values,
    steps_of,
    steps_text,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from doorbell.core.stamp import Stamp
    from doorbell.ports.store import Attempt, OutboxItem, OutboxState


class OutboxRows(StoreParts):
    """`ports.store.Outbox`."""

    __slots__ = ()

    def pending(self) -> list[OutboxItem]:
        """See the port."""
        return self._items("WHERE state = 'pending' ORDER BY id", ())

    def dead(self, limit: int) -> list[OutboxItem]:
        """See the port."""
        return self._items("WHERE state = 'dead' ORDER BY id DESC LIMIT ?", (limit,))

    def told(self, visit_id: str) -> dict[str, OutboxState]:
        """See the port."""
        items = self._items("WHERE visit_id = ? ORDER BY id", (visit_id,))
        return {item.target: item.state for item in items}

    def attempts(self, visit_id: str) -> list[Attempt]:
        """See the port."""
        with self.database.read() as connection:
            rows = connection.execute(
                "SELECT attempts.*, outbox.target, outbox.kind FROM attempts "
                "JOIN outbox ON outbox.id = item_id WHERE visit_id = ? "
                "ORDER BY attempts.id",
                (visit_id,),
            ).fetchall()
        return [attempt_of(row) for row in rows]

    def record_attempt(
        self,
        item_ids: Sequence[int],
        state: OutboxState,
        error: str,
        stamp: Stamp,
    ) -> None:
        """See the port."""
        with self.database.write() as connection:
            visits = [
                visit_id
                for item_id in item_ids
                for visit_id in _attempt(connection, item_id, state, error, stamp)
            ]
            settle(connection, visits)

    def _items(self, where: str, values: tuple[object, ...]) -> list[OutboxItem]:
        with self.database.read() as connection:
            # `where` is one of the constants above.
            rows = connection.execute(f"SELECT * FROM outbox {where}", values)  # noqa: S608
            return [item_of(row) for row in rows.fetchall()]


def insert_items(connection: sqlite3.Connection, items: Iterable[OutboxItem]) -> None:
    """Put items in, within the caller's transaction; known ones stay as they are."""
    connection.executemany(
        f"INSERT INTO outbox (visit_id, kind, target, {STAMP}, attempts, state, "  # noqa: S608 - a constant
        "last_error, late) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (visit_id, kind, target) DO NOTHING",
        [
            (
                *(item.visit_id, item.kind, item.target),
                *stamp_values(item.created),
                *(item.attempts, item.state, item.last_error, item.late),
            )
            for item in items
        ],
    )


def settle(connection: sqlite3.Connection, visit_ids: Iterable[str]) -> None:
    """Make those visits told about which nothing is pending and something was sent.

    The step's time is that of the last attempt.
    """
    for visit_id in dict.fromkeys(visit_ids):
        row = connection.execute(
            "SELECT steps, (SELECT attempts.mono_ns FROM attempts JOIN outbox "
            "ON outbox.id = item_id WHERE visit_id = visits.id "
            "ORDER BY attempts.id DESC LIMIT 1) AS last_ns FROM visits "
            "WHERE id = ? AND state IN ('decided', 'degraded') "
            "AND EXISTS (SELECT 1 FROM outbox WHERE visit_id = visits.id "
            "AND state = 'sent') AND NOT EXISTS (SELECT 1 FROM outbox "
            "WHERE visit_id = visits.id AND state = 'pending')",
            (visit_id,),
        ).fetchone()
        if row is None:
            continue
        steps = steps_of(row) | ({} if row[1] is None else {"told": row["last_ns"]})
        connection.execute(
            "UPDATE visits SET state = 'told', steps = ? WHERE id = ?",
            (steps_text(steps), visit_id),
        )


def _attempt(
    connection: sqlite3.Connection,
    item_id: int,
    state: OutboxState,
    error: str,
    stamp: Stamp,
) -> list[str]:
    """Record one attempt; returns the item's visit, none if it was pruned."""
    row = connection.execute(
        "SELECT visit_id FROM outbox WHERE id = ?", (item_id,)
    ).fetchone()
    if row is None:
        return []
    connection.execute(
        f"INSERT INTO attempts (item_id, {STAMP}, outcome, error) "  # noqa: S608 - a constant
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (item_id, *stamp_values(stamp), state, error),
    )
    # Sent is final: an expiry that crossed the target's answer must not undo it.
    connection.execute(
        "UPDATE outbox SET attempts = attempts + 1, "
        "last_error = CASE state WHEN 'sent' THEN last_error ELSE ? END, "
        "state = CASE state WHEN 'sent' THEN state ELSE ? END WHERE id = ?",
        (error, state, item_id),
    )
    return [str(row["visit_id"])]

"""Keeping the state small: retention, and room on a full disk."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from doorbell.adapters.store_parts import StoreParts
from doorbell.adapters.store_rows import stamp_of
from doorbell.core.errors import StorageError
from doorbell.core.retention import Kept, Pruning, at_least_s, prune_plan, room_plan

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from doorbell.core.stamp import Stamp

_FORGET_PICTURE = (
    "UPDATE visits SET picture_key = NULL, picture_path = NULL, picture_bytes = 0 "
    "WHERE id = ?"
)


class RoomKeeping(StoreParts):
    """The part of `ports.store.VisitStore` that deletes."""

    __slots__ = ()

    def prune(self, now: Stamp) -> int:
        """See the port."""
        self.tidy()
        with self.database.write() as connection:
            plan = prune_plan(_kept(connection), now, self.limits)
            paths = _delete(connection, plan)
            self._prune_gaps(connection, now)
        self.pictures.remove(paths)
        # Also empties the log that an `erase` beside a reader had to leave.
        self.database.truncate_log()
        return len(plan.visits)

    def make_room(self) -> bool:
        """See the port."""
        if self.reserve.give_up():
            return True
        with self.database.read() as connection:
            chosen = room_plan(_kept(connection), self.reserve_bytes)
            paths = _paths(connection, chosen)
        # The files first: without room there is no transaction. Until that succeeds,
        # `tidy` knows a picture without a file.
        self.pictures.remove(paths)
        with suppress(StorageError), self.database.write() as connection:
            connection.executemany(_FORGET_PICTURE, [(visit,) for visit in chosen])
        return any(not self.pictures.has(path) for path in paths)

    def tidy(self) -> None:
        """Make rows, files and reserve agree after a crash or a full disk."""
        with self.database.read() as connection:
            rows = connection.execute(
                "SELECT id, picture_path FROM visits WHERE picture_key IS NOT NULL"
            ).fetchall()
        self.pictures.sweep({row["picture_path"] for row in rows})
        lost = [row["id"] for row in rows if not self.pictures.has(row["picture_path"])]
        if lost:
            with self.database.write() as connection:
                connection.executemany(_FORGET_PICTURE, [(visit,) for visit in lost])
        self.reserve.rebuild()

    def _prune_gaps(self, connection: sqlite3.Connection, now: Stamp) -> None:
        old = [
            (row["seq"],)
            for row in connection.execute("SELECT * FROM gaps").fetchall()
            if at_least_s(stamp_of(row), now) > self.limits.visit_s
        ]
        connection.executemany("DELETE FROM gaps WHERE seq = ?", old)


def _kept(connection: sqlite3.Connection) -> list[Kept]:
    rows = connection.execute(
        "SELECT id, boot_id, mono_ns, wall_ns, synced, picture_bytes, synthetic, "
        "state IN ('rung', 'captured') OR EXISTS (SELECT 1 FROM outbox "
        "WHERE visit_id = visits.id AND outbox.state = 'pending') AS busy "
        "FROM visits ORDER BY seq DESC"
    ).fetchall()
    return [
        Kept(
            id=row["id"],
            stamp=stamp_of(row),
            picture_bytes=row["picture_bytes"],
            synthetic=bool(row["synthetic"]),
            busy=bool(row["busy"]),
        )
        for row in rows
    ]


def _delete(connection: sqlite3.Connection, plan: Pruning) -> list[str]:
    """Carry out a plan in the rows; returns the files that go with them."""
    paths = _paths(connection, [*plan.visits, *plan.pictures])
    connection.executemany(
        "DELETE FROM visits WHERE id = ?", [(visit,) for visit in plan.visits]
    )
    connection.executemany(_FORGET_PICTURE, [(visit,) for visit in plan.pictures])
    return paths


def _paths(connection: sqlite3.Connection, visit_ids: Iterable[str]) -> list[str]:
    paths = []
    for visit_id in visit_ids:
        row = connection.execute(
            "SELECT picture_path FROM visits WHERE id = ?", (visit_id,)
        ).fetchone()
        if row["picture_path"] is not None:
            paths.append(row["picture_path"])
    return paths

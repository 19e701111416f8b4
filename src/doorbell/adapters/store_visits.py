"""Visits in `state.db`, their pictures beside it."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from doorbell.adapters.picture_folder import picture_path
from doorbell.adapters.store_outbox import insert_items, settle
from doorbell.adapters.store_parts import StoreParts
from doorbell.adapters.store_rows import (
    STAMP,
    SealedFaces,
    gap_of,
    stamp_of,
    stamp_values,
    steps_text,
    visit_of,
)
from doorbell.adapters.store_schema import meta, set_meta
from doorbell.adapters.vault import Owner
from doorbell.core.erasure import mentions
from doorbell.core.errors import BadInputError, StorageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from doorbell.core.ring import Ring
    from doorbell.core.stamp import Stamp
    from doorbell.ports.store import OutboxItem, VisitRecord

_PREFIX = re.compile(r"[0-9a-f]{4,32}")
_LIST_HINT = "`doorbell visits list` shows the ids."


class VisitRows(StoreParts):
    """`ports.store.VisitStore`, but for what makes room."""

    __slots__ = ()

    def cursor(self) -> int:
        """See the port."""
        with self.database.read() as connection:
            value = meta(connection, "cursor")
        return value if isinstance(value, int) else 0

    def open_visit(
        self, visit: VisitRecord, outbox: Sequence[OutboxItem], cursor: int
    ) -> None:
        """See the port."""
        with self.database.write() as connection:
            if _row(connection, visit.id) is None:
                self._insert_visit(connection, visit)
            insert_items(connection, outbox)
            _move(connection, cursor)

    def join_visit(self, visit_id: str, rings: int, cursor: int) -> None:
        """See the port."""
        with self.database.write() as connection:
            _stored(connection, visit_id)
            connection.execute(
                "UPDATE visits SET rings = ? WHERE id = ?", (rings, visit_id)
            )
            _move(connection, cursor)

    def close_visit(self, visit: VisitRecord, outbox: Sequence[OutboxItem]) -> None:
        """See the port."""
        with self.database.write() as connection:
            row = _row(connection, visit.id)
            if row is None:
                self._insert_visit(connection, visit)
            else:
                self._replace(connection, row, visit)
            insert_items(connection, outbox)
            settle(connection, [visit.id])

    def save_picture(self, visit_id: str, jpeg: bytes) -> None:
        """See the port.

        The file comes before the row that names it: cut off in between, the visit has
        no picture and the file no key.
        """
        with self.database.read() as connection:
            row = _stored(connection, visit_id)
        owner = Owner("picture-key", visit_id)
        if row["picture_key"] is None:
            key, wrapped = self.vault.new_key(owner)
            path = picture_path(visit_id, stamp_of(row))
        else:
            # The same key again: old row and new file fit at every instant.
            wrapped, path = row["picture_key"], row["picture_path"]
            key = self.vault.open_key(wrapped, owner)
        sealed = self.vault.seal(key, jpeg, Owner("visit-picture", visit_id))
        self.pictures.write(path, sealed)
        with self.database.write() as connection:
            connection.execute(
                "UPDATE visits SET picture_key = ?, picture_path = ?, "
                "picture_bytes = ? WHERE id = ?",
                (wrapped, path, len(sealed), visit_id),
            )

    def picture(self, visit_id: str) -> bytes | None:
        """See the port."""
        with self.database.read() as connection:
            row = _row(connection, visit_id)
        if row is None or row["picture_key"] is None:
            return None
        sealed = self.pictures.read(row["picture_path"])
        if sealed is None:
            return None
        key = self.vault.open_key(row["picture_key"], Owner("picture-key", visit_id))
        return self.vault.unseal(key, sealed, Owner("visit-picture", visit_id))

    def visit(self, visit_id: str) -> VisitRecord | None:
        """See the port."""
        if not _PREFIX.fullmatch(visit_id):
            msg = f"{visit_id!r} is no visit's id: 4 to 32 hexadecimal digits"
            raise BadInputError(msg, hint=_LIST_HINT)
        with self.database.read() as connection:
            # Lower case digits sort below g.
            rows = connection.execute(
                "SELECT * FROM visits WHERE id >= ? AND id < ? LIMIT 2",
                (visit_id, visit_id + "g"),
            ).fetchall()
        if len(rows) > 1:
            msg = f"several visits begin with {visit_id}"
            raise BadInputError(msg, hint="Give more digits. " + _LIST_HINT)
        return self._visit_of(rows[0]) if rows else None

    def visits(self, limit: int, before: str | None = None) -> list[VisitRecord]:
        """See the port."""
        with self.database.read() as connection:
            below = (1 << 63) - 1
            if before is not None:
                row = _row(connection, before)
                if row is None:
                    msg = f"there is no visit {before}"
                    raise BadInputError(msg, hint=_LIST_HINT)
                below = row["seq"]
            rows = connection.execute(
                "SELECT * FROM visits WHERE synthetic = 0 AND seq < ? "
                "ORDER BY seq DESC LIMIT ?",
                (below, limit),
            ).fetchall()
        return [self._shown(row) for row in rows]

    def visits_of(self, person_id: str) -> tuple[int, Stamp | None]:
        """See the port."""
        with self.database.read() as connection:
            rows = connection.execute(
                "SELECT * FROM visits WHERE faces IS NOT NULL ORDER BY seq"
            ).fetchall()
        found = [row for row in rows if self._mentions(row, person_id)]
        return len(found), stamp_of(found[-1]) if found else None

    def unfinished(self) -> list[VisitRecord]:
        """See the port."""
        with self.database.read() as connection:
            rows = connection.execute(
                "SELECT * FROM visits WHERE state IN ('rung', 'captured') ORDER BY seq"
            ).fetchall()
        return [self._visit_of(row) for row in rows]

    def label(self, visit_id: str, face: int, person_id: str) -> None:
        """See the port."""
        with self.database.write() as connection:
            row = _row(connection, visit_id)
            if row is None:
                msg = f"there is no visit {visit_id}"
                raise BadInputError(msg, hint=_LIST_HINT)
            faces = self.open_faces(row)
            if not 0 <= face < len(faces.verdicts):
                msg = (
                    f"visit {visit_id} has {len(faces.verdicts)} faces, none is {face}"
                )
                raise BadInputError(msg, hint="Faces are counted from 0.")
            if person_id:
                _enrolled(connection, person_id)
            labels = faces.labels | {face: person_id}
            self._seal_into(connection, row, SealedFaces(faces.verdicts, labels))

    def try_write(self) -> None:
        """See the port."""
        self.database.try_write()

    def record_gap(self, rings: Sequence[Ring], cursor: int = 0) -> None:
        """See the port."""
        with self.database.write() as connection:
            connection.executemany(
                f"INSERT INTO gaps (ring_id, ring_seq, ring_source, {STAMP}) "  # noqa: S608 - a constant
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (ring_id) DO NOTHING",
                [
                    (ring.id, ring.seq, ring.source, *stamp_values(ring.stamp))
                    for ring in rings
                ],
            )
            _move(connection, cursor)

    def gaps(self) -> list[Ring]:
        """See the port."""
        with self.database.read() as connection:
            rows = connection.execute("SELECT * FROM gaps ORDER BY seq").fetchall()
        return [gap_of(row) for row in rows]

    def _visit_of(self, row: sqlite3.Row) -> VisitRecord:
        return visit_of(row, self.open_faces(row))

    def _shown(self, row: sqlite3.Row) -> VisitRecord:
        """Open a visit for a list, which one damaged row must not spoil."""
        try:
            return self._visit_of(row)
        except StorageError as error:
            return replace(visit_of(row, SealedFaces()), reason=str(error))

    def _mentions(self, row: sqlite3.Row, person_id: str) -> bool:
        faces = self._faces_if_whole(row)
        return mentions(faces.verdicts, faces.labels, person_id)

    def _faces_if_whole(self, row: sqlite3.Row) -> SealedFaces:
        with suppress(StorageError):
            return self.open_faces(row)
        return SealedFaces()

    def _insert_visit(self, connection: sqlite3.Connection, visit: VisitRecord) -> None:
        key, wrapped = self.vault.new_key(Owner("faces-key", visit.id))
        faces = SealedFaces(visit.faces, visit.labels)
        ring = visit.ring
        connection.execute(
            "INSERT INTO visits (id, ring_seq, ring_source, durable, "  # noqa: S608 - a constant
            f"{STAMP}, rings, state, steps, decision, reason, synthetic, faces_key, "
            "faces) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(visit.id, ring.seq, ring.source, ring.durable),
                *stamp_values(ring.stamp),
                *_plain_values(visit),
                *(visit.synthetic, wrapped, self.seal_faces(visit.id, key, faces)),
            ),
        )

    def _replace(
        self, connection: sqlite3.Connection, row: sqlite3.Row, visit: VisitRecord
    ) -> None:
        labels = self.open_faces(row).labels | visit.labels
        connection.execute(
            "UPDATE visits SET rings = ?, state = ?, steps = ?, decision = ?, "
            "reason = ? WHERE id = ?",
            (*_plain_values(visit), visit.id),
        )
        self._seal_into(connection, row, SealedFaces(visit.faces, labels))

    def _seal_into(
        self, connection: sqlite3.Connection, row: sqlite3.Row, faces: SealedFaces
    ) -> None:
        sealed = self.seal_faces(row["id"], self.faces_key(row), faces)
        connection.execute(
            "UPDATE visits SET faces = ? WHERE id = ?", (sealed, row["id"])
        )


def _move(connection: sqlite3.Connection, cursor: int) -> None:
    # A card that comes back brings old news; what was read is never read again.
    stood = meta(connection, "cursor")
    if cursor and not (isinstance(stood, int) and stood >= cursor):
        set_meta(connection, "cursor", cursor)


def _plain_values(visit: VisitRecord) -> tuple[object, ...]:
    decision = None if visit.decision is None else str(visit.decision)
    steps = steps_text(visit.steps)
    return visit.rings, visit.state, steps, decision, visit.reason


def _row(connection: sqlite3.Connection, visit_id: str) -> sqlite3.Row | None:
    found = connection.execute("SELECT * FROM visits WHERE id = ?", (visit_id,))
    row: sqlite3.Row | None = found.fetchone()
    return row


def _stored(connection: sqlite3.Connection, visit_id: str) -> sqlite3.Row:
    row = _row(connection, visit_id)
    if row is None:
        msg = f"visit {visit_id} is not stored"
        raise StorageError(msg, hint="Its opening failed; see the log before it.")
    return row


def _enrolled(connection: sqlite3.Connection, person_id: str) -> None:
    found = connection.execute("SELECT 1 FROM people WHERE id = ?", (person_id,))
    if found.fetchone() is None:
        msg = f"nobody enrolled has the id {person_id}"
        raise BadInputError(msg, hint="`doorbell people list` shows the ids.")

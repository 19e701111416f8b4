"""Durable state in memory, with scripted faults; the contract is the real one's.

It keeps values, not bytes: what encryption and files promise is tested on the store in
`adapters`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from doorbell.core.erasure import mentions, without
from doorbell.core.errors import BadInputError, StorageError
from doorbell.core.retention import (
    Kept,
    RetentionLimits,
    at_least_s,
    prune_plan,
    room_plan,
)
from doorbell.ports.store import (
    Attempt,
    OutboxItem,
    VisitRecord,
)
from doorbell.testing.people_store import MemoryPeople

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from doorbell.core.ring import Ring
    from doorbell.core.stamp import Stamp
    from doorbell.ports.store import OutboxState

_HEX = frozenset("0123456789abcdef")
_PREFIX_DIGITS = range(4, 33)


@dataclass(slots=True)
class MemoryStore(MemoryPeople):
    """`ports.store.Store` without a disk.

    Attributes:
        limits: retention.
        reserves: how many more times `make_room` gives up a reserve.
        reserve_bytes: how much in pictures it gives up after that.
        pictures: by visit id, as they were saved.
        is_closed: whether `close` was called.
    """

    limits: RetentionLimits = field(default_factory=RetentionLimits)
    reserves: int = 1
    reserve_bytes: int = 4 << 20
    pictures: dict[str, bytes] = field(default_factory=dict)
    is_closed: bool = False
    _cursor: int = 0
    _visits: dict[str, VisitRecord] = field(default_factory=dict)
    _items: dict[int, OutboxItem] = field(default_factory=dict)
    _attempts: list[Attempt] = field(default_factory=list)
    _gaps: dict[str, Ring] = field(default_factory=dict)

    def close(self) -> None:
        """See the port."""
        self.is_closed = True

    # Visits.

    def cursor(self) -> int:
        """See the port."""
        return self._cursor

    def open_visit(
        self, visit: VisitRecord, outbox: Sequence[OutboxItem], cursor: int
    ) -> None:
        """See the port."""
        self._fault()
        self._visits.setdefault(visit.id, replace(visit, has_picture=False))
        self._put(outbox)
        self._cursor = max(cursor, self._cursor)

    def join_visit(self, visit_id: str, rings: int, cursor: int) -> None:
        """See the port."""
        self._fault()
        visit = self._stored(visit_id)
        self._visits[visit_id] = replace(visit, rings=rings)
        self._cursor = max(cursor, self._cursor)

    def close_visit(self, visit: VisitRecord, outbox: Sequence[OutboxItem]) -> None:
        """See the port."""
        self._fault()
        old = self._visits.get(visit.id)
        if old is None:
            self._visits[visit.id] = replace(visit, has_picture=False)
        else:
            self._visits[visit.id] = replace(
                visit,
                ring=old.ring,
                synthetic=old.synthetic,
                labels=old.labels | visit.labels,
            )
        self._put(outbox)
        self._settle([visit.id])

    def save_picture(self, visit_id: str, jpeg: bytes) -> None:
        """See the port."""
        self._fault()
        self._stored(visit_id)
        self.pictures[visit_id] = jpeg

    def picture(self, visit_id: str) -> bytes | None:
        """See the port."""
        return self.pictures.get(visit_id)

    def visit(self, visit_id: str) -> VisitRecord | None:
        """See the port."""
        if len(visit_id) not in _PREFIX_DIGITS or not _HEX.issuperset(visit_id):
            msg = f"{visit_id!r} is no visit's id: 4 to 32 hexadecimal digits"
            raise BadInputError(msg)
        found = [known for known in self._visits if known.startswith(visit_id)]
        if len(found) > 1:
            msg = f"several visits begin with {visit_id}"
            raise BadInputError(msg)
        return self._shown(found[0]) if found else None

    def visits(self, limit: int, before: str | None = None) -> list[VisitRecord]:
        """See the port."""
        ids = list(self._visits)
        if before is not None:
            if before not in self._visits:
                msg = f"there is no visit {before}"
                raise BadInputError(msg)
            ids = ids[: ids.index(before)]
        shown = [self._shown(visit_id) for visit_id in reversed(ids)]
        return [visit for visit in shown if not visit.synthetic][:limit]

    def visits_of(self, person_id: str) -> tuple[int, Stamp | None]:
        """See the port."""
        found = [
            visit
            for visit in self._visits.values()
            if mentions(visit.faces, visit.labels, person_id)
        ]
        return len(found), found[-1].ring.stamp if found else None

    def unfinished(self) -> list[VisitRecord]:
        """See the port."""
        return [
            self._shown(visit.id)
            for visit in self._visits.values()
            if visit.state in {"rung", "captured"}
        ]

    def label(self, visit_id: str, face: int, person_id: str) -> None:
        """See the port."""
        self._fault()
        visit = self._visits.get(visit_id)
        if visit is None:
            msg = f"there is no visit {visit_id}"
            raise BadInputError(msg)
        if not 0 <= face < len(visit.faces):
            msg = f"visit {visit_id} has {len(visit.faces)} faces, none is {face}"
            raise BadInputError(msg)
        if person_id:
            self._enrolled(person_id)
        labels = visit.labels | {face: person_id}
        self._visits[visit_id] = replace(visit, labels=labels)

    def prune(self, now: Stamp) -> int:
        """See the port."""
        self._fault()
        plan = prune_plan(self._kept(), now, self.limits)
        for visit_id in plan.visits:
            self._delete(visit_id)
        for visit_id in plan.pictures:
            del self.pictures[visit_id]
        for ring in list(self._gaps.values()):
            if at_least_s(ring.stamp, now) > self.limits.visit_s:
                del self._gaps[ring.id]
        return len(plan.visits)

    def make_room(self) -> bool:
        """See the port."""
        if self.reserves:
            self.reserves -= 1
            return True
        chosen = room_plan(self._kept(), self.reserve_bytes)
        for visit_id in chosen:
            del self.pictures[visit_id]
        return bool(chosen)

    def try_write(self) -> None:
        """See the port."""
        self._fault()

    def record_gap(self, rings: Sequence[Ring], cursor: int = 0) -> None:
        """See the port."""
        self._fault()
        for ring in rings:
            self._gaps.setdefault(ring.id, replace(ring, durable=False))
        self._cursor = max(cursor, self._cursor)

    def gaps(self) -> list[Ring]:
        """See the port."""
        return list(self._gaps.values())

    # Outbox.

    def pending(self) -> list[OutboxItem]:
        """See the port."""
        return [item for item in self._items.values() if item.state == "pending"]

    def dead(self, limit: int) -> list[OutboxItem]:
        """See the port."""
        newest = reversed(self._items.values())
        return [item for item in newest if item.state == "dead"][:limit]

    def told(self, visit_id: str) -> dict[str, OutboxState]:
        """See the port."""
        return {item.target: item.state for item in self._of(visit_id)}

    def attempts(self, visit_id: str) -> list[Attempt]:
        """See the port."""
        ids = {item.id for item in self._of(visit_id)}
        return [attempt for attempt in self._attempts if attempt.item_id in ids]

    def record_attempt(
        self,
        item_ids: Sequence[int],
        state: OutboxState,
        error: str,
        stamp: Stamp,
    ) -> None:
        """See the port."""
        self._fault()
        items = [self._items[i] for i in item_ids if i in self._items]
        for item in items:
            attempt = Attempt(item.id, item.target, item.kind, stamp, state, error)
            self._attempts.append(attempt)
            counted = replace(item, attempts=item.attempts + 1)
            if item.state != "sent":
                counted = replace(counted, state=state, last_error=error)
            self._items[item.id] = counted
        self._settle(item.visit_id for item in items)

    def _stored(self, visit_id: str) -> VisitRecord:
        visit = self._visits.get(visit_id)
        if visit is None:
            msg = f"visit {visit_id} is not stored"
            raise StorageError(msg)
        return visit

    def _shown(self, visit_id: str) -> VisitRecord:
        return replace(self._visits[visit_id], has_picture=visit_id in self.pictures)

    def _of(self, visit_id: str) -> list[OutboxItem]:
        return [item for item in self._items.values() if item.visit_id == visit_id]

    def _put(self, items: Iterable[OutboxItem]) -> None:
        known = {(item.key, item.target) for item in self._items.values()}
        for item in items:
            if (item.key, item.target) not in known:
                number = max(self._items, default=0) + 1
                self._items[number] = replace(item, id=number)

    def _settle(self, visit_ids: Iterable[str]) -> None:
        for visit_id in visit_ids:
            visit = self._visits[visit_id]
            states = {item.state for item in self._of(visit_id)}
            if visit.state not in {"decided", "degraded"}:
                continue
            if "sent" in states and "pending" not in states:
                steps = dict(visit.steps)
                for attempt in self.attempts(visit_id)[-1:]:
                    steps["told"] = attempt.stamp.mono_ns
                self._visits[visit_id] = replace(visit, state="told", steps=steps)

    def _kept(self) -> list[Kept]:
        busy = {item.visit_id for item in self.pending()}
        return [
            Kept(
                id=visit.id,
                stamp=visit.ring.stamp,
                picture_bytes=len(self.pictures.get(visit.id, b"")),
                synthetic=visit.synthetic,
                busy=visit.state in {"rung", "captured"} or visit.id in busy,
            )
            for visit in reversed(self._visits.values())
        ]

    def _delete(self, visit_id: str) -> None:
        items = {item.id for item in self._of(visit_id)}
        self._attempts = [a for a in self._attempts if a.item_id not in items]
        for item_id in items:
            del self._items[item_id]
        del self._visits[visit_id]
        self.pictures.pop(visit_id, None)

    def _forget_in_visits(self, person_id: str) -> int:
        gone = 0
        for visit in list(self._visits.values()):
            if mentions(visit.faces, visit.labels, person_id):
                gone += self.pictures.pop(visit.id, None) is not None
                faces, labels = without(visit.faces, visit.labels, person_id)
                self._visits[visit.id] = replace(visit, faces=faces, labels=labels)
        return gone

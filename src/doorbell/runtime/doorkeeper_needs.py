"""What a doorkeeper leans on, so that visitors' rings and our own can share one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doorbell.core.ring import Ring
    from doorbell.ports.store import OutboxItem, VisitRecord


class VisitLedger(Protocol):
    """Where visits are stored; None and False are "not stored", as in `Ledger`."""

    gap_recorded: Callable[[Sequence[Ring]], None]

    async def open_visit(
        self, visit: VisitRecord, outbox: Sequence[OutboxItem], cursor: int
    ) -> list[OutboxItem] | None:
        """Store a new visit; returns all that waits to be told."""
        ...

    async def join_visit(
        self, visit_id: str, rings: int, ring: Ring, cursor: int
    ) -> bool:
        """Count one more ring."""
        ...

    async def close_visit(
        self, visit: VisitRecord, outbox: Sequence[OutboxItem]
    ) -> list[OutboxItem] | None:
        """Store what a visit came to; returns all that waits to be told."""
        ...

    async def save_picture(self, visit_id: str, jpeg: bytes) -> bool:
        """Keep a visit's picture."""
        ...

    async def record_gap(self, rings: Sequence[Ring], cursor: int = 0) -> bool:
        """Record rings that were told before they could be stored."""
        ...

    async def mend(
        self, cursor: Callable[[Sequence[Ring]], int]
    ) -> list[OutboxItem] | None:
        """Record what a broken card missed."""
        ...


class Teller(Protocol):
    """Who is told of a visit; see `Dispatcher`."""

    def at_once(self, visit: VisitRecord, *, late: bool) -> list[OutboxItem]:
        """What goes out before there is a name."""
        ...

    def for_visit(self, visit: VisitRecord, *, late: bool) -> list[OutboxItem]:
        """What goes out at the decision, or at the deadline without one."""
        ...

    def show(self, visit: VisitRecord, jpeg: bytes | None) -> None:
        """Keep a visit at hand for the pushes that follow at once."""
        ...

    def accept(
        self, items: Sequence[OutboxItem], pending: Sequence[OutboxItem] | None
    ) -> None:
        """Take what is to be told, as stored or from memory."""
        ...


class Workers(Protocol):
    """The worker processes."""

    def send(self, role: str, message: object, fds: Sequence[int] = ()) -> bool:
        """Send to a worker that is up; false if it is not there to hear it."""
        ...

    def is_lost(self, role: str) -> bool:
        """Whether the role will not come back by itself."""
        ...

"""The doorkeeper's world for rings that the doorbell gives itself.

The doorkeeper is that of visitors, the way of the ring is theirs. What differs is here:
where rows go, who is told, which picture is looked at; and a self-test has no say in
the journal's cursor, which is the visitors'.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from doorbell.core.targets import NOWHERE
from doorbell.runtime.visit_frames import VisitFrames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doorbell.core.ring import Ring
    from doorbell.ports.store import OutboxItem, Store, VisitRecord
    from doorbell.runtime.dispatch import Dispatcher
    from doorbell.runtime.ledger import Ledger
    from doorbell.runtime.open_visit import OpenVisit
    from doorbell.runtime.supervisor import Supervisor
    from doorbell.stages.messages import FrameRef

# The cursor stays where it is.
NO_CURSOR = 0


class SelfTestLedger:
    """See `doorkeeper_needs.VisitLedger`.

    A ring that is on the card is stored like a visitor's, but without whom recognition
    took the drawn face for; any other ring stays in memory.

    Args:
        ledger: the hub's.
        failed: called when the card does not take a row.
    """

    def __init__(self, ledger: Ledger, failed: Callable[[str], None]) -> None:
        self._ledger = ledger
        self._failed = failed
        self.gap_recorded: Callable[[Sequence[Ring]], None] = lambda _: None

    async def open_visit(
        self, visit: VisitRecord, outbox: Sequence[OutboxItem], cursor: int
    ) -> list[OutboxItem] | None:
        """Store it if its ring is on the card."""
        del cursor
        if not visit.ring.durable:
            return []

        def work(store: Store) -> list[OutboxItem]:
            store.open_visit(_bare(visit), outbox, NO_CURSOR)
            return store.pending()

        return await self._tried(work)

    async def close_visit(
        self, visit: VisitRecord, outbox: Sequence[OutboxItem]
    ) -> list[OutboxItem] | None:
        """Store it if its ring is on the card; else it is told from memory."""
        if not visit.ring.durable:
            return None

        def work(store: Store) -> list[OutboxItem]:
            store.close_visit(_bare(visit), outbox)
            return store.pending()

        return await self._tried(work)

    async def _tried(
        self, work: Callable[[Store], list[OutboxItem]]
    ) -> list[OutboxItem] | None:
        pending = await self._ledger.rehearse(work)
        if pending is None:
            self._failed("state.db did not take it")
        return pending

    async def join_visit(
        self, visit_id: str, rings: int, ring: Ring, cursor: int
    ) -> bool:
        """Nothing joins a self-test."""
        del visit_id, rings, ring, cursor
        return False

    async def save_picture(self, visit_id: str, jpeg: bytes) -> bool:
        """No picture is kept: it would be of whoever passes by."""
        del visit_id, jpeg
        return False

    async def record_gap(self, rings: Sequence[Ring], cursor: int = 0) -> bool:
        """A self-test that is not on the card is no gap."""
        del rings, cursor
        return False

    async def mend(
        self, cursor: Callable[[Sequence[Ring]], int]
    ) -> list[OutboxItem] | None:
        """Nothing is owed to the card."""
        del cursor
        return None


def _bare(visit: VisitRecord) -> VisitRecord:
    return replace(visit, faces=[], has_picture=False)


class SelfTestTeller:
    """See `doorkeeper_needs.Teller`: one target, told at the end.

    Attributes:
        target: of the ring in hand.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self.target = NOWHERE

    def at_once(self, visit: VisitRecord, *, late: bool) -> list[OutboxItem]:
        """Nothing."""
        del visit, late
        return []

    def for_visit(self, visit: VisitRecord, *, late: bool) -> list[OutboxItem]:
        """What goes out at the end."""
        del late
        if visit.state not in ("decided", "degraded"):
            return []
        return self._dispatcher.targets.of_self_test(visit, self.target)

    def show(self, visit: VisitRecord, jpeg: bytes | None) -> None:
        """Keep it at hand: most are stored nowhere else."""
        self._dispatcher.show(visit, jpeg)

    def accept(
        self, items: Sequence[OutboxItem], pending: Sequence[OutboxItem] | None
    ) -> None:
        """Put it into the outbox."""
        self._dispatcher.accept(items, pending)


class VisionOnly:
    """See `doorkeeper_needs.Workers`: the button hears of the visitors' cursor only."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def send(self, role: str, message: object, fds: Sequence[int] = ()) -> bool:
        """Send to vision."""
        return role == "vision" and self._supervisor.send(role, message, fds)

    def is_lost(self, role: str) -> bool:
        """Whether the role will not come back by itself."""
        return self._supervisor.is_lost(role)


class LiveAndDrawn(VisitFrames):
    """The camera's frame is the one that is shown, the drawn face is looked at."""

    def begin(self, visit: OpenVisit, frames: list[FrameRef]) -> None:
        """Take the supplied frames to look at, and the camera's newest to show."""
        super().begin(visit, frames)
        for live in self._desk.preroll(visit.edge.mono_ns)[-1:]:
            self._desk.pin(live, visit.token)
            visit.best = live

    def show(self, visit: OpenVisit, frame: FrameRef) -> None:
        """Stay with the camera's: a drawn face says nothing of the camera."""
        del visit, frame

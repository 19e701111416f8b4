"""Write visits down and have them told, for each visit one write after the other."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from doorbell.core.ring import Ring
    from doorbell.ports.clock import Clock
    from doorbell.ports.store import VisitState
    from doorbell.runtime.doorkeeper_needs import Teller, VisitLedger
    from doorbell.runtime.frame_desk import FrameDesk
    from doorbell.runtime.open_visit import Happening, OpenVisit
    from doorbell.runtime.stored_rings import StoredRings
    from doorbell.runtime.visit_frames import VisitFrames

log = logging.getLogger("doorbell.visits")

FIRST_PICTURE_S = 0.15


class VisitWriter:
    """What is stored and told of visits.

    Args:
        rings: hear of each that is stored.
        happened: called with what happened to which visit.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, put together once
        self,
        *,
        clock: Clock,
        desk: FrameDesk,
        frames: VisitFrames,
        ledger: VisitLedger,
        dispatcher: Teller,
        rings: StoredRings,
        happened: Callable[[Happening, OpenVisit], None],
    ) -> None:
        self._clock = clock
        self._desk = desk
        self._frames = frames
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._rings = rings
        self._happened = happened
        self.keeps_pictures = True
        self._asides: set[asyncio.Task[None]] = set()
        ledger.gap_recorded = rings.stored

    async def open(self, visit: OpenVisit) -> None:
        """Store a visit at its first ring, and tell whom that can be told at once."""
        record = visit.record("rung")
        items = self._dispatcher.at_once(record, late=visit.late)
        cursor = self._rings.after([record.ring])
        pending = await self._ledger.open_visit(record, items, cursor)
        visit.undurable = pending is None
        if items and visit.first_picture is not None:
            # The first push is worth a picture, but not worth a wait for it.
            await asyncio.wait([visit.first_picture], timeout=FIRST_PICTURE_S)
            self._dispatcher.show(record, visit.jpeg)
        self._dispatcher.accept(items, pending)
        if pending is not None:
            self._rings.stored([record.ring])

    async def join(self, visit: OpenVisit, ring: Ring) -> None:
        """Store that an open visit rang once more."""
        if visit.ring is None:
            return
        cursor = self._rings.after([ring])
        if await self._ledger.join_visit(visit.ring.id, visit.rings, ring, cursor):
            self._rings.stored([ring])

    async def pass_over(self, ring: Ring) -> None:
        """A ring was told before it could be stored: record that."""
        if await self._ledger.record_gap([ring], self._rings.after([ring])):
            self._rings.stored([ring])

    async def mend(self) -> None:
        """Record what a broken card missed, once it works again."""
        pending = await self._ledger.mend(self._rings.after)
        if pending is not None:
            self._dispatcher.accept([], pending)

    async def capture(self, visit: OpenVisit) -> None:
        """Make the picture people see, of the best frame so far."""
        frame = visit.best
        if frame is None or frame == visit.jpeg_of:
            return
        jpeg = await self._desk.encode(frame)
        if jpeg is not None:
            before, visit.jpeg, visit.jpeg_of = visit.jpeg_of, jpeg, frame
            visit.steps.setdefault("captured", self._clock.mono_ns())
            self._happened("captured", visit)
            if before is not None:
                self._frames.let_go(visit, before)

    async def tell(self, visit: OpenVisit) -> None:
        """Recognition takes too long: tell that somebody rang."""
        self._frames.show_most_promising(visit)
        await self.capture(visit)
        visit.steps["deadline"] = self._clock.mono_ns()
        await self._store(visit, "captured" if visit.jpeg else "rung")
        self._happened("told", visit)

    async def close(self, visit: OpenVisit, state: VisitState) -> None:
        """Store and tell what a visit came to."""
        await self.capture(visit)
        await self._store(visit, state)
        self._happened("decided" if state == "decided" else "degraded", visit)
        if visit.jpeg is not None and self.keeps_pictures:
            await self._ledger.save_picture(visit.record(state).id, visit.jpeg)
        self._frames.release(visit)

    async def _store(self, visit: OpenVisit, state: VisitState) -> None:
        record = visit.record(state)
        items = self._dispatcher.for_visit(record, late=visit.late)
        self._dispatcher.show(record, visit.jpeg)
        pending = await self._ledger.close_visit(record, items)
        self._dispatcher.accept(items, pending)

    def in_order(self, visit: OpenVisit, work: Coroutine[object, object, None]) -> None:
        """Do one more write for a visit, after those before it."""
        before = visit.tail

        async def after_it() -> None:
            if before is not None:
                await asyncio.wait([before])
            await work

        visit.tail = asyncio.get_running_loop().create_task(after_it())
        visit.tail.add_done_callback(_report)

    def aside(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Do something for a visit beside its writes."""
        task = asyncio.get_running_loop().create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)
        task.add_done_callback(_report)
        return task


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("visit_task_failed", exc_info=error)

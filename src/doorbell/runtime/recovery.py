"""Take up what a crash or a broken card left: visits, pushes, rings in the journal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.core.errors import StorageError
from doorbell.core.reasons import Reason
from doorbell.runtime import wiring
from doorbell.runtime.open_visit import degraded

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings
    from doorbell.core.stamp import Stamp
    from doorbell.ports.clock import Clock
    from doorbell.ports.store import OutboxItem, Store, VisitRecord
    from doorbell.runtime.dispatch import Dispatcher
    from doorbell.runtime.doorkeeper import Doorkeeper
    from doorbell.runtime.ledger import Ledger


class Recovery:
    """What is left of an earlier life of this daemon.

    Args:
        settings: where the journal is, and how old a ring may be to be looked at.
    """

    def __init__(
        self,
        settings: ProductionSettings,
        clock: Clock,
        ledger: Ledger,
        dispatcher: Dispatcher,
        doorkeeper: Doorkeeper,
    ) -> None:
        self._journal = Path(settings.storage.dir) / "journal"
        self._expiry_s = settings.visit.expiry_s
        self._clock = clock
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._doorkeeper = doorkeeper
        self._is_done = False

    async def take_up(self) -> None:
        """Finish what the state holds; rings follow when the button is heard."""
        try:
            unfinished, pending = await self._ledger.call(
                lambda store: _left(store, self._clock.now())
            )
        except StorageError:
            return
        for visit in unfinished:
            if self._doorkeeper.find(visit.id) is None:
                await self._finish(visit)
        self._dispatcher.accept([], pending)
        self._is_done = True

    async def _finish(self, visit: VisitRecord) -> None:
        closed = degraded(visit, Reason.RESTARTED)
        items = self._dispatcher.targets.after_crash(visit)
        pending = await self._ledger.close_visit(closed, items)
        self._dispatcher.accept(items, pending)

    async def catch_up(self) -> None:
        """The card works again: take up what it did not say at the start."""
        if not self._is_done:
            await self.take_up()
            await self.take_up_rings()

    async def take_up_rings(self) -> None:
        """Take up rings that are in the journal and nowhere else."""
        try:
            cursor = await self._ledger.call(lambda store: store.cursor())
        except StorageError:
            await self._take_up_fresh_rings()
            return
        self._doorkeeper.rings.begin_at(cursor)
        now = self._clock.now()
        for ring in await asyncio.to_thread(wiring.read_rings, self._journal, cursor):
            if ring.source == "synthetic":
                self._doorkeeper.rings.pass_by(ring)
            else:
                self._doorkeeper.resume(ring, now)

    async def _take_up_fresh_rings(self) -> None:
        """Without a cursor only what is fresh is surely not told yet."""
        rings = await asyncio.to_thread(wiring.read_rings, self._journal, 0)
        found = [ring for ring in rings if ring.source != "synthetic"]
        self._doorkeeper.rings.hold(found)
        now = self._clock.now()
        for ring in found:
            age_s = ring.stamp.age_s(now)
            if age_s is not None and age_s <= self._expiry_s:
                self._doorkeeper.resume(ring, now)


def _left(store: Store, now: Stamp) -> tuple[list[VisitRecord], list[OutboxItem]]:
    """Return what a crash left undecided and untold, but for self-tests: those end."""
    unfinished, pending = store.unfinished(), store.pending()
    for visit in unfinished:
        if visit.synthetic:
            store.close_visit(degraded(visit, Reason.RESTARTED), [])
    tests = [item.id for item in pending if _is_self_test(store, item)]
    if tests:
        store.record_attempt(tests, "dead", "the doorbell was restarted", now)
    return (
        [visit for visit in unfinished if not visit.synthetic],
        [item for item in pending if item.id not in tests],
    )


def _is_self_test(store: Store, item: OutboxItem) -> bool:
    visit = store.visit(item.visit_id)
    return visit is not None and visit.synthetic

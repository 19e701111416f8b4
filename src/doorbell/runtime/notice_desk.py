"""Put together what a push says: its visits, the rules of its target, its picture.

How a visit reads is `notices`'; who is told, and how loudly, `core.rules`'.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from doorbell.core.localtime import local_at
from doorbell.core.rules import TellKind, telling
from doorbell.runtime import notices

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from doorbell.core.outbox import Parcel, Waiting
    from doorbell.ports.clock import Clock
    from doorbell.ports.store import OutboxItem, VisitRecord
    from doorbell.runtime.ledger import Ledger
    from doorbell.runtime.targets import Targets
    from doorbell.stages.notify_messages import Notice
    from doorbell.stages.vision_messages import EngineReady

# Visits whose row and picture are kept at hand for the pushes that follow at once.
AT_HAND = 8


class NoticeDesk:
    """What is to be said of the visits that wait to be told.

    Args:
        names: of the enrolled people, by id.
    """

    def __init__(self, clock: Clock, ledger: Ledger, names: Mapping[str, str]) -> None:
        self._clock = clock
        self._ledger = ledger
        self._names = names
        self.engine: EngineReady | None = None
        self._visits: dict[str, tuple[VisitRecord, bytes | None]] = {}
        self._last_push_s: dict[str, tuple[str, float]] = {}

    def reconfigure(self, targets: Targets, zone: tzinfo) -> None:
        """Use other settings from the next push on."""
        self._targets = targets
        self._zone = zone

    def show(self, visit: VisitRecord, jpeg: bytes | None) -> None:
        """Keep a visit at hand for the pushes that follow at once."""
        self._visits.pop(visit.id, None)
        self._visits[visit.id] = (visit, jpeg)
        # A self-test is let go of by `withdraw`, and must not push out a visit that a
        # broken card has not taken.
        while not visit.synthetic and len(self._visits) > AT_HAND:
            self._visits.pop(next(iter(self._visits)))

    def let_go(self, visit_id: str) -> None:
        """Keep a visit at hand no longer."""
        self._visits.pop(visit_id, None)

    def forget_pictures(self) -> None:
        """Drop what is kept at hand: somebody was erased."""
        self._visits.clear()

    def told(self, target: str, visit_id: str) -> None:
        """A push of this visit has just arrived."""
        self._last_push_s[target] = (visit_id, time.monotonic())

    async def build(
        self, parcel: Parcel, items: Mapping[int, OutboxItem]
    ) -> tuple[Notice | None, bytes | None] | None:
        """The notice and its picture; (None, …) if a rule forbids, None if no visit.

        Args:
            parcel: what goes out as one.
            items: all that waits, by number.
        """
        told = []
        for item in parcel.items if parcel.digest else (parcel.last,):
            visit = await self._visit(item.visit_id)
            if visit is not None and not (visit.synthetic and parcel.digest):
                row = items[item.id]
                loudness = "visit" if self._holds_ring(parcel, item) else row.kind
                told.append(self._ruled(row, visit, loudness))
        if not told:
            return None
        said = [notice for notice in told if notice is not None]
        if not said:
            return None, None
        notice = notices.digest(said) if parcel.digest and len(said) > 1 else said[-1]
        return notice, await self._picture(parcel.last.visit_id)

    async def _visit(self, visit_id: str) -> VisitRecord | None:
        if visit_id in self._visits:
            return self._visits[visit_id][0]
        return await self._ledger.visit(visit_id)

    async def _picture(self, visit_id: str) -> bytes | None:
        _, jpeg = self._visits.get(visit_id, (None, None))
        return jpeg or await self._ledger.picture(visit_id)

    def _holds_ring(self, parcel: Parcel, name: Waiting) -> bool:
        """Whether a name goes out whose ring was never told: it must be heard."""
        return any(
            item.kind == "ring" and item.visit_id == name.visit_id
            for item in parcel.items
        )

    def _ruled(
        self, item: OutboxItem, visit: VisitRecord, loudness: TellKind
    ) -> Notice | None:
        now = self._clock.now()
        notice = notices.build(item, visit, self._names, now, self.engine)
        if visit.synthetic:
            return notices.self_test(notice, item.target)
        local = local_at(now.wall_s(), self._zone)
        verdict = telling(
            loudness,
            notices.visitors(notice),
            self._targets[item.target],
            local.time() if local else None,
            self._since_last_s(item),
        )
        if not verdict.told:
            return None
        return notices.ruled(notice, verdict)

    def _since_last_s(self, item: OutboxItem) -> float | None:
        visit_id, at_s = self._last_push_s.get(item.target, ("", 0.0))
        if not visit_id or visit_id == item.visit_id:
            return None
        return time.monotonic() - at_s

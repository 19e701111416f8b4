"""What waits to be told, and until when: the outbox of `state.db`, and of memory.

The rules are in `core.outbox` (retries, digests, expiry). What could not be stored is
told from memory all the same.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from doorbell.core import outbox
from doorbell.core.outbox import Pending
from doorbell.core.targets import NOWHERE
from doorbell.runtime.backlog import Backlog, backlog
from doorbell.runtime.unstored import UnstoredItems
from monitoring.metrics.label_values import OTHER
from monitoring.metrics.recording import record_counter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from doorbell.core.outbox import Plan, RetryPolicy
    from doorbell.ports.clock import Clock
    from doorbell.ports.store import OutboxItem, OutboxState
    from doorbell.runtime.ledger import Ledger
    from doorbell.runtime.targets import Targets
    from doorbell.stages.notify_messages import Delivered

log = logging.getLogger("doorbell.outbox")


class OutboxQueue:
    """The pushes that are not told yet.

    Attributes:
        items: by number; negative for what is in memory only.
    """

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self._clock = clock
        self._ledger = ledger
        self.items: dict[int, OutboxItem] = {}
        self._not_before_s: dict[int, float] = {}
        self._memory = UnstoredItems()

    def reconfigure(self, targets: Targets, policy: RetryPolicy) -> None:
        """Use other settings from the next push on."""
        self._targets = targets
        self._policy = policy

    def accept(
        self, items: Sequence[OutboxItem], pending: Sequence[OutboxItem] | None
    ) -> None:
        """Take what is to be told: as stored, or from memory if storing failed.

        Args:
            items: what was to be stored.
            pending: all rows that wait, or None when they could not be stored.
        """
        if pending is None:
            for item in items:
                self._memory.keep(item, self.items)
        for item in pending or ():
            if not self._memory.knows(item, self.items):
                self.items.setdefault(item.id, item)

    async def bury_orphans(self) -> None:
        """Give up what waits for targets that the settings no longer name."""
        ids = [k for k, item in self.items.items() if item.target not in self._targets]
        if ids:
            await self.bury(ids, "the target was removed")

    def plan(self, in_hand: Iterable[int]) -> Plan:
        """What is to be sent or given up now.

        Args:
            in_hand: ids of items with an attempt under way.
        """
        held = set(in_hand)
        now = self._clock.now()
        waiting = [
            Pending(item, item.created.age_s(now), self._not_before_s.get(key, 0.0))
            for key, item in self.items.items()
            if key not in held and item.target in self._targets
        ]
        return outbox.plan(waiting, time.monotonic(), self._policy)

    def next_try_s(self) -> float | None:
        """Seconds until the next retry; None if none waits for its time."""
        now_s = time.monotonic()
        later = [t for t in self._not_before_s.values() if t > now_s]
        return min(later) - now_s if later else None

    def is_due(self) -> bool:
        """Whether something could be sent at once."""
        now_s = time.monotonic()
        return any(self._not_before_s.get(key, 0.0) <= now_s for key in self.items)

    def postpone(self, ids: Sequence[int], wait_s: float) -> None:
        """Try these again in a while, without counting an attempt."""
        again_s = time.monotonic() + wait_s
        self._not_before_s.update(dict.fromkeys(ids, again_s))

    def lift_backoff(self, target: str) -> None:
        """The target answers again: what waits for it is due."""
        for key, item in self.items.items():
            if item.target == target:
                self._not_before_s.pop(key, None)

    async def tried(self, ids: Sequence[int], message: Delivered) -> None:
        """An attempt on these items came to its end."""
        # One that was withdrawn meanwhile needs none.
        known = [key for key in ids if key in self.items]
        verdicts = {key: self._verdict(key, message) for key in known}
        for state in ("sent", "pending", "dead"):
            done = [key for key, value in verdicts.items() if value == state]
            if done:
                await self.settle(done, state, message.detail)

    def _verdict(self, key: int, message: Delivered) -> OutboxState:
        item = self.items[key]
        item = self.items[key] = replace(item, attempts=item.attempts + 1)
        match outbox.after_attempt(
            message.status,
            item.attempts,
            message.retry_after_s,
            item.created.age_s(self._clock.now()),
            self._policy,
            jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
        ):
            case outbox.Sent():
                return "sent"
            case outbox.Retry(wait_s=wait_s):
                self._not_before_s[key] = time.monotonic() + wait_s
                return "pending"
            case outbox.Dead(reason=reason):
                log.error(
                    "notification_dead",
                    extra={"target": item.target, "reason": reason},
                )
                return "dead"

    async def bury(self, ids: list[int], reason: str) -> None:
        """Give items up."""
        for target in {self.items[key].target for key in ids if key in self.items}:
            log.error("notification_dead", extra={"target": target, "reason": reason})
        await self.settle(ids, "dead", reason)

    async def settle(self, ids: list[int], state: OutboxState, error: str) -> None:
        """Record how items stand; only what is pending waits on."""
        if state != "pending":
            for key in ids:
                item = self.items.pop(key, None)
                if state == "dead" and item is not None:
                    self._count_dead(item.target)
                self._memory.settled(key, item, state)
                self._not_before_s.pop(key, None)
        await self._record([self._memory.row_of(key) for key in ids], state, error)

    def _count_dead(self, target: str) -> None:
        if target != NOWHERE:
            # A target may be gone from the settings while its pushes still wait.
            channel = target if target in self._targets else OTHER
            record_counter("doorbell_dead_letters_total", 1.0, {"channel": channel})

    async def _record(self, rows: list[int], state: OutboxState, error: str) -> None:
        stored = [row for row in rows if row > 0]
        if not stored:
            return
        now = self._clock.now()
        if await self._ledger.record_attempt(stored, state, error, now):
            self._memory.recorded(stored)

    async def record_owed(self) -> None:
        """Record what was told while the card failed."""
        for state, rows in self._memory.owed().items():
            await self._record(rows, state, "")

    def is_owed(self, visit_id: str) -> bool:
        """Whether a push of this visit was not attempted yet."""
        return any(
            item.visit_id == visit_id and item.attempts == 0
            for item in self.items.values()
        )

    async def withdraw(self, visit_id: str) -> None:
        """Let go of all that waits for a visit."""
        ids = [k for k, item in self.items.items() if item.visit_id == visit_id]
        if ids:
            await self.settle(ids, "dead", "withdrawn")

    @property
    def waiting(self) -> int:
        """Pushes that are not yet told, without the doorbell's own rings."""
        return sum(item.target != NOWHERE for item in self.items.values())

    def backlog(self, in_hand: Collection[str]) -> Backlog:
        """How the outbox is draining.

        Args:
            in_hand: targets with an attempt under way.
        """
        return backlog(
            self.items,
            self._not_before_s,
            in_hand,
            self._clock.now(),
            time.monotonic(),
        )

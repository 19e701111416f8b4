"""The outbox at work: which push goes to which target, now, later or never.

The rules are in `core.outbox` (retries, digests, expiry) and `core.rules` (who is told,
how loudly). Rows are in `state.db`; what could not be stored there is told from
memory all the same.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from contextvars import Context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from config.notify import Target
from doorbell.core import outbox
from doorbell.core.errors import StorageError, UnavailableError
from doorbell.core.localtime import local_at
from doorbell.core.outbox import Parcel, Pending, RetryPolicy, Waiting
from doorbell.core.rules import TellKind, may_tell_ring_first, telling
from doorbell.core.targets import NOWHERE, can_replace
from doorbell.ports.store import OutboxItem
from doorbell.runtime import notices
from doorbell.runtime.backlog import Backlog, backlog
from doorbell.runtime.link import close_all
from doorbell.runtime.unstored import UnstoredItems
from doorbell.runtime.wiring import publish
from doorbell.stages.notify_messages import Deliver, Notice
from monitoring.metrics.label_values import OTHER
from monitoring.metrics.recording import record_counter
from monitoring.tracing.context import working_on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from config.notify import Notify
    from doorbell.ports.clock import Clock
    from doorbell.ports.store import OutboxState, VisitRecord
    from doorbell.runtime.ledger import Ledger
    from doorbell.stages.notify_messages import Delivered
    from doorbell.stages.vision_messages import EngineReady

log = logging.getLogger("doorbell.outbox")

# Beyond the target's own limit: the worker answers at that, unless it is hung.
TEST_EXTRA_S = 3.0
# Visits whose row and picture are kept at hand for the pushes that follow at once.
AT_HAND = 8
# A card that failed while a push was put together is asked again after this.
CARD_RETRY_S = 1.0


@dataclass(slots=True)
class Attempt:
    """A parcel in the notify worker's hands."""

    parcel: Parcel
    visit_id: str
    is_test: bool = False


class Dispatcher:
    """Everything that waits to be told.

    Args:
        settings: targets and limits.
        urls: address of each target by name, secrets resolved.
        send: to the notify worker; false if it is not there.
        names: of the enrolled people, by id.
        told: called with (visit id, target, status, detail) after each attempt.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, put together once by the hub
        self,
        *,
        settings: Notify,
        urls: Mapping[str, str],
        clock: Clock,
        zone: tzinfo,
        ledger: Ledger,
        send: Callable[[str, object, Sequence[int]], bool],
        names: Mapping[str, str],
        told: Callable[[str, str, str, str], None],
    ) -> None:
        self.reconfigure(settings, urls, zone)
        self._clock = clock
        self._ledger = ledger
        self._send = send
        self._names = names
        self._told = told
        self._items: dict[int, OutboxItem] = {}
        self._not_before_s: dict[int, float] = {}
        self._visits: dict[str, tuple[VisitRecord, bytes | None]] = {}
        self._attempts: dict[int, Attempt] = {}
        self.engine: EngineReady | None = None
        self._tests: dict[int, asyncio.Future[Delivered]] = {}
        self._last_push_s: dict[str, tuple[str, float]] = {}
        self._numbers = itertools.count(1)
        self._memory = UnstoredItems()
        self._waking: asyncio.Task[None] | None = None
        self._wake_again = False
        self._timer: asyncio.TimerHandle | None = None

    def reconfigure(
        self, settings: Notify, urls: Mapping[str, str], zone: tzinfo
    ) -> None:
        """Use other settings from the next push on."""
        self._household = [t for t in settings.targets if t.enabled]
        self._targets = {t.name: t for t in (*self._household, Target(name=NOWHERE))}
        self._urls = urls
        self._zone = zone
        self._policy = RetryPolicy(
            settings.retry_first_s,
            settings.retry_max_s,
            settings.expire_s,
            settings.digest_after_s,
        )

    # What is to be told.

    def at_once(self, visit: VisitRecord, *, late: bool) -> list[OutboxItem]:
        """What goes out before there is a name: only where it can be replaced."""
        if late:
            return []
        return [
            self._item(visit, "ring", target)
            for target in self._household
            if self._ring_first(target)
        ]

    def for_visit(self, visit: VisitRecord, *, late: bool) -> list[OutboxItem]:
        """What goes out at the decision, or at the deadline without one."""
        items = []
        for target in self._household:
            if self._ring_first(target) and not late:
                if visit.state in ("decided", "degraded"):
                    items.append(self._item(visit, "name", target))
            elif "deadline" not in visit.steps or visit.state in ("rung", "captured"):
                items.append(self._item(visit, "visit", target, late=late))
        return items

    def after_crash(self, visit: VisitRecord) -> list[OutboxItem]:
        """What is still to be told of a visit that a crash left undecided."""
        return [
            self._item(visit, "visit", target, late=True)
            for target in self._household
            if not self._ring_first(target) and "deadline" not in visit.steps
        ]

    def _ring_first(self, target: Target) -> bool:
        url = self._urls.get(target.name, "")
        return may_tell_ring_first(target, can_replace=can_replace(url))

    def of_self_test(self, visit: VisitRecord, target: str) -> list[OutboxItem]:
        """What goes out of a ring that the doorbell gave itself."""
        known = self._targets.get(target)
        return [self._item(visit, "visit", known)] if known else []

    def _item(
        self, visit: VisitRecord, kind: str, target: Target, *, late: bool = False
    ) -> OutboxItem:
        return OutboxItem(
            visit_id=visit.id,
            kind=kind,  # type: ignore[arg-type] # one of three literals above
            target=target.name,
            created=self._clock.now(),
            late=late,
        )

    def show(self, visit: VisitRecord, jpeg: bytes | None) -> None:
        """Keep a visit at hand for the pushes that follow at once."""
        self._visits.pop(visit.id, None)
        self._visits[visit.id] = (visit, jpeg)
        # A self-test is let go of by `withdraw`, and must not push out a visit that a
        # broken card has not taken.
        while not visit.synthetic and len(self._visits) > AT_HAND:
            self._visits.pop(next(iter(self._visits)))

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
                self._memory.keep(item, self._items)
        for item in pending or ():
            if not self._memory.knows(item, self._items):
                self._items.setdefault(item.id, item)
        self.wake()

    # Sending.

    def wake(self) -> None:
        """Send what is due; safe to call at any time."""
        if self._waking is not None and not self._waking.done():
            self._wake_again = True
            return
        loop = asyncio.get_running_loop()
        # It is for all visits, not for the one in hand.
        self._waking = loop.create_task(self._send_due(), context=Context())
        self._waking.add_done_callback(_report)

    async def _send_due(self) -> None:
        await self.record_owed()
        await self._bury_orphans()
        self._wake_again = True
        while self._wake_again:
            self._wake_again = False
            plan = outbox.plan(self._waiting(), time.monotonic(), self._policy)
            if plan.expired:
                await self._bury([item.id for item in plan.expired], "expired")
            busy = {a.parcel.target for a in self._attempts.values()}
            for parcel in plan.parcels:
                if parcel.target not in busy:
                    busy.add(parcel.target)
                    with working_on(parcel.last.visit_id):
                        await self._try(parcel)
        self._arrange()

    async def _bury_orphans(self) -> None:
        """Give up what waits for targets that the settings no longer name."""
        ids = [k for k, item in self._items.items() if item.target not in self._targets]
        if ids:
            await self._bury(ids, "the target was removed")

    def _waiting(self) -> list[Pending]:
        held = {item.id for a in self._attempts.values() for item in a.parcel.items}
        now = self._clock.now()
        return [
            Pending(item, item.created.age_s(now), self._not_before_s.get(key, 0.0))
            for key, item in self._items.items()
            if key not in held and item.target in self._targets
        ]

    def _arrange(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        now_s = time.monotonic()
        later = [t for t in self._not_before_s.values() if t > now_s]
        if later:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(later) - now_s + 0.005, self.wake)

    async def _try(self, parcel: Parcel) -> None:
        try:
            built = await self._build(parcel)
        except (StorageError, UnavailableError):
            # What is to be said is on a card that does not answer now.
            again_s = time.monotonic() + CARD_RETRY_S
            self._not_before_s.update({item.id: again_s for item in parcel.items})
            return
        if built is None:
            await self._bury([item.id for item in parcel.items], "its visit is gone")
            return
        notice, jpeg = built
        if notice is None:
            await self._settle([i.id for i in parcel.items], "sent", "not told: a rule")
            return
        number = next(self._numbers)
        target = self._targets[parcel.target]
        # Of a test message the porch is no part.
        is_wanted = target.picture and notice.kind != "test"
        picture = jpeg if is_wanted else None
        fds = [publish(picture)] if picture else []
        message = Deliver(
            attempt=number,
            target=parcel.target,
            notice=notice,
            has_picture=bool(fds),
        )
        is_test = notice.synthetic or notice.kind == "test"
        self._attempts[number] = Attempt(parcel, parcel.last.visit_id, is_test)
        if not self._send("notify", message, fds):
            del self._attempts[number]
        close_all(fds)

    async def _build(self, parcel: Parcel) -> tuple[Notice | None, bytes | None] | None:
        """The notice and its picture; (None, …) if a rule forbids, None if no visit."""
        told = []
        for item in parcel.items if parcel.digest else (parcel.last,):
            visit = await self._visit(item.visit_id)
            if visit is not None and not (visit.synthetic and parcel.digest):
                row = self._items[item.id]
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

    # What came of it.

    async def delivered(self, message: Delivered) -> None:
        """The notify worker reports on an attempt."""
        if (test := self._tests.get(message.attempt)) is not None:
            if not test.done():
                test.set_result(message)
            return
        attempt = self._attempts.get(message.attempt)
        if attempt is None:
            return
        parcel = attempt.parcel
        self._told(attempt.visit_id, parcel.target, message.status, message.detail)
        if message.status == "sent":
            if not attempt.is_test:
                told_at = (attempt.visit_id, time.monotonic())
                self._last_push_s[parcel.target] = told_at
            self._lift_backoff(parcel.target)
        # One that was withdrawn meanwhile needs none.
        known = [item.id for item in parcel.items if item.id in self._items]
        verdicts = {key: self._verdict(key, message) for key in known}
        for state in ("sent", "pending", "dead"):
            ids = [key for key, value in verdicts.items() if value == state]
            if ids:
                await self._settle(ids, state, message.detail)
        # The worker may have died meanwhile, and its attempts with it.
        self._attempts.pop(message.attempt, None)
        self.wake()

    def _lift_backoff(self, target: str) -> None:
        for key, item in self._items.items():
            if item.target == target:
                self._not_before_s.pop(key, None)

    def _verdict(self, key: int, message: Delivered) -> OutboxState:
        item = self._items[key]
        item = self._items[key] = replace(item, attempts=item.attempts + 1)
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

    async def _bury(self, ids: list[int], reason: str) -> None:
        for target in {self._items[key].target for key in ids if key in self._items}:
            log.error("notification_dead", extra={"target": target, "reason": reason})
        await self._settle(ids, "dead", reason)

    async def _settle(self, ids: list[int], state: OutboxState, error: str) -> None:
        if state != "pending":
            for key in ids:
                item = self._items.pop(key, None)
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

    async def send_now(self, target: str, notice: Notice) -> Delivered:
        """Send what is no visit (a test, an alert) past the outbox, and wait for it.

        Raises:
            UnavailableError: the notify process is not there, or died over it.
        """
        number = next(self._numbers)
        future: asyncio.Future[Delivered] = asyncio.get_running_loop().create_future()
        self._tests[number] = future
        try:
            message = Deliver(attempt=number, target=target, notice=notice)
            if not self._send("notify", message, ()):
                msg = "the notify process is not running"
                raise UnavailableError(msg)
            async with asyncio.timeout(self._targets[target].timeout_s + TEST_EXTRA_S):
                return await future
        except TimeoutError as error:
            msg = f"{target} did not answer in time"
            raise UnavailableError(msg) from error
        finally:
            del self._tests[number]

    def targets(self, name: str | None) -> list[str]:
        """The targets in use: all, or the one of that name."""
        names = [target.name for target in self._household]
        return [key for key in names if name in (None, key)]

    def is_owed(self, visit_id: str) -> bool:
        """Whether a push of this visit was not attempted yet."""
        return any(
            item.visit_id == visit_id and item.attempts == 0
            for item in self._items.values()
        )

    async def withdraw(self, visit_id: str) -> None:
        """Let go of a self-test, told or not."""
        self._visits.pop(visit_id, None)
        ids = [k for k, item in self._items.items() if item.visit_id == visit_id]
        if ids:
            await self._settle(ids, "dead", "withdrawn")

    def forget_pictures(self) -> None:
        """Drop what is kept at hand: somebody was erased."""
        self._visits.clear()

    def notify_down(self) -> None:
        """The worker died: what it had in hand is sent again, with the same key."""
        self._attempts.clear()
        for test in self._tests.values():
            if not test.done():
                test.set_exception(UnavailableError("the notify process died over it"))

    @property
    def waiting(self) -> int:
        """Pushes that are not yet told, without the doorbell's own rings."""
        return sum(item.target != NOWHERE for item in self._items.values())

    def backlog(self) -> Backlog:
        """How the outbox is draining."""
        in_hand = {attempt.parcel.target for attempt in self._attempts.values()}
        return backlog(
            self._items,
            self._not_before_s,
            in_hand,
            self._clock.now(),
            time.monotonic(),
        )

    async def drain(self) -> None:
        """Wait until nothing is being sent and nothing could be sent at once."""
        # What is due depends on the time, which sets no event.
        while self._attempts or self._is_due():  # noqa: ASYNC110 - as said above
            await asyncio.sleep(0.02)

    def _is_due(self) -> bool:
        now_s = time.monotonic()
        return any(self._not_before_s.get(key, 0.0) <= now_s for key in self._items)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("sending_failed", exc_info=error)

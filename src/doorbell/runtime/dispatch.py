"""The outbox at work: which push goes to which target, now, later or never.

What waits, and until when, is the matter of `outbox_queue`; who is to be told that of
`targets`, what they read that of `notice_desk`. This module hands it to the notify
worker, one push at a time for each target.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.errors import StorageError, UnavailableError
from doorbell.core.outbox import Parcel, RetryPolicy
from doorbell.runtime.link import close_all
from doorbell.runtime.notice_desk import NoticeDesk
from doorbell.runtime.outbox_queue import OutboxQueue
from doorbell.runtime.targets import Targets
from doorbell.runtime.wiring import publish
from doorbell.stages.notify_messages import Deliver, Notice
from monitoring.tracing.context import working_on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from config.notify import Notify
    from doorbell.ports.clock import Clock
    from doorbell.ports.store import OutboxItem, VisitRecord
    from doorbell.runtime.backlog import Backlog
    from doorbell.runtime.ledger import Ledger
    from doorbell.stages.notify_messages import Delivered

log = logging.getLogger("doorbell.outbox")

# Beyond the target's own limit: the worker answers at that, unless it is hung.
TEST_EXTRA_S = 3.0
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
        checkpoint: the newest one of the audit log, or empty.
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
        checkpoint: Callable[[], str],
    ) -> None:
        self._clock = clock
        self.notices = NoticeDesk(clock, ledger, names)
        self.queue = OutboxQueue(clock, ledger)
        self.reconfigure(settings, urls, zone)
        self._send = send
        self._told = told
        self._checkpoint = checkpoint
        self._attempts: dict[int, Attempt] = {}
        self._tests: dict[int, asyncio.Future[Delivered]] = {}
        self._numbers = itertools.count(1)
        self._waking: asyncio.Task[None] | None = None
        self._wake_again = False
        self._timer: asyncio.TimerHandle | None = None

    def reconfigure(
        self, settings: Notify, urls: Mapping[str, str], zone: tzinfo
    ) -> None:
        """Use other settings from the next push on."""
        self.targets = Targets(settings, urls, self._clock)
        self.notices.reconfigure(self.targets, zone)
        policy = RetryPolicy(
            settings.retry_first_s,
            settings.retry_max_s,
            settings.expire_s,
            settings.digest_after_s,
        )
        self.queue.reconfigure(self.targets, policy)

    # What is to be told.

    def at_once(self, visit: VisitRecord, *, late: bool) -> list[OutboxItem]:
        """See `Targets`."""
        return self.targets.at_once(visit, late=late)

    def for_visit(self, visit: VisitRecord, *, late: bool) -> list[OutboxItem]:
        """See `Targets`."""
        return self.targets.for_visit(visit, late=late)

    def show(self, visit: VisitRecord, jpeg: bytes | None) -> None:
        """See `NoticeDesk`."""
        self.notices.show(visit, jpeg)

    def accept(
        self, items: Sequence[OutboxItem], pending: Sequence[OutboxItem] | None
    ) -> None:
        """See `OutboxQueue`; what is due goes out at once."""
        self.queue.accept(items, pending)
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
        await self.queue.record_owed()
        await self.queue.bury_orphans()
        self._wake_again = True
        while self._wake_again:
            self._wake_again = False
            plan = self.queue.plan(
                item.id for a in self._attempts.values() for item in a.parcel.items
            )
            if plan.expired:
                await self.queue.bury([item.id for item in plan.expired], "expired")
            busy = self._in_hand()
            for parcel in plan.parcels:
                if parcel.target not in busy:
                    busy.add(parcel.target)
                    with working_on(parcel.last.visit_id):
                        await self._try(parcel)
        self._arrange()

    def _arrange(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wait_s = self.queue.next_try_s()
        if wait_s is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait_s + 0.005, self.wake)

    async def _try(self, parcel: Parcel) -> None:
        try:
            built = await self.notices.build(parcel, self.queue.items)
        except (StorageError, UnavailableError):
            # What is to be said is on a card that does not answer now.
            self.queue.postpone([item.id for item in parcel.items], CARD_RETRY_S)
            return
        if built is None:
            await self.queue.bury([i.id for i in parcel.items], "its visit is gone")
            return
        notice, jpeg = built
        if notice is None:
            ids = [item.id for item in parcel.items]
            await self.queue.settle(ids, "sent", "not told: a rule")
            return
        number = next(self._numbers)
        target = self.targets[parcel.target]
        # Of a test message the porch is no part.
        is_wanted = target.picture and notice.kind != "test"
        picture = jpeg if is_wanted else None
        fds = [publish(picture)] if picture else []
        message = Deliver(
            attempt=number,
            target=parcel.target,
            notice=notice,
            has_picture=bool(fds),
            checkpoint=self._checkpoint(),
        )
        is_test = notice.synthetic or notice.kind == "test"
        self._attempts[number] = Attempt(parcel, parcel.last.visit_id, is_test)
        if not self._send("notify", message, fds):
            del self._attempts[number]
        close_all(fds)

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
                self.notices.told(parcel.target, attempt.visit_id)
            self.queue.lift_backoff(parcel.target)
        await self.queue.tried([item.id for item in parcel.items], message)
        # The worker may have died meanwhile, and its attempts with it.
        self._attempts.pop(message.attempt, None)
        self.wake()

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
            async with asyncio.timeout(self.targets[target].timeout_s + TEST_EXTRA_S):
                return await future
        except TimeoutError as error:
            msg = f"{target} did not answer in time"
            raise UnavailableError(msg) from error
        finally:
            del self._tests[number]

    async def withdraw(self, visit_id: str) -> None:
        """Let go of a self-test, told or not."""
        self.notices.let_go(visit_id)
        await self.queue.withdraw(visit_id)

    def notify_down(self) -> None:
        """The worker died: what it had in hand is sent again, with the same key."""
        self._attempts.clear()
        for test in self._tests.values():
            if not test.done():
                test.set_exception(UnavailableError("the notify process died over it"))

    def backlog(self) -> Backlog:
        """How the outbox is draining."""
        return self.queue.backlog(self._in_hand())

    def _in_hand(self) -> set[str]:
        """Targets with an attempt under way."""
        return {attempt.parcel.target for attempt in self._attempts.values()}

    async def drain(self) -> None:
        """Wait until nothing is being sent and nothing could be sent at once."""
        # What is due depends on the time, which sets no event.
        while self._attempts or self.queue.is_due():  # noqa: ASYNC110 - as said above
            await asyncio.sleep(0.02)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("sending_failed", exc_info=error)

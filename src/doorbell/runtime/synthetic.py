"""The doorbell rings itself now and then, to know that a visitor's ring comes through.

The way is that of a visitor: button process, journal, visit, a live frame, recognition,
outbox, notify process. It sounds nothing, ends at a target that is nobody, and is
dropped the moment somebody really rings. What differs stands in `self_test_world`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from datetime import time as time_of_day
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError
from doorbell.core.frames import NoSlotError
from doorbell.core.localtime import local_at
from doorbell.core.reasons import Reason
from doorbell.core.self_test import SelfTest, is_daily, is_stored
from doorbell.core.targets import NOWHERE
from doorbell.runtime import wiring
from doorbell.runtime.doorkeeper import Doorkeeper
from doorbell.runtime.drawn_face import DrawnFace
from doorbell.runtime.open_visit import degraded
from doorbell.runtime.self_test_world import (
    LiveAndDrawn,
    SelfTestLedger,
    SelfTestTeller,
    VisionOnly,
)
from doorbell.stages import messages as m
from doorbell.stages.vision_messages import Seen
from monitoring.health import rules
from monitoring.health.checklist import Check
from monitoring.health.facts import SyntheticFacts
from monitoring.health.verdict import Weight
from monitoring.metrics.recording import record_counter, record_histogram

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from doorbell.runtime.hub import Hub
    from doorbell.runtime.open_visit import Happening, OpenVisit

log = logging.getLogger("doorbell.synthetic")

# How our visits are called towards vision.
CALLED = "self-test"
# Beyond recognition's own deadline: the outbox and the notify process.
DELIVER_S = 10.0
# While somebody rings it is tried again this soon.
AGAIN_S = 2.0


class SyntheticBell:
    """All self-tests of one hub, one after the other.

    Attributes:
        last: how the last one that did not yield went; None before.
    """

    def __init__(self, hub: Hub, slot_size: int) -> None:
        self._hub = hub
        self._settings = hub.settings.synthetic
        self._numbers = itertools.count()
        self._face = DrawnFace(hub.desk, slot_size)
        self._teller = SelfTestTeller(hub.dispatcher)
        self._keeper = Doorkeeper(
            settings=hub.settings,
            clock=hub.clock,
            desk=hub.desk,
            frames=LiveAndDrawn(hub.desk, hub.anticipator),
            ledger=SelfTestLedger(hub.ledger, self._failed),
            dispatcher=self._teller,
            workers=VisionOnly(hub.supervisor),
            happened=self._happened,
            visits_called=CALLED,
        )
        self._test: SelfTest | None = None
        self._visit: OpenVisit | None = None
        self._ring_id = ""
        self._pictures: list[m.FrameRef] = []
        self._news = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._began_s = time.monotonic()
        self._last_success_s: float | None = None
        self._last_daily: date | None = None
        self._timer: asyncio.Task[None] | None = None
        self.last: SelfTest | None = None

    def start(self) -> None:
        """Ring every now and then, unless it is switched off."""
        ask = Check("synthetic", lambda: rules.synthetic(self.facts()), Weight.MAJOR)
        self._hub.health.checks.register(ask)
        if self._settings.every_s > 0:
            self._timer = asyncio.get_running_loop().create_task(self._ring_on())
            self._timer.add_done_callback(_report)

    def stop(self) -> None:
        """Ring no more; what is in hand is dropped."""
        if self._timer is not None:
            self._timer.cancel()
        self.give_way()

    def reconfigure(self) -> None:
        """The hub has other settings."""
        self._keeper.reconfigure(self._hub.settings)

    def facts(self) -> SyntheticFacts:
        """How the last ones went, for health."""
        return SyntheticFacts(
            every_s=self._settings.every_s,
            since_success_s=self.since_success_s,
            uptime_s=time.monotonic() - self._began_s,
            failure=self.last.failure if self.last else "",
        )

    @property
    def since_success_s(self) -> float | None:
        """Seconds since one came through; None if none did yet."""
        if self._last_success_s is None:
            return None
        return time.monotonic() - self._last_success_s

    @property
    def age_s(self) -> float:
        """Seconds since one came through, or since the start."""
        since_s = self.since_success_s
        return time.monotonic() - self._began_s if since_s is None else since_s

    async def _ring_on(self) -> None:
        while True:
            await asyncio.sleep(self._settings.every_s)
            # No event says that nobody is at the door.
            while self._hub.doorkeeper.is_busy:  # noqa: ASYNC110 - as said above
                await asyncio.sleep(AGAIN_S)
            await self.ring(target=self._target())

    # One ring.

    async def ring(
        self, pictures: Sequence[m.FrameRef] = (), target: str = NOWHERE
    ) -> tuple[SelfTest, OpenVisit | None]:
        """Ring once and wait for what comes of it; one after the other.

        Args:
            pictures: to be looked at instead of the drawn face, pinned by the caller.
            target: who is told.

        Returns:
            How it went, and the visit it opened, None if it opened none.
        """
        async with self._one_at_a_time:
            return await self._ring(pictures, target)

    async def _ring(
        self, pictures: Sequence[m.FrameRef], target: str
    ) -> tuple[SelfTest, OpenVisit | None]:
        test = self._test = SelfTest.begun(time.monotonic())
        self._visit, self._ring_id = None, ""
        self._news.clear()
        self._teller.target = target
        try:
            async with asyncio.timeout(self._limit_s()):
                await self._walk(test, pictures)
        except TimeoutError:
            test.failed("it took too long")
        except NoSlotError:
            test.yields()
        except UnavailableError as error:
            test.failed(str(error))
        finally:
            self._test = None
            self._keeper.abandon()
        await self._clear_away(test)
        self._note(test)
        return test, self._visit

    async def _clear_away(self, test: SelfTest) -> None:
        """Leave nothing behind that a restart would take for unfinished."""
        if self._ring_id:
            await self._hub.dispatcher.withdraw(self._ring_id)
        visit = self._visit
        if visit is None or visit.ring is None or test.came_through:
            return
        if visit.ring.durable:
            ended = degraded(visit.record("rung"), Reason.RESTARTED)
            await self._hub.ledger.rehearse(lambda store: store.close_visit(ended, []))

    def _limit_s(self) -> float:
        settings = self._hub.settings
        decide_s = max(settings.vision.deadline_s, settings.notify.deadline_s)
        return decide_s + DELIVER_S

    async def _walk(self, test: SelfTest, pictures: Sequence[m.FrameRef]) -> None:
        kept = is_stored(next(self._numbers), self._settings.stored_every)
        number = self._hub.questions.next_number()
        request = m.RequestRing(request=number, source="synthetic", kept=kept)
        owner = f"{CALLED}-picture-{number}"
        drawn = None if pictures else self._lay(owner)
        self._pictures = [drawn] if drawn else list(pictures)
        try:
            answer, _ = await self._hub.questions.ask("button", number, request)
        finally:
            # The visit has pinned it for itself by now.
            if drawn is not None:
                self._hub.desk.unpin(drawn, owner)
        if kept and isinstance(answer, m.RingAccepted) and not answer.ring.durable:
            test.failed("the journal did not take it")
        test.passed("accepted", time.monotonic())
        while not test.is_over:
            await self._news.wait()
            self._news.clear()

    def _lay(self, owner: str) -> m.FrameRef | None:
        """Lay the drawn face; where it does not fit, the camera's frame has to do."""
        now_ns = self._hub.clock.mono_ns()
        if (face := self._face.lay(now_ns, owner)) is not None:
            return face
        live = self._hub.desk.preroll(now_ns)[-1:]
        for frame in live:
            self._hub.desk.pin(frame, owner)
        return live[0] if live else None

    def _target(self) -> str:
        wanted = self._settings.daily_target
        if not wanted:
            return NOWHERE
        wall_s = self._hub.clock.now().wall_s()
        now = local_at(wall_s, wiring.zone(self._hub.settings))
        at = time_of_day.fromisoformat(self._settings.daily_at)
        if now is None or not is_daily(now, at, self._last_daily):
            return NOWHERE
        self._last_daily = now.date()
        return wanted

    # What happens meanwhile.

    def heard(self, message: object) -> bool:
        """Take a worker's message if it is about a self-test; false if it is not."""
        match message:
            case m.Rung() if message.ring.source == "synthetic":
                self._rung(message)
            case Seen(visit=visit) if visit.startswith(CALLED):
                self._keeper.seen(message)
            case _:
                return False
        return True

    def _rung(self, message: m.Rung) -> None:
        self._hub.doorkeeper.rings.pass_by(message.ring)
        # One that the journal took at last, or that somebody's ring has overtaken.
        if self._test is None or self._test.is_over or not message.request:
            return
        self._ring_id = message.ring.id
        self._keeper.supply(message.request, self._pictures)
        self._visit = self._keeper.rung(message)

    def give_way(self) -> None:
        """Somebody rings: drop what is in hand at once."""
        if self._test is not None:
            self._test.yields()
            self._keeper.abandon()
            self._news.set()

    def vision_down(self) -> None:
        """The picture in hand is looked at once more, as a visitor's would be."""
        self._keeper.vision_down()

    def told(self, visit_id: str, target: str, status: str, detail: str) -> bool:
        """A target answered; false if that was not about a self-test."""
        if visit_id != self._ring_id:
            return target == NOWHERE
        if self._test is not None:
            if status == "sent":
                self._test.passed("delivered", time.monotonic())
            else:
                self._failed(f"the target answered: {status} {detail}".strip())
            self._news.set()
        return True

    def _happened(self, what: Happening, visit: OpenVisit) -> None:
        if what == "decided":
            self._decided(visit)
        elif what == "degraded":
            if self._hub.settings.features.recognition:
                self._failed(visit.course.reason or "recognition gave no answer")
            else:
                self._decided(visit)

    def _decided(self, visit: OpenVisit) -> None:
        if visit.jpeg is None and self._hub.settings.camera.source != "none":
            self._failed("the camera gave no picture")
        elif self._test is not None:
            self._test.passed("decided", time.monotonic())

    def _failed(self, failure: str) -> None:
        if self._test is not None:
            self._test.failed(failure)
            self._news.set()

    def _note(self, test: SelfTest) -> None:
        for leg, outcome in test.outcomes().items():
            labels = {"leg": leg, "outcome": outcome}
            record_counter("doorbell_synthetic_rings_total", 1.0, labels)
        for leg, took_s in test.legs.items():
            record_histogram("doorbell_synthetic_ring_seconds", took_s, {"leg": leg})
        if test.yielded:
            log.debug("synthetic_ring_yielded")
            return
        self.last = test
        if test.came_through:
            self._last_success_s = time.monotonic()
            took_ms = round(test.legs["delivered"] * 1000)
            log.debug("synthetic_ring_told", extra={"took_ms": took_ms})
        else:
            legs = ",".join(test.legs) or "none"
            extra = {"reason": test.failure, "legs": legs}
            log.warning("synthetic_ring_failed", extra=extra)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("task_failed", exc_info=error)

"""Carry visits from the first edge to what is told: the path of a ring.

What to do when is decided by `core.visit` (deadlines, degradation). This module knows
which ring belongs to which visit, and has `looks` ask recognition and `visit_writer`
store and tell.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from typing import TYPE_CHECKING

from doorbell.core.reasons import Reason
from doorbell.core.ring_id import press_id
from doorbell.core.stamp import NS_PER_S
from doorbell.core.visit import Act, VisitCourse, VisitLimits
from doorbell.runtime.looks import Looks
from doorbell.runtime.open_visit import OpenVisit
from doorbell.runtime.stored_rings import StoredRings
from doorbell.runtime.visit_writer import VisitWriter
from monitoring.tracing.context import working_on

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from config.production.production_settings import ProductionSettings
    from doorbell.core.ring import Ring
    from doorbell.core.stamp import Stamp
    from doorbell.ports.clock import Clock
    from doorbell.runtime.doorkeeper_needs import Teller, VisitLedger, Workers
    from doorbell.runtime.frame_desk import FrameDesk
    from doorbell.runtime.open_visit import Happening
    from doorbell.runtime.visit_frames import VisitFrames
    from doorbell.stages.messages import FrameRef, PressBegan, Rung
    from doorbell.stages.vision_messages import Seen

# Rings whose id was seen before are the journal's repetition of an undurable one.
REMEMBERED_RINGS = 4096


class Doorkeeper:
    """All visits in hand.

    Args:
        happened: called with what happened to which visit, for people who watch.
        visits_called: how names of visits towards vision begin; a doorkeeper's own.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, put together once by the hub
        self,
        *,
        settings: ProductionSettings,
        clock: Clock,
        desk: FrameDesk,
        frames: VisitFrames,
        ledger: VisitLedger,
        dispatcher: Teller,
        workers: Workers,
        happened: Callable[[Happening, OpenVisit], None],
        visits_called: str = "visit",
    ) -> None:
        self._visits_called = visits_called
        self._clock = clock
        self._desk = desk
        self._frames = frames
        self._happened = happened
        self.rings = StoredRings(workers)
        self._looks = Looks(clock, desk, frames, workers)
        self.writer = VisitWriter(
            clock=clock,
            desk=desk,
            frames=frames,
            ledger=ledger,
            dispatcher=dispatcher,
            rings=self.rings,
            happened=happened,
        )
        self.reconfigure(settings)
        self._tokens = itertools.count(1)
        self._visits: list[OpenVisit] = []
        self._presses: dict[int, OpenVisit] = {}
        self._known_rings: deque[str] = deque(maxlen=REMEMBERED_RINGS)
        self._supplied: dict[int, list[FrameRef]] = {}

    def reconfigure(self, settings: ProductionSettings) -> None:
        """Use other settings from the next visit on."""
        self._settings = settings
        self._looks.reconfigure(settings)
        self.writer.keeps_pictures = settings.features.keep_pictures
        self._limits = VisitLimits(
            tell_s=settings.notify.deadline_s,
            decide_s=max(settings.vision.deadline_s, settings.notify.deadline_s),
            burst_frames=settings.vision.burst_frames,
        )

    # Presses and rings.

    def press_began(self, message: PressBegan) -> None:
        """First edge: look at once; the ring may still turn out to be a spike."""
        if self._joinable(message.stamp.mono_ns / NS_PER_S) is None:
            stamp = message.stamp
            visit = self._begin(stamp, press_id(stamp.boot_id, stamp.mono_ns))
            self._presses[message.press] = visit
            self._work(visit)

    def press_void(self, press: int) -> None:
        """It was a spike."""
        visit = self._presses.pop(press, None)
        if visit is not None:
            visit.course.ring_void()
            self._work(visit)

    def button_down(self) -> None:
        """Presses in hand died with the process; what it journalled is read again."""
        for visit in self._presses.values():
            visit.course.ring_void()
            self._work(visit)
        self._presses.clear()

    def abandon(self) -> None:
        """Drop every open visit as if nobody had rung."""
        for visit in list(self._visits):
            if not visit.course.closed:
                visit.course.ring_void()
                self._work(visit)

    def rung(self, message: Rung) -> OpenVisit | None:
        """A ring counts: open a visit, or join the open one."""
        ring = message.ring
        self.rings.hold([ring])
        if ring.id in self._known_rings:
            # An undurable one that has reached the disk by now: it was told.
            self.writer.aside(self.writer.pass_over(ring))
            return None
        self._known_rings.append(ring.id)
        now_s = ring.stamp.mono_ns / NS_PER_S
        visit = self._presses.pop(message.press, None) or self._joinable(now_s)
        supplied = self._supplied.pop(message.request, None)
        if visit is None or supplied is not None:
            visit = self._begin(ring.stamp, ring.id, supplied)
        self._count(visit, ring, now_s)
        return visit

    def resume(self, ring: Ring, now: Stamp) -> None:
        """Take up a ring that a crash left in the journal."""
        if ring.id in self._known_rings:
            return
        self.rings.hold([ring])
        self._known_rings.append(ring.id)
        age_s = ring.stamp.age_s(now)
        fresh = age_s is not None and 0 <= age_s <= self._settings.visit.expiry_s
        # Rings of another boot have no place on this boot's monotonic clock.
        heard_s = time.monotonic() - (age_s if age_s is not None and fresh else 0.0)
        visit = self._joinable(heard_s)
        if visit is None or visit.late is fresh:
            visit = self._begin(now, ring.id, late=not fresh)
            visit.steps = {"resumed": now.mono_ns}
            if not fresh:
                visit.course.blocked(Reason.OLD)
        self._count(visit, ring, heard_s)

    def supply(self, request: int, frames: list[FrameRef]) -> None:
        """Pictures for a ring that was asked for, in place of the camera's."""
        self._supplied[request] = frames

    def _begin(
        self,
        edge: Stamp,
        trace: str,
        supplied: list[FrameRef] | None = None,
        *,
        late: bool = False,
    ) -> OpenVisit:
        # A bell that rings on and on must not gather visits, each with its picture.
        self.sweep()
        token = f"{self._visits_called}-{next(self._tokens)}"
        edge_s = edge.mono_ns / NS_PER_S
        course = VisitCourse(self._limits, edge_s)
        visit = OpenVisit(token, course, edge, edge_s, trace, late=late)
        visit.steps["edge"] = edge.mono_ns
        self._visits.append(visit)
        visit.supplied = supplied is not None
        # Who stands there now is not who rang long ago.
        seen = [] if late else self._desk.preroll(edge.mono_ns)
        self._frames.begin(visit, seen if supplied is None else supplied)
        if visit.best is not None:
            with working_on(trace):
                visit.first_picture = self.writer.aside(self.writer.capture(visit))
        return visit

    def _joinable(self, now_s: float) -> OpenVisit | None:
        merge_s = self._settings.button.merge_s
        for visit in reversed(self._visits):
            is_open = not visit.course.closed and not visit.course.void
            if is_open or now_s - visit.last_ring_s <= merge_s:
                return visit
        return None

    def _count(self, visit: OpenVisit, ring: Ring, heard_s: float) -> None:
        with working_on(visit.trace):
            self._count_in(visit, ring, heard_s)

    def _count_in(self, visit: OpenVisit, ring: Ring, heard_s: float) -> None:
        visit.rings += 1
        visit.newest = ring
        visit.last_ring_s = max(visit.last_ring_s, heard_s)
        if visit.ring is None:
            visit.ring = ring
            visit.steps["rung"] = self._clock.mono_ns()
            self.writer.in_order(visit, self._open(visit))
            self._happened("ring", visit)
        else:
            self.writer.in_order(visit, self.writer.join(visit, ring))
            self._happened("joined", visit)
        self._work(visit)

    async def _open(self, visit: OpenVisit) -> None:
        await self.writer.open(visit)
        visit.course.ring_accepted()
        self._work(visit)

    # Frames and recognition.

    def frame_came(self, frame: FrameRef) -> None:
        """The camera has a new frame: whoever is looked at may use it."""
        for visit in self._visits:
            if not visit.course.closed and not visit.supplied and not visit.late:
                self._frames.offer(visit, frame)
        self.look_on()

    def camera_changed(self) -> None:
        """The camera came or went: visits that wait for it may have lost hope."""
        for visit in list(self._visits):
            self._work(visit)

    def find(self, visit_id: str) -> OpenVisit | None:
        """The visit in hand with this id, if any."""
        for visit in self._visits:
            if visit.ring is not None and visit.ring.id == visit_id:
                return visit
        return None

    @property
    def is_busy(self) -> bool:
        """Whether a visit still needs recognition."""
        return any(not visit.course.closed for visit in self._visits)

    def newest(self) -> OpenVisit | None:
        """The visit that the last ring opened or joined."""
        rung = [visit for visit in self._visits if visit.ring is not None]
        return max(rung, key=lambda visit: visit.last_ring_s, default=None)

    def look_on(self) -> None:
        """Give recognition its next frames, the oldest waiting visit first."""
        self._looks.look_on(self._visits)

    def seen(self, message: Seen) -> None:
        """Recognition looked at a frame."""
        visit = self._looks.seen(message)
        if visit is not None:
            self._work(visit)
            self.look_on()

    def vision_down(self, tokens: Collection[str] | None = None) -> None:
        """What a vision worker had in hand is tried once more, then degraded.

        Args:
            tokens: of the visits it looked for; None for all.
        """
        for visit in self._looks.died(tokens):
            self._work(visit)

    # What follows.

    def _work(self, visit: OpenVisit) -> None:
        """Do all that is to be done for a visit now, and wake up for its deadline."""
        with working_on(visit.trace):
            self._work_on(visit)

    def _work_on(self, visit: OpenVisit) -> None:
        now_s = time.monotonic()
        while (act := self._next_act(visit, now_s)) is not None:
            self._carry_out(visit, act)
        if visit.timer is not None:
            visit.timer.cancel()
        if not visit.course.closed:
            wait_s = max(visit.course.next_deadline_s() - now_s, 0.005)
            loop = asyncio.get_running_loop()
            visit.timer = loop.call_later(wait_s, self._work, visit)
            self.look_on()

    def _next_act(self, visit: OpenVisit, now_s: float) -> Act | None:
        self._looks.check_hope(visit)
        frames_left = bool(visit.candidates) or self._looks.more_come(visit)
        return visit.course.act(now_s, frames_left=frames_left)

    def _carry_out(self, visit: OpenVisit, act: Act) -> None:
        match act:
            case Act.TELL:
                self.writer.in_order(visit, self.writer.tell(visit))
            case Act.DECIDE:
                visit.steps["decided"] = self._clock.mono_ns()
                self.writer.in_order(visit, self.writer.close(visit, "decided"))
                self._looks.forget(visit)
            case Act.DEGRADE:
                self.writer.in_order(visit, self.writer.close(visit, "degraded"))
                self._looks.forget(visit)
            case Act.FORGET:
                self._visits.remove(visit)
                self._looks.forget(visit)
                self._frames.release(visit)

    def sweep(self) -> None:
        """Let go of visits that nothing can join any more; called now and then."""
        now_s = time.monotonic()
        merge_s = self._settings.button.merge_s
        for visit in list(self._visits):
            idle = visit.tail is None or visit.tail.done()
            over = now_s - visit.last_ring_s > merge_s
            if visit.course.closed and idle and over:
                self._visits.remove(visit)

    async def drain(self) -> None:
        """Wait until every visit in hand is told."""
        # A visit may open while another closes: no event says that none is open.
        while any(not visit.course.closed for visit in self._visits):  # noqa: ASYNC110 - as said above
            await asyncio.sleep(0.02)
        tails = [visit.tail for visit in self._visits if visit.tail is not None]
        if tails:
            await asyncio.wait(tails)

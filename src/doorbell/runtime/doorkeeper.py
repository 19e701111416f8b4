"""Carry visits from the first edge to what is told: the path of a ring.

What to do when is decided by `core.visit` (deadlines, degradation) and `core.burst`
(which frame next). This module knows which frames, which worker and which rows.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from typing import TYPE_CHECKING

from doorbell.core.cursor import JournalCursor
from doorbell.core.reasons import Reason
from doorbell.core.ring import press_id
from doorbell.core.stamp import NS_PER_S
from doorbell.core.visit import Act, VisitCourse, VisitLimits
from doorbell.runtime.open_visit import OpenVisit
from doorbell.stages.messages import CursorMoved
from doorbell.stages.vision_messages import ForgetVisit
from monitoring.tracing.context import working_on

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Sequence

    from config.production.production_settings import ProductionSettings
    from doorbell.core.ring import Ring
    from doorbell.core.stamp import Stamp
    from doorbell.ports.clock import Clock
    from doorbell.ports.store import VisitState
    from doorbell.runtime.doorkeeper_needs import Teller, VisitLedger, Workers
    from doorbell.runtime.frame_desk import FrameDesk
    from doorbell.runtime.open_visit import Happening
    from doorbell.runtime.visit_frames import VisitFrames
    from doorbell.stages.messages import FrameRef, PressBegan, Rung
    from doorbell.stages.vision_messages import Look, Seen

log = logging.getLogger("doorbell.visits")

# Rings whose id was seen before are the journal's repetition of an undurable one.
REMEMBERED_RINGS = 4096
FIRST_PICTURE_S = 0.15
NO_PICTURE = {
    "ok": Reason.NO_PICTURE,
    "absent": Reason.NO_CAMERA,
    "busy": Reason.CAMERA_BUSY,
    "black": Reason.CAMERA_BLACK,
    "frozen": Reason.CAMERA_FROZEN,
    "off": Reason.CAMERA_OFF,
}


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
        happened: Callable[[Happening, OpenVisit], None],
        visits_called: str = "visit",
    ) -> None:
        self._visits_called = visits_called
        self._clock = clock
        self._desk = desk
        self._frames = frames
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._happened = happened
        self.reconfigure(settings)
        self._tokens = itertools.count(1)
        self._visits: list[OpenVisit] = []
        self._presses: dict[int, OpenVisit] = {}
        self._known_rings: deque[str] = deque(maxlen=REMEMBERED_RINGS)
        self._supplied: dict[int, list[FrameRef]] = {}
        self._asides: set[asyncio.Task[None]] = set()
        self._looking: list[OpenVisit] = []
        self._cursor = JournalCursor()
        ledger.gap_recorded = self._gap_recorded
        self.supervisor: Workers | None = None

    def reconfigure(self, settings: ProductionSettings) -> None:
        """Use other settings from the next visit on."""
        self._settings = settings
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

    def pass_by(self, ring: Ring) -> None:
        """The journal holds a ring that nobody needs: the cursor may go past it."""
        if ring.seq > 0:
            self._cursor.arrived(ring.seq)
            self._stored(ring)

    def rung(self, message: Rung) -> OpenVisit | None:
        """A ring counts: open a visit, or join the open one."""
        ring = message.ring
        self._cursor.arrived(ring.seq)
        if ring.id in self._known_rings:
            # An undurable one that has reached the disk by now: it was told.
            self._aside(self._pass_over(ring))
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
        self._cursor.arrived(ring.seq)
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
                visit.first_picture = self._aside(self._capture(visit))
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
        visit.last_ring_s = max(visit.last_ring_s, heard_s)
        if visit.ring is None:
            visit.ring = ring
            visit.steps["rung"] = self._clock.mono_ns()
            self._then(visit, self._open(visit))
            self._happened("ring", visit)
        else:
            self._then(visit, self._join(visit, ring))
            self._happened("joined", visit)
        self._work(visit)

    async def _open(self, visit: OpenVisit) -> None:
        record = visit.record("rung")
        items = self._dispatcher.at_once(record, late=visit.late)
        cursor = self._cursor.after(record.ring.seq)
        pending = await self._ledger.open_visit(record, items, cursor)
        visit.undurable = pending is None
        if items and visit.first_picture is not None:
            # The first push is worth a picture, but not worth a wait for it.
            await asyncio.wait([visit.first_picture], timeout=FIRST_PICTURE_S)
            self._dispatcher.show(record, visit.jpeg)
        self._dispatcher.accept(items, pending)
        if pending is not None:
            self._stored(record.ring)
        visit.course.ring_accepted()
        self._work(visit)

    async def _join(self, visit: OpenVisit, ring: Ring) -> None:
        if visit.ring is None:
            return
        cursor = self._cursor.after(ring.seq)
        if await self._ledger.join_visit(visit.ring.id, visit.rings, ring, cursor):
            self._stored(ring)

    async def _pass_over(self, ring: Ring) -> None:
        if await self._ledger.record_gap([ring], self._cursor.after(ring.seq)):
            self._stored(ring)

    def _gap_recorded(self, rings: Sequence[Ring]) -> None:
        for ring in rings:
            self._stored(ring)

    def _stored(self, ring: Ring) -> None:
        seq = self._cursor.stored(ring.seq)
        if self.supervisor is not None:
            self.supervisor.send("button", CursorMoved(seq=seq))

    async def mend(self) -> None:
        """Record what a broken card missed, once it works again."""

        def cursor(rings: Sequence[Ring]) -> int:
            return self._cursor.after(*(ring.seq for ring in rings))

        pending = await self._ledger.mend(cursor)
        if pending is not None:
            self._dispatcher.accept([], pending)

    def hold(self, rings: Sequence[Ring]) -> None:
        """Keep the cursor before rings that may not have been told yet."""
        for ring in rings:
            self._cursor.arrived(ring.seq)

    def begin_at(self, seq: int) -> None:
        """The journal was read up to here by an earlier life of this daemon."""
        self._cursor.begin(seq)
        if self.supervisor is not None:
            self.supervisor.send("button", CursorMoved(seq=seq))

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
    def unstored_rings(self) -> int:
        """Rings of the journal that state.db does not have yet."""
        return len(self._cursor.outstanding)

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
        if self.supervisor is None:
            return
        for visit in self._visits:
            self._check_hope(visit)
            if not visit.course.may_look() or visit.late:
                continue
            look = self._frames.next_look(
                visit, self._limits.burst_frames - visit.course.looks
            )
            if look is not None and self._send_look(visit, look):
                visit.candidates.remove(look.frame)
                visit.looked.append(look.frame)
                visit.course.look_began()
                self._looking.append(visit)

    def _send_look(self, visit: OpenVisit, look: Look) -> bool:
        with working_on(visit.trace):
            return self.supervisor is not None and self.supervisor.send("vision", look)

    def _check_hope(self, visit: OpenVisit) -> None:
        if self.supervisor is None or visit.course.closed:
            return
        if not self._settings.features.recognition:
            visit.course.blocked(Reason.SWITCHED_OFF)
        elif self.supervisor.is_lost("vision"):
            visit.course.blocked(Reason.NO_ENGINE)
        elif not visit.candidates and not visit.looked and not self._more_come(visit):
            visit.course.blocked(NO_PICTURE[self._desk.camera.condition])

    def _more_come(self, visit: OpenVisit) -> bool:
        if visit.supplied or visit.late:
            return False
        # Once people were told, nobody waits for a camera that is not there.
        is_awaited = self._desk.is_camera_starting and not visit.course.told
        return is_awaited or self._desk.camera.condition == "ok"

    def seen(self, message: Seen) -> None:
        """Recognition looked at a frame."""
        visit = next((v for v in self._looking if v.token == message.visit), None)
        if visit is None:
            return
        self._looking.remove(visit)
        if not message.error and not visit.course.closed:
            visit.seen = message
            visit.steps["recognised"] = self._clock.mono_ns()
            if message.passes == 0:
                # Nothing was looked at anew: glances before the press were enough.
                visit.steps["anticipated"] = visit.steps["recognised"]
            if not visit.supplied:
                visit.steps["frame"] = message.frame.mono_ns
            if message.best_mono_ns == message.frame.mono_ns:
                self._frames.show(visit, message.frame)
        visit.course.look_ended(sure=message.sure, error=message.error)
        self._frames.let_go(visit, message.frame)
        self._work(visit)
        self.look_on()

    def vision_down(self, tokens: Collection[str] | None = None) -> None:
        """What a vision worker had in hand is tried once more, then degraded.

        Args:
            tokens: of the visits it looked for; None for all.
        """
        for visit in list(self._looking):
            if tokens is not None and visit.token not in tokens:
                continue
            self._looking.remove(visit)
            visit.seen = None
            # The picture in hand may be the only one there is.
            visit.candidates.append(visit.looked.pop())
            visit.course.vision_died()
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
        self._check_hope(visit)
        frames_left = bool(visit.candidates) or self._more_come(visit)
        return visit.course.act(now_s, frames_left=frames_left)

    def _carry_out(self, visit: OpenVisit, act: Act) -> None:
        match act:
            case Act.TELL:
                self._then(visit, self._tell(visit))
            case Act.DECIDE:
                visit.steps["decided"] = self._clock.mono_ns()
                self._then(visit, self._close(visit, "decided"))
                self._forget(visit)
            case Act.DEGRADE:
                self._then(visit, self._close(visit, "degraded"))
                self._forget(visit)
            case Act.FORGET:
                self._visits.remove(visit)
                self._forget(visit)
                self._frames.release(visit)

    def _forget(self, visit: OpenVisit) -> None:
        if self.supervisor is not None:
            self.supervisor.send("vision", ForgetVisit(visit=visit.token))

    async def _capture(self, visit: OpenVisit) -> None:
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

    async def _tell(self, visit: OpenVisit) -> None:
        self._frames.show_most_promising(visit)
        await self._capture(visit)
        visit.steps["deadline"] = self._clock.mono_ns()
        await self._store(visit, "captured" if visit.jpeg else "rung")
        self._happened("told", visit)

    async def _close(self, visit: OpenVisit, state: VisitState) -> None:
        await self._capture(visit)
        await self._store(visit, state)
        self._happened("decided" if state == "decided" else "degraded", visit)
        if visit.jpeg is not None and self._settings.features.keep_pictures:
            await self._ledger.save_picture(visit.record(state).id, visit.jpeg)
        self._frames.release(visit)

    async def _store(self, visit: OpenVisit, state: VisitState) -> None:
        record = visit.record(state)
        items = self._dispatcher.for_visit(record, late=visit.late)
        self._dispatcher.show(record, visit.jpeg)
        pending = await self._ledger.close_visit(record, items)
        self._dispatcher.accept(items, pending)

    def _then(self, visit: OpenVisit, work: Coroutine[object, object, None]) -> None:
        """Do one more write for a visit, after those before it."""
        before = visit.tail

        async def in_order() -> None:
            if before is not None:
                await asyncio.wait([before])
            await work

        visit.tail = asyncio.get_running_loop().create_task(in_order())
        visit.tail.add_done_callback(_report)

    def _aside(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Do something for a visit beside its writes."""
        task = asyncio.get_running_loop().create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)
        task.add_done_callback(_report)
        return task

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


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("visit_task_failed", exc_info=error)

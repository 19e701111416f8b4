"""Recognition of the visits in hand: who is looked at next, and what came of it.

Which frame is worth it is decided by `core.burst`; `vision_team` knows which worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core.reasons import Reason
from doorbell.stages.vision_messages import ForgetVisit
from monitoring.tracing.context import working_on

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from config.production.production_settings import ProductionSettings
    from doorbell.ports.clock import Clock
    from doorbell.runtime.doorkeeper_needs import Workers
    from doorbell.runtime.frame_desk import FrameDesk
    from doorbell.runtime.open_visit import OpenVisit
    from doorbell.runtime.visit_frames import VisitFrames
    from doorbell.stages.vision_messages import Look, Seen

NO_PICTURE = {
    "ok": Reason.NO_PICTURE,
    "absent": Reason.NO_CAMERA,
    "busy": Reason.CAMERA_BUSY,
    "black": Reason.CAMERA_BLACK,
    "frozen": Reason.CAMERA_FROZEN,
    "off": Reason.CAMERA_OFF,
}


class Looks:
    """What recognition is asked about visits.

    Args:
        desk: knows how the camera is.
        frames: of the visits.
        workers: vision among them.
    """

    def __init__(
        self, clock: Clock, desk: FrameDesk, frames: VisitFrames, workers: Workers
    ) -> None:
        self._clock = clock
        self._desk = desk
        self._frames = frames
        self._workers = workers
        self._looking: list[OpenVisit] = []

    def reconfigure(self, settings: ProductionSettings) -> None:
        """Use other settings from the next look on."""
        self._settings = settings

    def look_on(self, visits: Sequence[OpenVisit]) -> None:
        """Give recognition its next frames, the oldest waiting visit first."""
        for visit in visits:
            self.check_hope(visit)
            if not visit.course.may_look() or visit.late:
                continue
            look = self._frames.next_look(
                visit, self._settings.vision.burst_frames - visit.course.looks
            )
            if look is not None and self._send_look(visit, look):
                visit.candidates.remove(look.frame)
                visit.looked.append(look.frame)
                visit.course.look_began()
                self._looking.append(visit)

    def _send_look(self, visit: OpenVisit, look: Look) -> bool:
        with working_on(visit.trace):
            return self._workers.send("vision", look)

    def check_hope(self, visit: OpenVisit) -> None:
        """Give a visit up of which recognition will not say anything."""
        if visit.course.closed:
            return
        if not self._settings.features.recognition:
            visit.course.blocked(Reason.SWITCHED_OFF)
        elif self._workers.is_lost("vision"):
            visit.course.blocked(Reason.NO_ENGINE)
        elif not visit.candidates and not visit.looked and not self.more_come(visit):
            visit.course.blocked(NO_PICTURE[self._desk.camera.condition])

    def more_come(self, visit: OpenVisit) -> bool:
        """Whether the camera may give a visit more frames."""
        if visit.supplied or visit.late:
            return False
        # Once people were told, nobody waits for a camera that is not there.
        is_awaited = self._desk.is_camera_starting and not visit.course.told
        return is_awaited or self._desk.camera.condition == "ok"

    def seen(self, message: Seen) -> OpenVisit | None:
        """Recognition looked at a frame; returns its visit, if that is in hand."""
        visit = next((v for v in self._looking if v.token == message.visit), None)
        if visit is None:
            return None
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
        return visit

    def died(self, tokens: Collection[str] | None) -> Iterator[OpenVisit]:
        """A vision worker died; yields the visits that it had in hand.

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
            yield visit

    def forget(self, visit: OpenVisit) -> None:
        """Recognition may drop what it knows of a visit."""
        self._workers.send("vision", ForgetVisit(visit=visit.token))

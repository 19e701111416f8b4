"""Which frames a visit keeps, which it looks at next, and which it shows to people.

Every frame of a visit is pinned in the ring under the visit's token, until it is of no
more use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core import burst
from doorbell.stages.vision_messages import Look

if TYPE_CHECKING:
    from doorbell.runtime.anticipator import Anticipator
    from doorbell.runtime.frame_desk import FrameDesk
    from doorbell.runtime.open_visit import OpenVisit
    from doorbell.stages.messages import FrameRef

# Nobody steps aside and somebody else before the button within this.
BEFORE_PRESS_NS = 250_000_000
# Frames kept for one visit beyond those looked at: enough to choose from.
CANDIDATES = 8


class VisitFrames:
    """The frames of the visits in hand.

    Args:
        desk: keeps frames while they are pinned.
        anticipator: knows whether a face was glanced at before the press.
    """

    def __init__(self, desk: FrameDesk, anticipator: Anticipator) -> None:
        self._desk = desk
        self._anticipator = anticipator

    def begin(self, visit: OpenVisit, frames: list[FrameRef]) -> None:
        """Give a new visit its first frames, and show the one nearest the press."""
        if not visit.supplied:
            frames = _at_the_press(frames, visit.edge.mono_ns)
        for frame in frames:
            self.offer(visit, frame)
        if not visit.supplied and visit.candidates:
            self.show(visit, _nearest(visit))

    def offer(self, visit: OpenVisit, frame: FrameRef) -> None:
        """Let a visit choose from one more frame; the least promising one goes."""
        self._desk.pin(frame, visit.token)
        visit.candidates.append(frame)
        if len(visit.candidates) > CANDIDATES:
            worst = min(visit.candidates, key=lambda one: _worth(visit, one))
            visit.candidates.remove(worst)
            self.let_go(visit, worst)

    def let_go(self, visit: OpenVisit, frame: FrameRef) -> None:
        """A frame was looked at or passed over; it stays while people see it."""
        if frame not in (visit.best, visit.jpeg_of) and frame not in visit.candidates:
            self._desk.unpin(frame, visit.token)

    def show(self, visit: OpenVisit, frame: FrameRef) -> None:
        """Make this the frame that people see."""
        before, visit.best = visit.best, frame
        if before is not None and before != frame:
            self.let_go(visit, before)

    def show_most_promising(self, visit: OpenVisit) -> None:
        """Show what there is, when recognition has not said what is best."""
        if visit.best is None and visit.candidates:
            self.show(visit, max(visit.candidates, key=lambda one: _worth(visit, one)))

    def next_look(self, visit: OpenVisit, still_allowed: int) -> Look | None:
        """The look to take now, or None if no frame at hand would show anything new."""
        frame = burst.next_frame(
            visit.candidates,
            visit.edge.mono_ns,
            [shot.mono_ns for shot in visit.looked],
            still_allowed,
        )
        if frame is None:
            return None
        if self._anticipator.sees_faces and not visit.looked and not visit.supplied:
            # Who was glanced at before the press may still stand there.
            return _look(visit, _nearest(visit), claim=True)
        return _look(visit, frame)

    def release(self, visit: OpenVisit) -> None:
        """Let go of every frame: the visit needs no more."""
        frames = [*visit.candidates, *visit.looked, visit.best, visit.jpeg_of]
        visit.candidates = []
        visit.best = visit.jpeg_of = None
        for frame in frames:
            if frame is not None:
                self._desk.unpin(frame, visit.token)


def _look(visit: OpenVisit, frame: FrameRef, *, claim: bool = False) -> Look:
    # Pictures that were handed in are all of the visitor, whenever they were taken.
    pressed_ns = 0 if visit.supplied else visit.edge.mono_ns
    return Look(visit=visit.token, frame=frame, claim=claim, pressed_ns=pressed_ns)


def _at_the_press(frames: list[FrameRef], pressed_ns: int) -> list[FrameRef]:
    """Frames of who presses: not of who stood there before."""
    near = [f for f in frames if f.mono_ns >= pressed_ns - BEFORE_PRESS_NS]
    return near or frames[-1:]


def _worth(visit: OpenVisit, frame: FrameRef) -> float:
    return burst.worth(frame, visit.edge.mono_ns)


def _nearest(visit: OpenVisit) -> FrameRef:
    edge_ns = visit.edge.mono_ns
    return min(visit.candidates, key=lambda frame: abs(frame.mono_ns - edge_ns))

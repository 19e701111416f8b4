"""Let recognition glance at the porch before anybody rings.

The rules of when are in `core.anticipation`; what was seen stays in the vision process
and is forgotten there. A visit always comes first.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from doorbell.core.anticipation import GlancePlan
from doorbell.stages.vision_messages import NO_VISIT, Look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doorbell.runtime.frame_desk import FrameDesk
    from doorbell.stages.messages import FrameRef
    from doorbell.stages.vision_messages import Seen


class Anticipator:
    """Gives frames to recognition while it has nothing else to do.

    Args:
        desk: keeps a frame while it is looked at.
        send: to a worker by its role; false if it is not there.

    Attributes:
        sees_faces: whether the last glance showed a face that a ring may claim.
    """

    def __init__(
        self, desk: FrameDesk, send: Callable[[str, object, Sequence[int]], bool]
    ) -> None:
        self._desk = desk
        self._send = send
        self._plan = GlancePlan()
        self._frame: FrameRef | None = None
        self.sees_faces = False
        self._following = False

    def frame_came(self, frame: FrameRef) -> None:
        """Glance at this frame, if one is due; only while no visit is looked at."""
        now_s = time.monotonic()
        is_due = self._plan.is_due(now_s, frame.motion)
        may_follow = self.sees_faces and self._plan.may_follow(now_s)
        if self._frame is not None or not (is_due or may_follow):
            return
        self._following = not is_due
        look = Look(visit=NO_VISIT, frame=frame, follow=self._following)
        if self._send("vision", look, ()):
            self._desk.pin(frame, NO_VISIT)
            self._frame = frame
            if is_due:
                self._plan.began(now_s)

    def seen(self, message: Seen) -> None:
        """Recognition answered."""
        if not self._following:
            self.sees_faces = bool(message.faces)
        self.ended(message.passes)

    def ended(self, passes: int = 1) -> None:
        """The glance is over, by an answer or by the death of the process."""
        if self._frame is not None:
            self._desk.unpin(self._frame, NO_VISIT)
            self._frame = None
        self._plan.ended(time.monotonic(), passes)

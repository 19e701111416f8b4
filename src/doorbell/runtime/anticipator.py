"""Let recognition glance at the porch before anybody rings.

The rules of when are in `core.anticipation`; what was seen stays in the vision process
and is forgotten there. A visit always comes first.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from doorbell.core.anticipation import GlancePlan
from doorbell.stages.messages import NO_VISIT, Look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doorbell.runtime.frame_desk import FrameDesk
    from doorbell.stages.messages import FrameRef, Seen


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

    def frame_came(self, frame: FrameRef) -> None:
        """Glance at this frame, if one is due; only while no visit is looked at."""
        now_s = time.monotonic()
        if not self._plan.is_due(now_s, frame.motion):
            return
        if self._send("vision", Look(visit=NO_VISIT, frame=frame), ()):
            self._desk.pin(frame, NO_VISIT)
            self._frame = frame
            self._plan.began(now_s)

    def seen(self, message: Seen) -> None:
        """Recognition answered."""
        self.sees_faces = bool(message.faces)
        self.ended(message.passes)

    def ended(self, passes: int = 1) -> None:
        """The glance is over, by an answer or by the death of the process."""
        if self._frame is not None:
            self._desk.unpin(self._frame, NO_VISIT)
            self._frame = None
        self._plan.ended(time.monotonic(), passes)

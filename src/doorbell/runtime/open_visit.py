"""One visit in hand: its course, its frames, and what was made of them so far."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from doorbell.ports.store import VisitRecord

if TYPE_CHECKING:
    from doorbell.core.decision import FaceVerdict
    from doorbell.core.ring import Ring
    from doorbell.core.stamp import Stamp
    from doorbell.core.visit import VisitCourse
    from doorbell.ports.store import VisitState
    from doorbell.stages.messages import FrameRef
    from doorbell.stages.vision_messages import Seen

Happening = Literal["ring", "joined", "captured", "told", "decided", "degraded"]


@dataclass(slots=True, eq=False)
class OpenVisit:
    """A visit in hand.

    Attributes:
        token: its name towards vision; the ring's id is known only later.
        trace: the id under which logs and traces know it: that of its ring, which
            follows from the edge.
        edge: the first edge of the press that opened it.
        ring: the one that opened it.
        newest: the one that was counted last.
        candidates: frames pinned for it that recognition has not looked at.
        best: the frame shown to people; pinned.
        supplied: its pictures were handed in, the camera is not asked.
        late: taken up from the journal, too old to look at the camera for it.
        tail: the last of its writes, so that they happen in order.
        told: how each target took it, for people who watch.
        changed: set whenever something happened to it.
    """

    token: str
    course: VisitCourse
    edge: Stamp
    last_ring_s: float
    trace: str
    ring: Ring | None = None
    newest: Ring | None = None
    rings: int = 0
    steps: dict[str, int] = field(default_factory=dict)
    candidates: list[FrameRef] = field(default_factory=list)
    looked: list[FrameRef] = field(default_factory=list)
    best: FrameRef | None = None
    seen: Seen | None = None
    jpeg: bytes | None = None
    jpeg_of: FrameRef | None = None
    supplied: bool = False
    late: bool = False
    undurable: bool = False
    first_picture: asyncio.Task[None] | None = None
    tail: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    told: dict[str, str] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def faces(self) -> list[FaceVerdict]:
        """What recognition made of the visitors."""
        return self.seen.faces if self.seen else []

    def record(self, state: VisitState) -> VisitRecord:
        """The visit as it is to be stored now."""
        if self.ring is None:
            msg = "a visit without a ring is not stored"
            raise RuntimeError(msg)
        answered = self.course.closed and self.seen is not None and state == "decided"
        return VisitRecord(
            id=self.ring.id,
            ring=self.ring,
            rings=self.rings,
            state=state,
            steps=dict(self.steps),
            decision=self.seen.decision if answered and self.seen else None,
            reason=self.course.reason if state == "degraded" else "",
            faces=list(self.faces) if answered else [],
            has_picture=self.jpeg is not None,
            synthetic=self.ring.source == "synthetic",
        )


def degraded(visit: VisitRecord, reason: str) -> VisitRecord:
    """A visit that will have no decision, and why."""
    return VisitRecord(
        id=visit.id,
        ring=visit.ring,
        rings=visit.rings,
        state="degraded",
        steps=visit.steps,
        reason=reason,
        has_picture=visit.has_picture,
        synthetic=visit.synthetic,
    )

"""A self-test on request: of a person, or of the judge of a new release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError, UsageError
from doorbell.runtime import replies, views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.core.self_test import SelfTest
    from doorbell.ports.store import VisitState
    from doorbell.runtime.hub import Hub
    from doorbell.runtime.open_visit import OpenVisit
    from doorbell.stages.messages import FrameRef

MAX_PICTURES = 16


async def self_test(hub: Hub, fds: Sequence[int]) -> replies.Visit:
    """Ring without anybody hearing of it, and say what came of it.

    Args:
        hub: a visitor at its door goes first.
        fds: pictures to look at; none for the drawn face.

    Raises:
        UnavailableError: somebody really rang meanwhile, or the ring went nowhere.
        BadInputError: a picture cannot be used.
    """
    if len(fds) > MAX_PICTURES:
        msg = f"at most {MAX_PICTURES} pictures make a visit"
        raise UsageError(msg)
    for role in ("button", "notify"):
        await hub.until_ready(role)
    if fds:
        await hub.until_ready("vision")
    test, visit = await _rung(hub, fds)
    if test.yielded:
        msg = "somebody rang meanwhile"
        raise UnavailableError(msg, hint="Try again once the visit is told.")
    if visit is None:
        msg = f"the self-test went nowhere: {test.failure}"
        raise UnavailableError(msg, hint="See `doorbell health`.")
    return _reply(hub, test, visit)


async def _rung(hub: Hub, fds: Sequence[int]) -> tuple[SelfTest, OpenVisit | None]:
    owner = f"asked-{hub.questions.next_number()}"
    frames: list[FrameRef] = []
    try:
        for place, fd in enumerate(fds):
            frames.append(await hub.lay_picture(fd, place, owner))
        return await hub.synthetic.ring(frames)
    finally:
        for frame in frames:
            hub.desk.unpin(frame, owner)


def _reply(hub: Hub, test: SelfTest, visit: OpenVisit) -> replies.Visit:
    if not visit.course.reason and test.failure:
        visit.course.reason = test.failure
    state: VisitState = "degraded" if visit.course.reason else "decided"
    told = {"nobody": "sent"} if test.came_through else {}
    push_ns = None
    if "delivered" in test.legs:
        push_ns = visit.edge.mono_ns + round(test.legs["delivered"] * 1e9)
    view = views.visit_view(visit.record(state), hub.household.names, told, push_ns)
    return replies.Visit(view=view)

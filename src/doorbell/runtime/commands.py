"""What people ask of the hub: ring, look, list, label, test.

One `Conversation` is one connection. What concerns people is in `enrolling` and
`people_desk`.
"""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from doorbell.core.errors import (
    BadInputError,
    NotRunningError,
    UnavailableError,
    UsageError,
)
from doorbell.runtime import replies, views, wiring
from doorbell.runtime import requests as r
from doorbell.runtime.audited import Recorded
from doorbell.runtime.enrolling import Enrolling
from doorbell.runtime.link import close_all
from doorbell.runtime.self_test_command import self_test
from doorbell.stages import messages as m
from doorbell.stages.notify_messages import Notice
from doorbell.stages.vision_messages import ForgetVisit, Look, Seen

if TYPE_CHECKING:
    from doorbell.core.decision import FaceVerdict
    from doorbell.core.ring import RingSource
    from doorbell.ports.store import VisitRecord, VisitState
    from doorbell.runtime.hub import Hub
    from doorbell.runtime.observatory import Observatory
    from doorbell.runtime.open_visit import OpenVisit
    from doorbell.runtime.peer import Peer

# A press that waits: until the first target answered, but not for a dead network.
PUSH_S = 10.0
MAX_PICTURES = 16


class Commands:
    """The requests a hub answers.

    Args:
        hub: asked.
        observatory: measures it; None where a command runs a hub for itself.
    """

    def __init__(self, hub: Hub, observatory: Observatory | None = None) -> None:
        self.hub = hub
        self.observatory = observatory
        self.began_s = time.monotonic()

    def conversation(
        self, peer: Peer, uid: int, source: RingSource = "command"
    ) -> Conversation:
        """Begin with one caller."""
        return Conversation(self, peer, uid, source)


class Conversation:
    """One connection, request by request."""

    def __init__(
        self, commands: Commands, peer: Peer, uid: int, source: RingSource
    ) -> None:
        self._hub = commands.hub
        self._observatory = commands.observatory
        self._began_s = commands.began_s
        self._peer = peer
        self._uid = uid
        self._source = source
        self._people = Enrolling(commands.hub, peer, uid)

    def close(self) -> None:
        """The caller hung up: what was not committed is gone."""
        self._people.abandon()

    async def answer(self, request: object, fds: list[int]) -> str | None:
        """Carry out one request; returns a note for the caller.

        Raises:
            DoorbellError: it was not carried out, and nothing was changed.
        """
        drafted = self._people.drafted
        async with Recorded(self._hub, request, self._uid, self._source, drafted):
            return await self._carry_out(request, fds)

    async def _carry_out(self, request: object, fds: list[int]) -> str | None:
        match request:
            case r.PressRequest():
                await self._press(request, fds)
            case r.ListVisits():
                await self._list_visits(request)
            case r.ShowVisit():
                await self._show_visit(request)
            case r.LabelVisit():
                return await self._label(request)
            case r.LookRequest():
                await self._look()
            case r.TestTargets():
                await self._test(request)
            case r.RingSelfTest():
                self._peer.send(await self_test(self._hub, fds))
            case r.ShowStatus() | r.ShowHealth() | r.ShowMetrics():
                self._show(request)
            case _:
                return await self._people.answer(request, fds)
        return None

    def _show(self, request: r.ShowStatus | r.ShowHealth | r.ShowMetrics) -> None:
        match request:
            case r.ShowStatus():
                self._peer.send(self._status())
            case r.ShowHealth():
                self._peer.send(self._health())
            case r.ShowMetrics():
                self._show_metrics()

    # Ringing.

    async def _press(self, request: r.PressRequest, fds: list[int]) -> None:
        if len(fds) > MAX_PICTURES:
            msg = f"at most {MAX_PICTURES} pictures make a visit"
            raise UsageError(msg)
        hub = self._hub
        number = hub.questions.next_number()
        owner = f"asked-{number}"
        frames: list[m.FrameRef] = []
        try:
            for place, fd in enumerate(fds):
                frames.append(await hub.lay_picture(fd, place, owner))
            answer = await self._ring(number, frames)
        finally:
            # The visit has pinned them for itself by now.
            for frame in frames:
                hub.desk.unpin(frame, owner)
        if not isinstance(answer, m.RingAccepted):
            msg = "the button process gave no ring"
            raise UnavailableError(msg)
        visit = hub.doorkeeper.find(answer.ring.id) or hub.doorkeeper.newest()
        if visit is None or visit.ring is None:
            msg = "the ring was taken, but its visit is gone"
            raise UnavailableError(msg)
        self._peer.send(replies.Accepted(ring=answer.ring, visit=visit.ring.id))
        if request.wait:
            await self._wait_for(visit)
            self._peer.send(replies.Visit(view=self._view_in_hand(visit)))

    async def _ring(self, number: int, frames: list[m.FrameRef]) -> object:
        hub = self._hub
        if frames:
            await hub.until_ready("vision")
            hub.doorkeeper.supply(number, frames)
        await hub.until_ready("button")
        answer, _ = await hub.questions.ask(
            "button", number, m.RequestRing(request=number, source=self._source)
        )
        return answer

    async def _wait_for(self, visit: OpenVisit) -> None:
        while not visit.course.closed:
            visit.changed.clear()
            await visit.changed.wait()
        if visit.tail is not None:
            await asyncio.wait([visit.tail])
        try:
            async with asyncio.timeout(PUSH_S):
                while self._hub.dispatcher.queue.is_owed(visit.record("decided").id):
                    visit.changed.clear()
                    await visit.changed.wait()
        except TimeoutError:
            return

    def _view_in_hand(self, visit: OpenVisit) -> replies.VisitView:
        state: VisitState = "degraded" if visit.course.reason else "decided"
        return views.visit_view(
            visit.record(state),
            self._hub.household.names,
            visit.told,
            visit.steps.get("push"),
        )

    # Visits.

    async def _list_visits(self, request: r.ListVisits) -> None:
        found = await self._hub.ledger.call(
            lambda store: store.visits(request.limit, request.before)
        )
        missed = await self._hub.ledger.call(lambda store: store.gaps())
        names = self._hub.household.names
        self._peer.send(
            replies.Visits(
                views=[views.visit_view(v, names, {}) for v in found],
                undurable=[
                    replies.Undurable(ring.id, ring.source, ring.stamp.wall_s())
                    for ring in missed
                ],
            )
        )

    async def _find(self, visit_id: str) -> VisitRecord:
        found = await self._hub.ledger.call(lambda store: store.visit(visit_id))
        if found is None:
            msg = f"there is no visit {visit_id!r}"
            raise BadInputError(msg, hint="`doorbell visits list` shows them.")
        return found

    async def _show_visit(self, request: r.ShowVisit) -> None:
        visit = await self._find(request.visit)
        jpeg = await self._hub.ledger.call(lambda store: store.picture(visit.id))
        told = await self._hub.ledger.call(lambda store: store.told(visit.id))
        reply = replies.Visit(
            view=views.visit_view(visit, self._hub.household.names, told)
        )
        self._send_with(reply, jpeg)

    def _send_with(self, reply: replies.Reply, data: bytes | None) -> None:
        fds = [wiring.publish(data)] if data else []
        self._peer.send(reply, fds)
        close_all(fds)

    async def _label(self, request: r.LabelVisit) -> str:
        visit = await self._find(request.visit)
        if not 1 <= request.face <= len(visit.faces):
            msg = f"visit {visit.id[:8]} has {len(visit.faces)} faces"
            raise BadInputError(msg)
        person_id = self._hub.household.person_id(request.who) if request.who else ""
        await self._hub.ledger.call(
            lambda store: store.label(visit.id, request.face - 1, person_id)
        )
        who = self._hub.household.names.get(person_id, "nobody enrolled")
        return f"face {request.face} of visit {visit.id[:8]} is {who}"

    # Looking and testing.

    async def _look(self) -> None:
        await self._hub.until_ready("capture")
        frame = await self._hub.newest_frame()
        owner = f"ask-{self._hub.questions.next_number()}"
        self._hub.desk.pin(frame, owner)
        try:
            faces = await self._faces_of(frame)
            jpeg = await self._hub.desk.encode(frame)
        finally:
            self._hub.desk.unpin(frame, owner)
        if jpeg is None:
            msg = "the picture could not be made"
            raise UnavailableError(msg)
        camera = self._hub.desk.camera
        reply = replies.Looked(camera=camera.detail or camera.condition, faces=faces)
        self._send_with(reply, jpeg)

    async def _faces_of(self, frame: m.FrameRef) -> list[replies.VisitFace]:
        if not self._hub.supervisor.is_up("vision"):
            return []
        number = self._hub.questions.next_number()
        answer, _ = await self._hub.questions.ask(
            "vision", number, Look(visit=f"ask-{number}", frame=frame)
        )
        self._hub.team.tell_all(ForgetVisit(visit=f"ask-{number}"))
        found: list[FaceVerdict] = answer.faces if isinstance(answer, Seen) else []
        names = self._hub.household.names
        return [replies.VisitFace(v, names.get(v.person_id or "")) for v in found]

    async def _test(self, request: r.TestTargets) -> None:
        await self._hub.until_ready("notify")
        targets = self._hub.dispatcher.targets.names(request.target)
        if not targets:
            msg = (
                f"there is no target {request.target!r}"
                if request.target
                else ("no target is set")
            )
            hint = "Add a [[notify.targets]] section; see docs/how-to/notifications.md."
            raise UsageError(msg, hint=hint)
        now_s = self._hub.clock.now().wall_s()
        async with asyncio.TaskGroup() as group:
            for target in targets:
                group.create_task(self._test_one(target, now_s))

    async def _test_one(self, target: str, now_s: float | None) -> None:
        number = self._hub.questions.next_number()
        began_s = time.monotonic()
        notice = Notice(
            kind="test", key=f"test-{number}", replaces=f"test-{number}", at_s=now_s
        )
        answered = await self._hub.dispatcher.send_now(target, notice)
        took_ms = round((time.monotonic() - began_s) * 1000, 1)
        self._peer.send(
            replies.TargetAnswered(
                target=target,
                outcome=answered.status,
                detail=answered.detail,
                took_ms=took_ms,
            )
        )

    def _health(self) -> replies.Health:
        if not self._hub.supervisor.workers:
            raise NotRunningError
        return replies.Health(report=self._hub.health.report())

    def _show_metrics(self) -> None:
        if self._observatory is None:
            raise NotRunningError
        reply = replies.Metrics(address=self._observatory.operations.address)
        self._send_with(reply, self._observatory.system.export_json())

    def _status(self) -> replies.Status:
        hub = self._hub
        camera = hub.desk.camera
        return replies.Status(
            version=version("doorbell-edge"),
            uptime_s=round(time.monotonic() - self._began_s, 1),
            workers=[
                replies.WorkerView(
                    worker.role,
                    str(worker.life.state),
                    worker.pid,
                    worker.life.deaths,
                    worker.detail,
                )
                for worker in hub.supervisor.workers.values()
            ],
            camera=f"{camera.condition}: {camera.detail}".removesuffix(": "),
            engine=hub.household.engine.engine if hub.household.engine else "",
            people=len(hub.household.names),
            left_out=sum(hub.household.left_out.values()),
            outbox=hub.dispatcher.queue.waiting,
            model_passes=hub.routing.model_passes,
        )

"""The hub: puts together what only one process may hold, and begins and ends it.

It owns the frame ring's book, the visits in hand, the outbox and the way to state.db;
it does nothing heavy itself. What workers say goes through `routing`; their life and
death is `supervisor`'s, the course of a visit `doorkeeper`'s, telling people
`dispatch`'s.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING

from doorbell.core import burst
from doorbell.core.errors import (
    HardwareAbsentError,
    StorageError,
    UnavailableError,
)
from doorbell.core.frames import LendingBook, credit_for
from doorbell.core.stamp import NS_PER_S
from doorbell.core.supervision import RestartPolicy
from doorbell.runtime import ring, wiring
from doorbell.runtime.anticipator import Anticipator
from doorbell.runtime.audience import Audience
from doorbell.runtime.auditing import Auditing
from doorbell.runtime.dispatch import Dispatcher
from doorbell.runtime.doorkeeper import Doorkeeper
from doorbell.runtime.erasure_notes import note_erasures
from doorbell.runtime.frame_desk import FrameDesk
from doorbell.runtime.health_desk import HealthDesk
from doorbell.runtime.household import Household
from doorbell.runtime.housekeeping import chores
from doorbell.runtime.http_door import HttpDoor
from doorbell.runtime.ledger import Ledger
from doorbell.runtime.questions import Questions
from doorbell.runtime.recovery import Recovery
from doorbell.runtime.routing import Routing
from doorbell.runtime.security_desk import SecurityDesk
from doorbell.runtime.supervisor import Supervisor
from doorbell.runtime.synthetic import SyntheticBell
from doorbell.runtime.traces import ROLE, Traces
from doorbell.runtime.vision_team import VisionTeam
from doorbell.runtime.visit_frames import VisitFrames
from doorbell.stages import messages as m

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from config.door import Camera
    from config.production.production_settings import ProductionSettings
    from doorbell.runtime.audience import Watch

log = logging.getLogger("doorbell.hub")

# Slots beyond the pre-roll: up to two lent to capture, and a visit's burst with its
# picture.
EXTRA_SLOTS = 2 + 8
FIRST_FRAME_S = 10.0
# A busy machine hands a frame over this late.
LATE_FRAME_NS = 500_000_000
BUTTON_GRACE_S = 4.0
LAST_GRACE_S = 2.0


class Hub:
    """One running doorbell.

    Args:
        settings: validated.
        roles: worker roles to run; "button" alone keeps the ring journal.
        environ: for secrets handed over by systemd.
        watch: called with each thing that happens, for people who watch.
        log_fd: where the workers' log lines go; None for our standard output.
    """

    def __init__(
        self,
        settings: ProductionSettings,
        roles: Sequence[str],
        environ: Mapping[str, str],
        watch: Watch | None = None,
        log_fd: int | None = None,
    ) -> None:
        self.settings = settings
        self.clock = wiring.system_clock()
        self.routing = Routing(self)
        # While it waits for the door, the state is another slot's.
        self.stands_by = False
        self._environ = environ
        self.ledger = Ledger(lambda: wiring.open_store(settings))
        slots, slot_size, self._ring_fd = self._make_ring()
        self.supervisor = Supervisor(
            roles,
            _policy(settings),
            m.Configure(settings=settings, slot_size=slot_size, slots=slots),
            self._ring_fd,
            boss=self.routing,
            log_fd=log_fd,
            remotes=wiring.remotes(settings),
        )
        send = self.supervisor.send
        self.team = VisionTeam(
            roles, send, self.supervisor.is_up, self.supervisor.is_lost
        )
        self.questions = Questions(send, self.team.for_question)
        self.household = Household(self.ledger, self.team)
        book: LendingBook[m.FrameRef] = LendingBook(
            slots, slots - EXTRA_SLOTS, credit_for(settings.camera.rate_fps)
        )
        self.desk = FrameDesk(
            book, send, self._ring_fd, slot_size, _memory_ns(settings.camera)
        )
        self.audience = Audience(
            self.clock,
            lambda visit_id: self.doorkeeper.find(visit_id),  # noqa: PLW0108 - the doorkeeper comes into being below
            watch,
        )
        self.dispatcher = Dispatcher(
            settings=settings.notify,
            urls=wiring.target_urls(settings, environ),
            clock=self.clock,
            zone=wiring.zone(settings),
            ledger=self.ledger,
            send=send,
            names=self.household.names,
            told=self._told,
            checkpoint=lambda: self.audit.checkpoint,
        )
        self.anticipator = Anticipator(self.desk, send)
        self.doorkeeper = Doorkeeper(
            settings=settings,
            clock=self.clock,
            desk=self.desk,
            frames=VisitFrames(self.desk, self.anticipator),
            ledger=self.ledger,
            dispatcher=self.dispatcher,
            workers=self.team,
            happened=self.audience.happened,
        )
        self.recovery = Recovery(
            settings, self.clock, self.ledger, self.dispatcher, self.doorkeeper
        )
        self.ledger.recovered = self._recovered
        self.http = HttpDoor(self.supervisor)
        self.synthetic = SyntheticBell(self, slot_size)
        self.health = HealthDesk(self)
        self.audience.admit(self.health)
        self.audience.admit(SecurityDesk())
        self.audit = Auditing(settings, self.household, self.clock)
        self.audience.admit(self.audit)
        self._traces = Traces(send, settings.tracing.queue_spans)
        if ROLE in roles:
            self.audience.admit(self._traces)
            self._traces.begin()
        self._tasks: set[asyncio.Task[None]] = set()

    def _make_ring(self) -> tuple[int, int, int]:
        camera = self.settings.camera
        slots = max(round(camera.rate_fps * camera.preroll_s), 2) + EXTRA_SLOTS
        slot_size = ring.slot_bytes(camera.width, camera.height)
        return slots, slot_size, ring.create(slots, slot_size)

    async def start(self) -> None:
        """Open the state, start the workers, take up what a crash left.

        Raises:
            NewerStateError: a newer release wrote the state.
        """
        self.audit.start()
        await self.ledger.open()
        await self.household.refresh()
        self.supervisor.start()
        self.health.start()
        await self.recovery.take_up()
        for chore in chores(self):
            self.spawn(chore)
        self.spawn(note_erasures(self))

    def _recovered(self) -> None:
        """The card works again: know what it knows."""
        self.spawn(self._catch_up())

    async def _catch_up(self) -> None:
        try:
            await self.household.refresh()
        except StorageError:
            return  # Broken again: this is tried again with the next recovery.
        await self.recovery.catch_up()

    def _told(self, visit_id: str, target: str, status: str, detail: str) -> None:
        if not self.synthetic.told(visit_id, target, status, detail):
            self.audience.told(visit_id, target, status, detail)

    # What commands need.

    async def until_ready(self, role: str) -> None:
        """Wait until a role takes work: a command may come while it starts.

        Raises:
            UnavailableError: it will not come back by itself, or takes too long.
        """
        if role not in self.supervisor.workers:
            msg = f"this doorbell runs no {role} process"
            raise UnavailableError(msg)
        deadline_s = time.monotonic() + self.settings.supervision.start_timeout_s
        while not self.supervisor.is_up(role):
            worker = self.supervisor.workers[role]
            if self.supervisor.is_lost(role) or time.monotonic() > deadline_s:
                msg = (
                    f"the {role} process does not run: {worker.detail or 'see the log'}"
                )
                raise UnavailableError(msg)
            await asyncio.sleep(0.02)

    async def newest_frame(self) -> m.FrameRef:
        """The newest frame of the camera, waiting a little for the first.

        Raises:
            HardwareAbsentError: the camera gives none.
        """
        deadline_s = time.monotonic() + FIRST_FRAME_S
        while not (frames := self.desk.preroll(self.clock.mono_ns())):
            camera = self.desk.camera
            if camera.condition == "off" or time.monotonic() > deadline_s:
                msg = f"the camera is {camera.condition}: {camera.detail}"
                raise HardwareAbsentError(msg, hint=camera.hint)
            await asyncio.sleep(0.02)
        return frames[-1]

    async def lay_picture(self, fd: int, place: int, owner: str) -> m.FrameRef:
        """Decode a picture from outside, in a child, and lay it into the ring.

        Args:
            fd: its file.
            place: 0 for the first of a visit, counting on.
            owner: who unpins it.

        Raises:
            BadInputError: it is no picture that can be used.
        """
        camera = self.settings.camera
        pixels = camera.width * camera.height
        picture = await asyncio.to_thread(wiring.decode_picture, fd, pixels)
        try:
            # As if taken one after the other: two of one moment show nothing new.
            mono_ns = self.clock.mono_ns() - place * burst.SPREAD_NS
            size = (picture.width, picture.height)
            return self.desk.put(picture.fd, size, mono_ns, owner)
        finally:
            os.close(picture.fd)

    # Housekeeping and the end.

    def summary(self) -> str:
        """One line on how the doorbell is doing."""
        ailing = [
            f"{role} {worker.life.state}"
            for role, worker in self.supervisor.workers.items()
            if not worker.is_up
        ]
        camera = self.desk.camera.condition
        state = ", ".join(ailing) or "all processes run"
        storage = f", storage: {self.ledger.trouble}" if self.ledger.trouble else ""
        return (
            f"{state}; camera {camera}; {len(self.household.names)} enrolled{storage}"
        )

    def reconfigure(self, settings: ProductionSettings, roles: Sequence[str]) -> None:
        """Take over new settings and restart the workers that read them.

        Raises:
            SettingsError: a secret cannot be read; nothing was changed.
        """
        urls = wiring.target_urls(settings, self._environ)
        self.settings = settings
        old = self.supervisor.configuration
        self.supervisor.configuration = m.Configure(
            settings=settings, slot_size=old.slot_size, slots=old.slots
        )
        self.dispatcher.reconfigure(settings.notify, urls, wiring.zone(settings))
        self.doorkeeper.reconfigure(settings)
        self.synthetic.reconfigure()
        self.supervisor.restart(roles)

    def spawn(self, work: wiring.Work) -> None:
        """Let something run beside; it ends with the hub."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", exc_info=error)

    async def stop(self) -> None:
        """Tell the visit in hand, within the grace, and end every worker."""
        grace_s = self.settings.supervision.grace_s
        self.synthetic.stop()
        # First whoever hears rings: a press of this instant is still to be told.
        await self.supervisor.stop(["button"], min(grace_s, BUTTON_GRACE_S))
        try:
            async with asyncio.timeout(grace_s):
                await self.doorkeeper.drain()
                if not self.supervisor.is_lost("notify"):
                    await self.dispatcher.drain()
        except TimeoutError:
            log.warning("grace_spent", extra={"waiting": self.dispatcher.queue.waiting})
        self._traces.end()
        # While its writer runs still.
        await self.audit.close()
        await self.supervisor.stop(list(self.supervisor.workers), LAST_GRACE_S)
        self.supervisor.close()
        # What was told from memory is recorded if that is possible now, or it would
        # be told again.
        await self.doorkeeper.writer.mend()
        await self.dispatcher.queue.record_owed()
        self.health.close()
        for task in list(self._tasks):
            task.cancel()
        await self.ledger.close()


def _memory_ns(camera: Camera) -> int:
    """Age of the oldest frame a pre-roll may hold: two at least, and one late."""
    return round(max(camera.preroll_s, 2 / camera.rate_fps) * NS_PER_S + LATE_FRAME_NS)


def _policy(settings: ProductionSettings) -> RestartPolicy:
    limits = settings.supervision
    return RestartPolicy(
        start_timeout_s=limits.start_timeout_s,
        progress_timeout_s=limits.progress_timeout_s,
        backoff_s=limits.backoff_s,
        backoff_max_s=limits.backoff_max_s,
        budget=limits.budget,
        budget_window_s=limits.budget_window_s,
    )

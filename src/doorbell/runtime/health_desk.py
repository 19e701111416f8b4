"""The desk that knows how the doorbell is: facts of the hub, judged by the rules.

Asking never waits. What the card and the machine have to say is fetched beforehand, now
and then, each on a thread that may hang without anybody noticing but its own check.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doorbell.core.errors import DoorbellError
from doorbell.core.stamp import NS_PER_S
from doorbell.runtime import health_facts as facts
from doorbell.runtime.audience import Onlooker
from monitoring.health import rules
from monitoring.health.checklist import Check, Checklist, Moment
from monitoring.health.facts import DiskFacts, NetworkFacts, StateFacts
from monitoring.health.machine import disk_facts, network_facts
from monitoring.health.verdict import Status, Weight

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from doorbell.ports.store import Store
    from doorbell.runtime.hub import Hub
    from monitoring.health.facts import OutboxFacts
    from monitoring.health.report import HealthReport
    from monitoring.health.verdict import Verdict

log = logging.getLogger("doorbell.health")

# How often card and machine are asked. Nothing of it is written.
PROBE_S = 2.0
# A look at the machine that takes longer hangs.
SILENT_S = 2.0
# Without these a ring is not heard, not kept, not told, not seen or not named.
GATES = frozenset({"journal", "state", "outbox", "camera", "engine"})


class HealthDesk(Onlooker):
    """One hub's health.

    Register more checks with `checks.register`; each is asked for every report.

    Attributes:
        checks: what is asked.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._began = self._now()
        self.checks = Checklist(version("doorbell-edge"), self._began)
        self._state = StateFacts(None)
        self._trial_began_s: float | None = None
        self._look_began_s: float | None = None
        self._disk = DiskFacts(0, 0, is_known=False)
        self._network = NetworkFacts((), has_route=False, is_known=False)
        self._answers: dict[str, str] = {}
        self._last: dict[str, Status] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        for name, (weight, ask) in self._own_checks().items():
            check = Check(name, ask, weight, gates_ready=name in GATES)
            self.checks.register(check)

    def _own_checks(self) -> dict[str, tuple[Weight, Callable[[], Verdict]]]:
        hub, vital, major = self._hub, Weight.VITAL, Weight.MAJOR
        return {
            "journal": (vital, lambda: rules.journal(facts.journal(hub))),
            "state": (vital, lambda: rules.state(self._state_facts())),
            "outbox": (vital, lambda: rules.outbox(self._outbox_facts())),
            "camera": (major, lambda: rules.camera(facts.camera(hub))),
            "engine": (major, lambda: rules.engine(facts.engine(hub))),
            "workers": (major, lambda: rules.workers(facts.workers(hub))),
            "audit": (major, self._audit),
            "disk": (major, lambda: rules.disk(self._disk_facts())),
            "clock": (Weight.MINOR, lambda: rules.clock(synced=hub.clock.now().synced)),
            "network": (Weight.MINOR, lambda: rules.network(self._network)),
        }

    def start(self) -> None:
        """Begin to ask the card and the machine, and to note what changes."""
        self._spawn(self._probe_on())
        self._spawn(self._judge_on())

    def close(self) -> None:
        """Ask no more."""
        for task in list(self._tasks):
            task.cancel()

    def report(self) -> HealthReport:
        """How the doorbell is now; takes well under a millisecond a check."""
        return self.checks.report(self._now())

    def told(self, visit_id: str, target: str, status: str, detail: str) -> None:
        """Remember how each target answered last."""
        del visit_id, detail
        self._answers[target] = status

    # What is fetched beforehand.

    async def _probe_on(self) -> None:
        while True:
            self._spawn(self._try_state())
            self._look_at_machine()
            self.report()  # So that it is known since when each check is so.
            await asyncio.sleep(PROBE_S)

    async def _try_state(self) -> None:
        if self._trial_began_s is not None:
            return  # The last trial still waits for the card.
        self._trial_began_s = began_s = time.monotonic()
        trouble = ""
        try:
            await self._hub.ledger.call(_try_write)
        except DoorbellError as error:
            trouble = str(error)
        finally:
            self._trial_began_s = None
        took_ms = (time.monotonic() - began_s) * 1000
        self._state = StateFacts(None if trouble else took_ms, trouble=trouble)

    def _look_at_machine(self) -> None:
        if self._look_began_s is not None:
            return  # The last look still waits; no second thread is lost to it.
        self._look_began_s = time.monotonic()
        loop = asyncio.get_running_loop()
        folder = Path(self._hub.settings.storage.dir)

        def look() -> None:
            seen = disk_facts(folder), network_facts()
            with contextlib.suppress(RuntimeError):  # The daemon has ended meanwhile.
                loop.call_soon_threadsafe(self._machine_seen, *seen)

        # A daemon thread: a card that hangs must not keep the process from ending.
        threading.Thread(target=look, name="machine", daemon=True).start()

    def _machine_seen(self, disk: DiskFacts, network: NetworkFacts) -> None:
        self._disk, self._network = disk, network
        self._look_began_s = None

    def _state_facts(self) -> StateFacts:
        began_s = self._trial_began_s
        waited_s = 0.0 if began_s is None else time.monotonic() - began_s
        trouble = self._state.trouble or self._hub.ledger.trouble
        return replace(self._state, unanswered_s=waited_s, trouble=trouble)

    def _audit(self) -> Verdict:
        log_state = self._hub.audit.state
        records = log_state.size if log_state else 0
        return rules.audit(self._hub.audit.trouble, records)

    def _disk_facts(self) -> DiskFacts:
        began_s = self._look_began_s
        is_silent = began_s is not None and time.monotonic() - began_s > SILENT_S
        return replace(self._disk, is_known=False) if is_silent else self._disk

    def _outbox_facts(self) -> OutboxFacts:
        refusing = tuple(
            target for target, status in self._answers.items() if status != "sent"
        )
        network = self._network
        has_network = bool(network.interfaces) or not network.is_known
        return facts.outbox(self._hub, refusing, has_network=has_network)

    # What changed is worth a line.

    async def _judge_on(self) -> None:
        while True:
            await asyncio.sleep(self._hub.settings.metrics.health_interval_s)
            self._note_changes(self.report())

    def _note_changes(self, report: HealthReport) -> None:
        for name, check in report.checks.items():
            before = self._last.get(name, Status.HEALTHY)
            self._last[name] = check.status
            if check.status is not before:
                is_well = check.status is Status.HEALTHY
                extra = {
                    "check": name,
                    "status": str(check.status),
                    "detail": check.detail,
                    "hint": check.hint,
                }
                level = logging.INFO if is_well else logging.WARNING
                log.log(level, "health_changed", extra=extra)

    def _now(self) -> Moment:
        stamp = self._hub.clock.now()
        return Moment(stamp.mono_ns / NS_PER_S, stamp.wall_s())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", exc_info=error)


def _try_write(store: Store) -> None:
    store.try_write()

"""What the hub has recorded in the audit log.

Two ways in. `record` is awaited before something a person does, which does not happen
without it. `post`, and all that an onlooker hears, never waits: rings, decisions and
pushes go on, and what the log missed is counted in it.

No names: people appear under a reference keyed with a key of their own, which is
destroyed with them; targets by their place in the settings.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError
from doorbell.core.stamp import NS_PER_S
from doorbell.runtime.audience import Onlooker
from monitoring.logging.audit_errors import AuditError, AuditUnreachableError
from monitoring.logging.audit_logger import AuditLogger, OwnRoute, WriterRoute
from monitoring.logging.audit_place import AuditPlace
from monitoring.logging.security import log_security_event, recorder
from monitoring.metrics.recording import record_gauge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.production.production_settings import ProductionSettings
    from doorbell.core.decision import FaceVerdict
    from doorbell.ports.clock import Clock
    from doorbell.runtime.household import Household
    from doorbell.runtime.open_visit import Happening, OpenVisit
    from monitoring.logging.audit_channel import State
    from monitoring.logging.audit_submit import WitnessSender
    from monitoring.logging.security import SecurityEvent

log = logging.getLogger("doorbell.audit")

LOOK_S = 5.0
# NTP slews what is less; a step of more than this is a jump.
JUMP_NS = 2 * NS_PER_S
CLOSE_S = 2.0
# Bits of the root in one gauge: a float holds 53 exactly.
GAUGE_BITS = 48
MOST_SYNTHETIC = 64


class Auditing(Onlooker):
    """The hub's hand on the audit log.

    Args:
        settings: say where the log is.
        household: the references of enrolled people.
        clock: of the records.
    """

    def __init__(
        self, settings: ProductionSettings, household: Household, clock: Clock
    ) -> None:
        self._settings = settings
        self._household = household
        self._clock = clock
        self._place = AuditPlace.of(settings)
        self._logger: AuditLogger | None = None
        self._is_alone = self._is_warned = False
        self._watch: asyncio.Task[None] | None = None
        self._sender: WitnessSender | None = None
        self._shown: State | None = None
        self._targets = _places(settings)
        self._synthetic: OrderedDict[str, None] = OrderedDict()

    def write_alone(self) -> None:
        """No daemon runs: if there is no writer either, take the lock and write."""
        self._is_alone = True

    def reconfigure(self, settings: ProductionSettings) -> None:
        """Know the places of the targets in new settings."""
        self._targets = _places(settings)

    def start(self) -> None:
        """Take records from now on."""
        audit = self._settings.audit
        route = (
            OwnRoute(self._place, self._clock.now)
            if self._is_alone
            else WriterRoute(self._place)
        )
        self._logger = AuditLogger(
            route, self._clock.now, audit.patience_s, audit.queue
        )
        recorder.add_sink("audit", self._security)
        self._watch = asyncio.get_running_loop().create_task(self._look())
        if audit.witness_url and not self._is_alone:
            self._begin_to_send()

    def _begin_to_send(self) -> None:
        # A few MB of HTTP that only a house with a witness needs.
        from monitoring.logging.audit_submit import WitnessSender  # noqa: PLC0415

        place = self._place
        self._sender = WitnessSender(place.log, place.witness_url, place.witness)
        self._sender.start()

    async def close(self) -> None:
        """Bring what waits to disk, as far as that is possible."""
        recorder.remove_sink("audit")
        if self._watch is not None:
            self._watch.cancel()
        if self._sender is not None:
            self._sender.end()
        if self._logger is not None:
            await asyncio.to_thread(self._logger.close, CLOSE_S)

    @property
    def state(self) -> State | None:
        """How the log was a moment ago."""
        return self._logger.state if self._logger else None

    @property
    def checkpoint(self) -> str:
        """The newest checkpoint as a signed note; empty where none is known."""
        return self.state.checkpoint if self.state else ""

    @property
    def trouble(self) -> str:
        """Why nothing can be recorded, or what the witness says; empty if well."""
        trouble = self._logger.trouble if self._logger else "it is not started"
        return trouble or (self._sender.trouble if self._sender else "")

    @property
    def witnessed(self) -> int:
        """Size of the newest checkpoint that the witness has taken."""
        return self._sender.witnessed if self._sender else 0

    async def record(
        self,
        act: str,
        *,
        actor: str,
        obj: str = "",
        out: str = "begun",
        ctx: Mapping[str, object] | None = None,
    ) -> int:
        """Record before something is done; returns the record's number.

        Raises:
            UnavailableError: it is not recorded, so it must not be done.
        """
        if self._logger is None:
            msg = "the audit log is not open"
            raise UnavailableError(msg)
        future = asyncio.wrap_future(
            self._logger.submit(act, actor=actor, obj=obj, out=out, ctx=ctx)
        )
        await asyncio.wait([future], timeout=self._settings.audit.patience_s)
        try:
            if future.done():
                return future.result()
        except AuditError as error:
            msg = f"not done, since it cannot be recorded: {error}"
            raise UnavailableError(msg, hint=error.hint) from error
        # It may reach the log yet; then this says that it was not done.
        future.add_done_callback(asyncio.Future.exception)
        self.post(act, actor=actor, obj=obj, out="refused", ctx={"error": "late"})
        msg = "not done, since it cannot be recorded: the audit log does not answer"
        raise UnavailableError(msg, hint=AuditUnreachableError.hint)

    def post(
        self,
        act: str,
        *,
        actor: str = "doorbell",
        obj: str = "",
        out: str = "done",
        ctx: Mapping[str, object] | None = None,
    ) -> None:
        """Record when that is possible; never waits."""
        if self._logger is not None:
            self._logger.post(act, actor=actor, obj=obj, out=out, ctx=ctx)

    def began(self, version: str) -> None:
        """The daemon runs, and has opened what the master key seals."""
        self.post("doorbell.started", ctx={"version": version})
        self.post("key.used", obj="key:master", ctx={"purpose": "state"})

    def ended(self) -> None:
        """The daemon ends in order."""
        self.post("doorbell.stopped")

    def person(self, person_id: str | None) -> str:
        """Name a person as records do: by a reference that dies with their key."""
        reference = self._household.references.get(person_id or "")
        return f"person:{reference or 'unknown'}"

    # What the hub tells onlookers.

    def happened(self, what: Happening, visit: OpenVisit) -> None:
        """Record rings and decisions of real visitors."""
        if visit.ring is None:
            return
        if visit.ring.source == "synthetic":
            self._remember_synthetic(visit.ring.id)
            return
        obj = f"visit:{visit.ring.id}"
        match what:
            case "ring" | "joined":
                ring = visit.newest or visit.ring
                facts = {"source": ring.source, "undurable": visit.undurable}
                self.post("ring.taken", actor="visitor", obj=obj, out=what, ctx=facts)
            case "decided" | "degraded":
                decision = visit.seen.decision if visit.seen else ""
                faces = [self._face(face) for face in visit.faces]
                ctx = {"reason": visit.course.reason, "faces": faces}
                self.post("visit.decided", obj=obj, out=str(decision or what), ctx=ctx)
            case _:
                return

    def _face(self, face: FaceVerdict) -> dict[str, object]:
        who = self.person(face.person_id) if face.person_id else ""
        return {"decision": str(face.decision), "person": who}

    def _remember_synthetic(self, visit_id: str) -> None:
        self._synthetic[visit_id] = None
        while len(self._synthetic) > MOST_SYNTHETIC:
            self._synthetic.popitem(last=False)

    def told(self, visit_id: str, target: str, status: str, detail: str) -> None:
        """Record how a target took a push; attempts that are repeated are not."""
        del detail
        if status == "retry" or visit_id in self._synthetic:
            return
        place = self._targets.get(target, -1) + 1
        obj = f"visit:{visit_id}" if visit_id else ""
        self.post("push.answered", obj=obj, out=status, ctx={"target": place})

    def _security(self, event: SecurityEvent) -> None:
        logger = self._logger
        if logger is None:
            return
        ctx = {
            "event": event.id,
            "severity": event.severity,
            "source": event.source,
            "action": event.action_taken,
        }
        act = f"security.{event.event_type}"
        logger.post(act, out=event.action_taken, ctx=ctx, urgent=True)

    # What is looked at now and then.

    async def _look(self) -> None:
        before = self._clock.now()
        while True:
            await asyncio.sleep(LOOK_S)
            now = self._clock.now()
            drift_ns = (now.wall_ns - before.wall_ns) - (now.mono_ns - before.mono_ns)
            if abs(drift_ns) > JUMP_NS or now.synced != before.synced:
                ctx = {"step_ms": drift_ns // 1_000_000, "synced": now.synced}
                self.post("clock.jumped", ctx=ctx)
            before = now
            self._show()
            self._warn()

    def _warn(self) -> None:
        """Say once that nothing can be recorded, where people see it."""
        trouble = self._logger.trouble if self._logger else ""
        if trouble and not self._is_warned:
            log_security_event(
                "audit_unavailable",
                "the audit log cannot be written: what people ask for is refused",
                "high",
                {"source": "audit", "action_taken": "refused"},
            )
        self._is_warned = bool(trouble)

    def _show(self) -> None:
        """Show size and root where others keep them, and wake who sends them."""
        state = self.state
        if state is None or state == self._shown:
            return
        if state.fault in {"changed", "cut"} and self._shown is None:
            log_security_event(
                "audit_tampered",
                "the audit log is not as it was left",
                "critical",
                {"source": "audit", "fault": state.fault},
            )
        self._shown = state
        with suppress(ValueError):
            root = int(state.root[: GAUGE_BITS // 2], 16)
            record_gauge("doorbell_audit_tree_size", state.size)
            record_gauge("doorbell_audit_root_high", root >> GAUGE_BITS)
            record_gauge("doorbell_audit_root_low", root & (1 << GAUGE_BITS) - 1)
        if self._sender is not None:
            self._sender.wake()


def _places(settings: ProductionSettings) -> dict[str, int]:
    return {target.name: n for n, target in enumerate(settings.notify.targets)}

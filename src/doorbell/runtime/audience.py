"""Who hears of what happens, without a say in it: logs, metrics, traces, the audit."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from monitoring.tracing.context import working_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from doorbell.ports.clock import Clock
    from doorbell.runtime.open_visit import Happening, OpenVisit

    Watch = Callable[[str, OpenVisit, str], None]

log = logging.getLogger("doorbell.hub")


class Onlooker:
    """Hears what it wants to hear: every method may be left as it is.

    Each is called from the hub's loop, so none may wait for anything.
    """

    def happened(self, what: Happening, visit: OpenVisit) -> None:
        """A visit took a step."""

    def told(self, visit_id: str, target: str, status: str, detail: str) -> None:
        """A target answered an attempt (`sent`, `retry`, `refused`, …)."""

    def worker_up(self, role: str) -> None:
        """A worker passed its rehearsal."""

    def worker_down(self, role: str) -> None:
        """A worker is gone."""

    def worker_said(self, role: str, message: object) -> None:
        """A worker said this; its descriptors are not for onlookers."""


class Audience(Onlooker):
    """All onlookers of one hub, and the lines of its log.

    Args:
        clock: gives the time of a push.
        find: a visit in hand by its id.
        watch: a person at a terminal, who wants no more than visits and pushes.
    """

    def __init__(
        self,
        clock: Clock,
        find: Callable[[str], OpenVisit | None],
        watch: Watch | None = None,
    ) -> None:
        self._clock = clock
        self._find = find
        self._watch = watch
        self._onlookers: list[Onlooker] = []

    def admit(self, onlooker: Onlooker) -> None:
        """Let one more hear what happens from now on."""
        self._onlookers.append(onlooker)

    def happened(self, what: Happening, visit: OpenVisit) -> None:
        """Log the step and pass it on."""
        with working_on(visit.trace):
            self._pass_step_on(what, visit)

    def _pass_step_on(self, what: Happening, visit: OpenVisit) -> None:
        extra = {
            "visit": visit.ring.id if visit.ring else visit.trace,
            "rings": visit.rings,
            "undurable": visit.undurable,
        }
        log.info("visit_%s", what, extra=extra)
        visit.changed.set()
        self._tell("happened", lambda one: one.happened(what, visit))
        if self._watch is not None:
            self._watch(what, visit, "")

    def told(self, visit_id: str, target: str, status: str, detail: str) -> None:
        """Log the answer, note it with the visit and pass it on."""
        with working_on(visit_id):
            self._pass_answer_on(visit_id, target, status, detail)

    def _pass_answer_on(
        self, visit_id: str, target: str, status: str, detail: str
    ) -> None:
        level = logging.INFO if status == "sent" else logging.WARNING
        extra = {
            "visit": visit_id,
            "target": target,
            "status": status,
            "detail": detail,
        }
        log.log(level, "push_answered", extra=extra)
        visit = self._find(visit_id)
        if visit is not None:
            if status == "sent":
                visit.steps.setdefault("push", self._clock.mono_ns())
            visit.told[target] = status if not detail else f"{status}: {detail}"
            if self._watch is not None:
                self._watch("pushed", visit, target)
            visit.changed.set()
        self._tell("told", lambda one: one.told(visit_id, target, status, detail))

    def worker_up(self, role: str) -> None:
        """Pass it on."""
        self._tell("worker_up", lambda one: one.worker_up(role))

    def worker_down(self, role: str) -> None:
        """Pass it on."""
        self._tell("worker_down", lambda one: one.worker_down(role))

    def worker_said(self, role: str, message: object) -> None:
        """Pass it on."""
        self._tell("worker_said", lambda one: one.worker_said(role, message))

    def _tell(self, what: str, say: Callable[[Onlooker], None]) -> None:
        for onlooker in self._onlookers:
            try:
                say(onlooker)
            except Exception:  # whoever only looks on must not silence the bell
                extra = {"onlooker": type(onlooker).__name__, "what": what}
                log.exception("onlooker_failed", extra=extra)

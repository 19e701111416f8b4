"""Tells the household what is wrong with the doorbell itself.

The rules are evaluated over the doorbell's own metrics, as Prometheus would. A message
that no target took is tried again for an hour, in memory only: an alert is no ring.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError
from doorbell.stages.notify_messages import Notice
from monitoring.alerts.evaluator import AlertEvaluator
from monitoring.alerts.history import Reading
from monitoring.alerts.rules import GROUPS
from monitoring.logging.security import ALARMING

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from doorbell.runtime.hub import Hub
    from monitoring.alerts.evaluator import AlertChange
    from monitoring.alerts.rule import Group
    from monitoring.logging.security import SecurityEvent
    from monitoring.metrics.metrics_collector import MetricsCollector

log = logging.getLogger("doorbell.alerts")

OWED_S = 3600.0
# A target that does not answer is not asked at each evaluation.
FIRST_WAIT_S, LONGEST_WAIT_S = 15.0, 600.0
SECURITY_RULE = "SecurityEvent"
# One push for events of one kind within this, as the rule's own window.
QUIET_S = 300.0


@dataclass(slots=True)
class _Owed:
    """A message that a target has not taken yet; times are monotonic seconds."""

    target: str
    notice: Notice
    since_s: float
    next_s: float
    wait_s: float = FIRST_WAIT_S


@dataclass(slots=True)
class Owed:
    """What is still to be told, by target and alert; the newest replaces the others."""

    _messages: dict[tuple[str, str], _Owed] = field(default_factory=dict)

    def add(self, target: str, notice: Notice, now_s: float) -> None:
        """Owe a message from now on, instead of an older one of the same alert."""
        message = _Owed(target, notice, now_s, now_s)
        self._messages[target, notice.replaces] = message

    def due(self, now_s: float) -> list[_Owed]:
        """Return what is to be tried now; what is too old is owed no more."""
        for key, message in list(self._messages.items()):
            if now_s - message.since_s > OWED_S:
                del self._messages[key]
        return [one for one in self._messages.values() if one.next_s <= now_s]

    def took(self, message: _Owed) -> None:
        """The target has it, or never will."""
        key = message.target, message.notice.replaces
        if self._messages.get(key) is message:
            del self._messages[key]

    def failed(self, message: _Owed, now_s: float) -> None:
        """Try again later."""
        message.next_s = now_s + message.wait_s
        message.wait_s = min(2 * message.wait_s, LONGEST_WAIT_S)


class Alarms:
    """Evaluates the rules of one daemon and pushes what they bring.

    Args:
        hub: started.
        collector: where the values are read.
        groups: of rules; for tests others than ours.
    """

    def __init__(
        self,
        hub: Hub,
        collector: MetricsCollector,
        groups: Iterable[Group] = GROUPS,
    ) -> None:
        self._hub = hub
        self._collector = collector
        self._evaluators = [AlertEvaluator(group) for group in groups]
        self._owed = Owed()
        self._told_s: dict[str, float] = {}

    def tasks(self) -> list[Coroutine[object, object, None]]:
        """Return what is to run as long as the daemon does."""
        return [self._watch(one) for one in self._evaluators] + [self._deliver()]

    def status(self) -> dict[str, object]:
        """Return the alerts that hold now, for the monitoring's status."""
        return {
            "firing": [
                {"alert": rule.name, "severity": rule.severity} | dict(labels)
                for evaluator in self._evaluators
                for rule, labels in evaluator.firing()
            ]
        }

    async def _watch(self, evaluator: AlertEvaluator) -> None:
        period_s = min(evaluator.every_s, self._hub.settings.metrics.scrape_s)
        while True:
            await asyncio.sleep(period_s)
            readings = [
                Reading(one.name, frozenset(one.labels.items()), one.value)
                for one in self._collector.samples()
            ]
            for change in evaluator.step(time.monotonic(), readings):
                self._changed(change)

    def _changed(self, change: AlertChange) -> None:
        rule = change.rule
        extra = {"alert": rule.name, "severity": rule.severity, "is": change.change}
        log.warning("alert_changed", extra=extra | dict(change.labels))
        wanted = self._hub.settings.alerts.push
        # A security event told of itself, by its severity (`noticed`).
        if rule.name != SECURITY_RULE and wanted in ("all", rule.severity):
            silent = change.change == "resolved"
            self._push(_subject(change), change.sentence(), silent=silent)

    def noticed(self, event: SecurityEvent) -> None:
        """Tell at once of a security event, unless it is slight; called on the loop."""
        if event.severity == "low" or self._hub.settings.alerts.push == "none":
            return
        now_s = time.monotonic()
        if now_s - self._told_s.get(event.event_type, -QUIET_S) < QUIET_S:
            return  # The log has each; a phone that rings all night is switched off.
        self._told_s[event.event_type] = now_s
        what = f"{event.description} ({event.event_type})"
        text = f"Something happened that concerns security: {what}"
        silent = event.severity not in ALARMING
        self._push(f"{SECURITY_RULE}-{event.event_type}", text, silent=silent)

    def _push(self, subject: str, text: str, *, silent: bool) -> None:
        """Tell every target; what is over is told without a sound."""
        now = self._hub.clock.now()
        notice = Notice(
            kind="alert",
            key=f"alert-{subject}-{now.mono_ns}",
            replaces=f"alert-{subject}",
            at_s=now.wall_s(),
            text=text,
            silent=silent,
        )
        for target in self._hub.dispatcher.targets.names(None):
            self._owed.add(target, notice, time.monotonic())

    async def _deliver(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for message in self._owed.due(time.monotonic()):
                await self._try(message)

    async def _try(self, message: _Owed) -> None:
        try:
            answer = await self._hub.dispatcher.send_now(message.target, message.notice)
        except UnavailableError:
            self._owed.failed(message, time.monotonic())
            return
        if answer.status == "retry":
            self._owed.failed(message, time.monotonic())
            return
        self._owed.took(message)
        level = logging.INFO if answer.status == "sent" else logging.WARNING
        extra = {"target": message.target, "status": answer.status}
        log.log(level, "alert_told", extra=extra)


def _subject(change: AlertChange) -> str:
    labels = "-".join(value for _, value in sorted(change.labels))
    return f"{change.rule.name}-{labels}" if labels else change.rule.name

"""What happened against the doorbell: said once, heard everywhere.

`log_security_event` writes one line to the log, counts it, and hands the event to every
sink of this process: the audit, a push. A process that has none of them forwards the
event to the one that has (`forward_to`), and writes nothing itself.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from os import urandom
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from monitoring.logging.correlation import CorrelationContext, correlation_id
from monitoring.metrics import label_values
from monitoring.metrics.recording import record_counter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger("doorbell.security")

Severity = Literal["low", "medium", "high", "critical"]

# The labels of the metric are what there is to choose from.
EVENT_TYPES = frozenset(label_values.security_event.values or ())
SOURCES = frozenset(label_values.security_source.values or ())
ACTIONS = frozenset(label_values.action_taken.values or ())
# What wakes the household.
ALARMING: frozenset[str] = frozenset({"high", "critical"})
_LEVELS = {
    "low": logging.INFO,
    "medium": logging.WARNING,
    "high": logging.ERROR,
    "critical": logging.CRITICAL,
}

Fact = str | int | float | bool | None


class SecurityEvent(Struct, frozen=True, kw_only=True):
    """One event.

    Attributes:
        id: 32 hexadecimal digits; the same in each place it is recorded.
        event_type: one of `EVENT_TYPES`.
        description: a sentence without a name or a secret.
        source: the part of the doorbell it happened to, one of `SOURCES`.
        action_taken: one of `ACTIONS`.
        correlation: of the visit or the request it belongs to; may be empty.
    """

    id: str
    event_type: str
    description: str
    severity: Severity
    source: str
    action_taken: str
    data: dict[str, Fact] = {}
    correlation: str = ""


if TYPE_CHECKING:
    Sink = Callable[[SecurityEvent], None]


class Pace:
    """Who repeats an offence must not fill the card: some a minute of one kind.

    Args:
        most: events of one kind and source within `window_s` that are written down.
        window_s: seconds.
    """

    def __init__(self, most: int = 30, window_s: float = 60.0) -> None:
        self._most = most
        self._window_s = window_s
        self._windows: dict[tuple[str, str], tuple[float, int]] = {}

    def is_fit(self, kind: tuple[str, str], now_s: float) -> bool:
        """Whether one more may be written down now; counts it."""
        began_s, count = self._windows.get(kind, (now_s, 0))
        if now_s - began_s >= self._window_s:
            began_s, count = now_s, 0
        self._windows[kind] = began_s, count + 1
        return count < self._most


class SecurityRecorder:
    """The places where events of one process go.

    Sinks are called in the thread where the event happened; none may wait or raise.
    Each event is counted; beyond the pace no more are written down.
    """

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._sinks: dict[str, Sink] = {}
        self._forward: Sink | None = None
        self._lock = Lock()

    def add_sink(self, name: str, sink: Sink) -> None:
        """Hear every event from now on; a sink of the same name is replaced."""
        with self._lock:
            self._sinks = {**self._sinks, name: sink}

    def remove_sink(self, name: str) -> None:
        """Hear no more."""
        with self._lock:
            self._sinks = {key: s for key, s in self._sinks.items() if key != name}

    def forward_to(self, forward: Sink | None) -> None:
        """Hand every event to another process instead of recording it here.

        Args:
            forward: raises OSError when the other process is gone; then the line is
                written here. None ends it.
        """
        self._forward = forward

    def record(self, event: SecurityEvent) -> None:
        """Record one event, of this process or forwarded by another."""
        if self._forward is not None:
            with suppress(OSError):
                self._forward(event)
                return
        _count(event)
        if not self._pace.is_fit((event.event_type, event.source), monotonic()):
            return
        with CorrelationContext(event.correlation):
            log.log(_LEVELS[event.severity], "security_event", extra=_facts(event))
            for sink in self._sinks.values():
                sink(event)


def _count(event: SecurityEvent) -> None:
    labels = {
        "event_type": event.event_type,
        "source": event.source,
        "action_taken": event.action_taken,
    }
    record_counter("security_events_total", 1.0, labels)


def _facts(event: SecurityEvent) -> dict[str, object]:
    return {
        "event_id": event.id,
        "event_type": event.event_type,
        "severity": event.severity,
        "source": event.source,
        "action_taken": event.action_taken,
        "description": event.description,
        "data": event.data,
    }


recorder = SecurityRecorder()


def log_security_event(
    event_type: str,
    description: str,
    severity: Severity = "medium",
    additional_data: Mapping[str, Fact] | None = None,
) -> SecurityEvent:
    """Record that something happened which should not, once in each place.

    Args:
        event_type: one of `EVENT_TYPES`; anything else is recorded as `other` and
            told in the data.
        description: a sentence for the household, without a name or a secret.
        severity: `high` and `critical` are also pushed.
        additional_data: facts; `source` and `action_taken` label the metric.
    """
    data = dict(additional_data or {})
    source, action = data.pop("source", "other"), data.pop("action_taken", "logged")
    if event_type not in EVENT_TYPES:
        data["event_type"] = event_type
    event = SecurityEvent(
        id=urandom(16).hex(),
        event_type=event_type if event_type in EVENT_TYPES else "other",
        description=description,
        severity=severity,
        source=source if isinstance(source, str) and source in SOURCES else "other",
        action_taken=(
            action if isinstance(action, str) and action in ACTIONS else "logged"
        ),
        data=data,
        correlation=correlation_id(),
    )
    recorder.record(event)
    return event

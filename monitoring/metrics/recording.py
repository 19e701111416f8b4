"""Record from anywhere in any process, as one logs: `record_counter(…)`.

What is recorded goes to the sink of the process: in the supervisor the collector, in
a worker a buffer that its loop sends over the link. A process without a sink, such as
a command, drops it. Recording never waits and never raises: what a strict sink refuses
is logged as `metric_refused`, and no test passes over that line.
"""

from __future__ import annotations

import logging
from collections import deque
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

# msgspec resolves the annotations of `Observation` at run time.
from monitoring.metrics.definition import Kind, MetricError

if TYPE_CHECKING:
    from collections.abc import Mapping

    Labels = Mapping[str, str]

log = logging.getLogger("doorbell.metrics")

# A worker whose link is stuck keeps the newest of these, some 300 KiB.
MAX_WAITING = 1000
# Of one message, so that it fits a datagram.
MAX_BATCH = 200
DROPPED = "doorbell_observations_dropped_total"
NO_LABELS: Labels = MappingProxyType({})


class Observation(Struct, frozen=True, array_like=True):
    """One recorded value, as it travels to the process with the registry."""

    kind: Kind
    name: str
    value: float
    labels: dict[str, str] = {}
    exemplar: dict[str, str] = {}


class Sink(Protocol):
    """Where the observations of this process go: `MetricsCollector`, or a buffer."""

    def record(
        self,
        kind: Kind,
        name: str,
        value: float,
        labels: Labels = NO_LABELS,
        exemplar: Labels | None = None,
    ) -> None:
        """Take one observation; called from any thread."""
        ...


class ObservationBuffer:
    """What a worker recorded and has not sent yet; drops the oldest when full."""

    def __init__(self) -> None:
        self._waiting: deque[Observation] = deque(maxlen=MAX_WAITING)
        self._lost = 0

    def record(
        self,
        kind: Kind,
        name: str,
        value: float,
        labels: Labels = NO_LABELS,
        exemplar: Labels | None = None,
    ) -> None:
        """Keep one observation."""
        self._lost += len(self._waiting) == MAX_WAITING
        one = Observation(kind, name, value, dict(labels), dict(exemplar or {}))
        self._waiting.append(one)

    def take(self) -> list[Observation]:
        """Return and forget the oldest, as many as one message holds."""
        lost, self._lost = self._lost, 0
        count = min(len(self._waiting), MAX_BATCH - 1)
        batch = [self._waiting.popleft() for _ in range(count)]
        if lost:
            labels = {"reason": "backlog"}
            batch.append(Observation("counter", DROPPED, lost, labels))
        return batch

    def put_back(self, batch: list[Observation]) -> None:
        """Keep what could not be sent, if there is room."""
        kept = batch[max(len(batch) + len(self._waiting) - MAX_WAITING, 0) :]
        self._lost += len(batch) - len(kept)
        self._waiting.extendleft(reversed(kept))


class _Nowhere:
    """The sink of a process that has none."""

    def record(
        self,
        kind: Kind,
        name: str,
        value: float,
        labels: Labels = NO_LABELS,
        exemplar: Labels | None = None,
    ) -> None:
        """Drop it."""


_sink: Sink = _Nowhere()


def send_to(sink: Sink | None) -> None:
    """Send what this process records from now on to `sink`; None drops it."""
    global _sink  # noqa: PLW0603 - one sink a process, as one log
    _sink = sink or _Nowhere()


def record(one: Observation) -> None:
    """Record what another process observed, or this one."""
    _record(one.kind, one.name, one.value, one.labels, one.exemplar)


def record_counter(
    name: str,
    value: float = 1.0,
    labels: Labels = NO_LABELS,
    exemplar: Labels | None = None,
) -> None:
    """Add to a counter."""
    _record("counter", name, value, labels, exemplar)


def record_gauge(name: str, value: float, labels: Labels = NO_LABELS) -> None:
    """Set a gauge."""
    _record("gauge", name, value, labels, None)


def record_histogram(
    name: str,
    value: float,
    labels: Labels = NO_LABELS,
    exemplar: Labels | None = None,
) -> None:
    """Add one value to a histogram."""
    _record("histogram", name, value, labels, exemplar)


def record_stage(stage: str, worker_id: str, took_s: float) -> None:
    """Say how long one step of the path of a ring took."""
    labels = {"stage": stage, "worker_id": worker_id}
    record_histogram("pipeline_processing_duration_seconds", took_s, labels)


def _record(
    kind: Kind, name: str, value: float, labels: Labels, exemplar: Labels | None
) -> None:
    try:
        _sink.record(kind, name, value, labels, exemplar)
    except MetricError as error:
        log.error("metric_refused", extra={"error": str(error)})  # noqa: TRY400 - the message says which and why

"""All spans of a daemon on their way to the collector, and what the hub adds.

Only one process, the worker `traces`, knows OpenTelemetry. What it has not taken yet
waits here, bounded: a dead collector costs old spans, and a ring nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic_ns
from typing import TYPE_CHECKING

from doorbell.runtime.audience import Onlooker
from doorbell.stages.watching import ExportSpans, SpansEnded, SpansExported
from monitoring.metrics.recording import record_counter
from monitoring.tracing import spans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doorbell.runtime.open_visit import Happening, OpenVisit
    from monitoring.tracing.spans import Span

ROLE = "traces"
# So that a ring's spans leave after the ring, and together.
GATHER_S = 2.0
# Of one message, so that it fits a datagram.
MOST_IN_ONE = 200


class Traces(Onlooker):
    """The spans of the hub and its workers.

    Args:
        send: to the worker that exports; false if it is not there.
        most_waiting: spans kept for it; beyond that the oldest go.
    """

    def __init__(
        self, send: Callable[[str, object, Sequence[int]], bool], most_waiting: int
    ) -> None:
        self._send = send
        self._most = most_waiting
        self._waiting: deque[Span] = deque(maxlen=most_waiting)
        self._in_hand = 0
        self._is_arranged = False
        self._loop = asyncio.get_running_loop()

    def begin(self) -> None:
        """Measure in this process from now on."""
        spans.send_to(self.add, "hub")

    def end(self) -> None:
        """Give what waits to the worker, which is about to end, and measure no more."""
        spans.send_to(None, "")
        while self._waiting and self._export():
            pass

    @property
    def waiting(self) -> int:
        """Spans that the exporting worker has not taken yet."""
        return len(self._waiting)

    def add(self, span: Span) -> None:
        """Keep one for the collector; called from any thread."""
        if len(self._waiting) == self._most:
            _count("dropped", 1)
        self._waiting.append(span)
        if not self._is_arranged:
            self._is_arranged = True
            self._loop.call_soon_threadsafe(self._arrange)

    def _arrange(self) -> None:
        self._loop.call_later(GATHER_S, self._due)

    def _due(self) -> None:
        self._is_arranged = False
        if not self._in_hand:
            self._export()

    def _export(self) -> bool:
        count = min(len(self._waiting), MOST_IN_ONE)
        batch = [self._waiting.popleft() for _ in range(count)]
        if batch and self._send(ROLE, ExportSpans(spans=batch), ()):
            self._in_hand = count
            return True
        # It is not there: it asks again when it is.
        self._waiting.extendleft(reversed(batch))
        return False

    # What happens.

    def happened(self, what: Happening, visit: OpenVisit) -> None:
        """Add what only the hub knows: the ring and the visit as a whole."""
        if not spans.is_tracing():
            return
        match what:
            case "ring":
                rung_ns = visit.steps.get("rung", visit.edge.mono_ns)
                spans.record("ring", visit.edge.mono_ns, rung_ns, trace=visit.trace)
            case "decided" | "degraded":
                self._visit_closed(visit)
            case _:
                pass

    def _visit_closed(self, visit: OpenVisit) -> None:
        facts: dict[str, spans.Fact] = {
            "rings": visit.rings,
            "looks": visit.course.looks,
            "faces": len(visit.faces),
            "undurable": visit.undurable,
            "synthetic": visit.ring is not None and visit.ring.source == "synthetic",
        }
        if visit.seen is not None:
            facts["decision"] = visit.seen.decision
        if likenesses := [f.likeness for f in visit.faces if f.likeness is not None]:
            facts["likeness"] = max(likenesses)
        spans.record(
            "visit",
            visit.edge.mono_ns,
            monotonic_ns(),
            trace=visit.trace,
            error=visit.course.reason,
            is_root=True,
            **facts,
        )

    def worker_said(self, role: str, message: object) -> None:
        """Take the spans of a worker, and the word of the one that exports."""
        del role
        match message:
            case SpansEnded(spans=ended, dropped=dropped):
                _count("dropped", dropped)
                for span in ended:
                    self.add(span)
            case SpansExported(count=count, error=error):
                _count("refused" if error else "exported", count)
                self._in_hand = 0
                if self._waiting:
                    self._arrange_now()
            case _:
                pass

    def _arrange_now(self) -> None:
        if len(self._waiting) >= MOST_IN_ONE:
            self._export()
        elif not self._is_arranged:
            self._is_arranged = True
            self._arrange()

    def worker_up(self, role: str) -> None:
        """Send what waited for the exporting worker."""
        if role == ROLE:
            self._in_hand = 0
            self._export()

    def worker_down(self, role: str) -> None:
        """What it had in hand is given up: it may have been what killed it."""
        if role == ROLE:
            _count("dropped", self._in_hand)
            self._in_hand = 0


def _count(outcome: str, count: int) -> None:
    if count:
        record_counter("doorbell_spans_total", float(count), {"outcome": outcome})

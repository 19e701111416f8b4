"""The work of the role `traces`: hand spans to the collector, one batch at a time.

It has no queue: what it has not asked for waits in the hub, where the oldest go when
there are too many. A collector that is down is told of in the log once, and again when
it answers.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from doorbell.core.errors import BadInputError
from doorbell.stages.watching import ExportSpans, SpansExported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.ports.clock import Clock
    from doorbell.ports.collector import Collector
    from doorbell.ports.stage import Outlet

log = logging.getLogger("doorbell.tracing")

IDLE_S = 60.0
# Beyond the collector's own timeout: name look-up has none.
MARGIN_S = 15.0


class TracesStage:
    """Implements `ports.stage.Stage`."""

    def __init__(self, collector: Collector, clock: Clock, timeout_s: float) -> None:
        self._collector = collector
        self._clock = clock
        self._timeout_s = timeout_s
        self._outlet: Outlet
        self._trouble = ""

    def start(self, outlet: Outlet) -> str:
        """Nothing is sent ahead: the collector may come later."""
        self._outlet = outlet
        return "spans go to the collector"

    def handle(self, message: object, fds: Sequence[int]) -> None:
        """Export one batch and say how it went."""
        for fd in fds:
            os.close(fd)
        if not isinstance(message, ExportSpans):
            msg = f"traces does not take {type(message).__name__}"
            raise BadInputError(msg)
        self._outlet.busy(self._timeout_s + MARGIN_S)
        now = self._clock.now()
        offset_ns = now.wall_ns - now.mono_ns
        trouble = self._collector.export(message.spans, offset_ns)
        self._note(trouble)
        self._outlet.send(SpansExported(count=len(message.spans), error=trouble))

    def _note(self, trouble: str) -> None:
        if trouble and not self._trouble:
            log.warning("collector_failed", extra={"error": trouble})
        elif self._trouble and not trouble:
            log.info("collector_answers")
        self._trouble = trouble

    def turn(self, now_s: float) -> float:  # noqa: ARG002 - nothing here is timed
        """Nothing is ever due."""
        return IDLE_S

    def descriptors(self) -> Sequence[int]:
        """Only the link wakes this worker."""
        return ()

    def close(self) -> None:
        """Hang up."""
        self._collector.close()

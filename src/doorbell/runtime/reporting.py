"""What a worker's process says about its work: lines, spans, security events.

Lines go to standard output and the files of the settings. Spans and security events
go to the hub over the link: only one process has the collector and the audit.
"""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from config.masking import secrets_in
from doorbell.stages.watching import Observe, SecurityNoticed, SpansEnded
from monitoring.logging.security import recorder
from monitoring.logging.structured_logging import configure_logging, protect
from monitoring.metrics import recording
from monitoring.metrics.error_counter import count_errors
from monitoring.tracing import spans

if TYPE_CHECKING:
    from config.logs import Log
    from config.production.production_settings import ProductionSettings
    from doorbell.runtime.link import Link
    from monitoring.logging.files import LogFiles
    from monitoring.logging.security import SecurityEvent
    from monitoring.tracing.spans import Span

# Of one message, so that it fits a datagram.
MOST_IN_ONE = 100
MOST_WAITING = 1000


def begin_log(settings: ProductionSettings, stream: TextIO | None = None) -> None:
    """Log as the settings say, from now on.

    Args:
        settings: validated.
        stream: None for standard output.
    """
    level = settings.log.level or "info"
    configure_logging(
        level, settings.log.format, stream or sys.stdout, log_files(settings.log)
    )
    # Setting up the log took away who counted.
    count_errors()
    protect(secrets_in(settings))
    spans.slow_from(settings.log.slow_ms)


def log_files(log: Log) -> LogFiles | None:
    """The files of the settings; None when there are none."""
    if not log.folder:
        return None
    # Most processes write none.
    from monitoring.logging.files import LogFiles  # noqa: PLC0415 - see above

    return LogFiles(Path(log.folder), round(log.file_mb * 1e6), log.files)


class SpanBuffer:
    """Spans of this process that the hub has not heard of yet; the oldest go first."""

    def __init__(self) -> None:
        self._waiting: deque[Span] = deque(maxlen=MOST_WAITING)
        self._dropped = 0

    def add(self, span: Span) -> None:
        """Keep one; called from any thread."""
        self._dropped += len(self._waiting) == MOST_WAITING
        self._waiting.append(span)

    def take(self) -> SpansEnded | None:
        """Return a message with the oldest; None when none wait."""
        if not self._waiting:
            return None
        count = min(len(self._waiting), MOST_IN_ONE)
        batch = [self._waiting.popleft() for _ in range(count)]
        dropped, self._dropped = self._dropped, 0
        return SpansEnded(spans=batch, dropped=dropped)


class Reporter:
    """Sends what this worker's process noticed."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._spans = SpanBuffer()
        self._observed = recording.ObservationBuffer()
        recorder.forward_to(self._forward)

    def begin(self, role: str, settings: ProductionSettings) -> None:
        """Log, and measure where traces are wanted."""
        begin_log(settings)
        recording.send_to(self._observed)
        spans.send_to(self._spans.add if settings.tracing.endpoint else None, role)

    def flush(self) -> None:
        """Send what was measured since; after the work, so that it waits for none.

        Raises:
            BrokenPipeError: the hub is gone.
        """
        while (batch := self._spans.take()) is not None:
            self._link.send(batch)
        while observed := self._observed.take():
            if not self._link.offer(Observe(observations=observed)):
                self._observed.put_back(observed)
                return

    def _forward(self, event: SecurityEvent) -> None:
        # At once: what is in the socket is heard even if we die now.
        self._link.send(SecurityNoticed(event=event))

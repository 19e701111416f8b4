"""What is said about the work, not for it: spans and security events."""

from __future__ import annotations

from msgspec import Struct

from monitoring.logging.security import SecurityEvent
from monitoring.metrics.recording import Observation
from monitoring.tracing.spans import Span


class Observed(Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True):
    """Base of these messages; they belong to no visit themselves."""


class SecurityNoticed(Observed, frozen=True):
    """Any worker to hub: recorded there, once."""

    event: SecurityEvent


class Observe(Observed, frozen=True):
    """Any worker to hub: what it recorded as metrics since the last one."""

    observations: list[Observation]


class SpansEnded(Observed, frozen=True):
    """Any worker to hub: spans of its own.

    Attributes:
        dropped: spans given up since the last message, because too many waited.
    """

    spans: list[Span]
    dropped: int = 0


class ExportSpans(Observed, frozen=True):
    """Hub to traces: send these to the collector; answered by `SpansExported`."""

    spans: list[Span]


class SpansExported(Observed, frozen=True):
    """Traces to hub: the last batch is dealt with, and there is room for another.

    Attributes:
        error: why the collector did not take it; empty when it did.
    """

    count: int
    error: str = ""

"""What takes finished spans out of the house: an OpenTelemetry collector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.tracing.spans import Span


class Collector(Protocol):
    """Somewhere on the network."""

    def export(self, spans: Sequence[Span], wall_offset_ns: int) -> str:
        """Send spans, once; blocks for the timeout it was opened with at most.

        Args:
            spans: at least one.
            wall_offset_ns: what makes wall time of the monotonic one.

        Returns:
            Why it did not take them; empty when it did.
        """
        ...

    def close(self) -> None:
        """Hang up."""
        ...

"""How often an engine's networks ran, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Meter:
    """Runs of all networks of one engine since it was opened.

    A run is one pass of a picture through one network; the scan of a detector that is
    no network counts as one.
    """

    runs: int = 0
    took_ns: int = 0

    def ran(self, took_ns: int) -> None:
        """One more run ended."""
        self.runs += 1
        self.took_ns += took_ns

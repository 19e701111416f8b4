"""How often an engine's networks ran, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Meter:
    """Runs of all networks of one engine since it was opened.

    A run is one pass of a picture through one network; the scan of a detector that is
    no network counts as one. The time of finding landmarks counts, but as no run: it is
    a tenth of one.
    """

    runs: int = 0
    took_ns: int = 0

    def ran(self, took_ns: int) -> None:
        """One more run ended."""
        self.runs += 1
        self.took_ns += took_ns

    def found_landmarks(self, took_ns: int) -> None:
        """The landmarks of one more face were found."""
        self.took_ns += took_ns

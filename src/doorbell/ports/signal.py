"""What tells the people at the door or in the house that a ring was heard."""

from __future__ import annotations

from typing import Protocol


class Signal(Protocol):
    """A chime, a relay or a light; nothing here ever waits."""

    def start(self, now_ns: int) -> bool:
        """Begin to sound or to shine.

        Args:
            now_ns: CLOCK_MONOTONIC nanoseconds.

        Returns:
            False if the last one still goes on: one at a time is enough.

        Raises:
            DoorbellError: it cannot; the ring goes on without it.
        """
        ...

    def turn(self, now_ns: int) -> float | None:
        """End what went on long enough; seconds until the next turn, None if silent."""
        ...

    def close(self) -> None:
        """Be silent and let go; safe at any time, more than once."""
        ...

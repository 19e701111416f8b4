"""What a push button is to the button stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Edge(NamedTuple):
    """The line changed: pressed or released, at CLOCK_MONOTONIC nanoseconds."""

    pressed: bool
    mono_ns: int


class Button(Protocol):
    """A line that is active while somebody presses."""

    def open(self) -> str:
        """Take the line; returns a line of text that names it.

        Raises:
            HardwareAbsentError: no GPIO chip, or another program holds the line.
        """
        ...

    def descriptor(self) -> int:
        """Readable while edges wait."""
        ...

    def edges(self) -> Sequence[Edge]:
        """Take the edges that came since, oldest first; never blocks."""
        ...

    def is_pressed(self) -> bool:
        """The level now, for what was pressed before we looked."""
        ...

    def settle(self) -> None:
        """The edges taken so far are judged and their rings are on disk.

        A button that keeps edges over a crash of its process may forget these.
        """
        ...

    def close(self) -> None:
        """Release the line; safe at any time, more than once."""
        ...

"""How a worker's main loop drives the work of its role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Outlet(Protocol):
    """Where a stage's messages go: the worker's link to the hub."""

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        """Send one message; blocks while the hub is behind, ends with it."""
        ...

    def busy(self, within_s: float) -> None:
        """Announce that the loop will not turn for up to `within_s` seconds."""
        ...


class Stage(Protocol):
    """The work of one role: message in, messages out.

    The loop calls `start` once, then `handle` for each message and `turn` at least
    every second; it reads no message while one of these runs.
    """

    def start(self, outlet: Outlet) -> str:
        """Open devices, load models, rehearse; returns a line for people.

        Raises:
            DoorbellError: it cannot work; with exit code 78 it is not tried again.
        """
        ...

    def handle(self, message: object, fds: Sequence[int]) -> None:
        """Take one message; `fds` are the stage's to close."""
        ...

    def turn(self, now_s: float) -> float:
        """Do what is due; returns the seconds until it wants another turn."""
        ...

    def descriptors(self) -> Sequence[int]:
        """Descriptors whose readability also ends the loop's wait."""
        ...

    def close(self) -> None:
        """Let go of devices; called once, also after a failed `start`."""
        ...

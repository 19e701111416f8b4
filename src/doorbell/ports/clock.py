"""Time as the shells read it, so that rules get it as an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from doorbell.core.stamp import Stamp


class Clock(Protocol):
    """Both clocks of this machine."""

    def mono_ns(self) -> int:
        """CLOCK_MONOTONIC, nanoseconds."""
        ...

    def now(self) -> Stamp:
        """This instant on both clocks, with boot id and synchronisation."""
        ...

"""A clock that goes when it is told to."""

from __future__ import annotations

from dataclasses import dataclass

from doorbell.core.stamp import NS_PER_S, Stamp


@dataclass(slots=True)
class FakeClock:
    """Both clocks, standing still until `advance`.

    Attributes:
        mono: monotonic nanoseconds.
        wall: nanoseconds since 1970 UTC; set it to let the wall clock jump.
        synced: whether the wall clock is to be trusted.
        boot_id: change it to have rebooted.
    """

    mono: int = 1_000 * NS_PER_S
    wall: int = 1_800_000_000 * NS_PER_S
    synced: bool = True
    boot_id: str = "b0" * 16

    def mono_ns(self) -> int:
        """The monotonic clock."""
        return self.mono

    def now(self) -> Stamp:
        """Both clocks."""
        return Stamp(self.boot_id, self.mono, self.wall, self.synced)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass on both clocks."""
        step_ns = round(seconds * NS_PER_S)
        self.mono += step_ns
        self.wall += step_ns

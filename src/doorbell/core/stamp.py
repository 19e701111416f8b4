"""When something happened, told by two clocks at once.

Monotonic time orders events and measures durations within one boot; wall time is for
people and is only as good as the clock was. A Pi boots without a clock: until NTP
answers it may say 1970, then jump by 56 years.
"""

from __future__ import annotations

from dataclasses import dataclass

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Stamp:
    """One instant.

    Attributes:
        boot_id: the kernel's boot id, 32 hexadecimal digits.
        mono_ns: CLOCK_MONOTONIC, nanoseconds since that boot.
        wall_ns: CLOCK_REALTIME, nanoseconds since 1970 UTC, right or not.
        synced: whether the kernel said the wall clock was synchronised.
    """

    boot_id: str
    mono_ns: int
    wall_ns: int
    synced: bool

    def age_s(self, now: Stamp) -> float | None:
        """Seconds from this instant to `now`, or None when no clock can tell.

        Within one boot the monotonic clock tells. Across boots the wall clock does,
        but only if it was synchronised at both ends.
        """
        if self.boot_id == now.boot_id:
            return (now.mono_ns - self.mono_ns) / NS_PER_S
        if self.synced and now.synced:
            return (now.wall_ns - self.wall_ns) / NS_PER_S
        return None

    def wall_s(self) -> float | None:
        """Seconds since 1970 UTC if the clock could be trusted, else None."""
        return self.wall_ns / NS_PER_S if self.synced else None


def stamp_at(mono_ns: int, now: Stamp) -> Stamp:
    """Return the stamp of an instant of this boot that the kernel dated for us."""
    wall_ns = now.wall_ns - (now.mono_ns - mono_ns)
    return Stamp(now.boot_id, mono_ns, wall_ns, now.synced)

"""A chime or light that only counts."""

from __future__ import annotations

from doorbell.core.errors import UnavailableError
from doorbell.core.stamp import NS_PER_S


class FakeSignal:
    """Sounds for `on_s` seconds of the time it is given.

    Attributes:
        started_ns: when it began to sound, each time.
        skipped: how often it was asked while it still sounded.
        is_broken: it cannot sound, as a program that is not there.
    """

    def __init__(self, on_s: float = 0.0, *, is_broken: bool = False) -> None:
        self.started_ns: list[int] = []
        self.skipped = 0
        self.is_broken = is_broken
        self._on_ns = round(on_s * NS_PER_S)
        self._until_ns = 0

    def start(self, now_ns: int) -> bool:
        """Sound, unless it does."""
        if self.is_broken:
            msg = "no sound, says the script"
            raise UnavailableError(msg)
        if self.turn(now_ns) is not None:
            self.skipped += 1
            return False
        self.started_ns.append(now_ns)
        self._until_ns = now_ns + self._on_ns
        return True

    def turn(self, now_ns: int) -> float | None:
        """Go on until the time is over."""
        if now_ns >= self._until_ns:
            self._until_ns = 0
            return None
        return (self._until_ns - now_ns) / NS_PER_S

    def close(self) -> None:
        """Be silent."""
        self._until_ns = 0

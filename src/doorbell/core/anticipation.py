"""When to look at a frame although nobody has rung.

The visitor stands before the camera seconds before the thumb finds the button. Looking
then costs a bounded share of one core, less when nothing moves, and nothing at all
while a visit needs recognition.
"""

from __future__ import annotations

from dataclasses import dataclass

# Mean grey difference between two frames from which something moves: sensor noise of
# 2 levels leaves 0.3 on the copy it is measured on, a person crossing leaves 4.
MOVING = 1.0
# At most two looks a second while something moves, one in five seconds otherwise.
MOVING_PAUSE_S = 0.5
STILL_PAUSE_S = 5.0
# After the last motion, looks go on for so long: whoever stopped is about to ring.
AFTERGLOW_S = 2.0
# Of one core: a look that takes 100 ms is followed by at least 300 ms of rest.
SHARE = 0.25
# Passes of networks a second that glances may cost in the long run, and how many at
# once: a face takes two (found and read; four where both is done twice), so that
# whoever comes is looked at twice within a second.
PASSES_A_S = 1.8
PASSES_AT_ONCE = 6.0


@dataclass(slots=True)
class GlancePlan:
    """When the next look is due; all times in monotonic seconds."""

    _moved_s: float = float("-inf")
    _began_s: float = float("-inf")
    _rest_until_s: float = float("-inf")
    _credit: float = PASSES_AT_ONCE
    _credited_s: float = float("-inf")
    is_looking: bool = False

    def is_due(self, now_s: float, motion: float) -> bool:
        """Whether the frame at hand is to be looked at.

        Args:
            now_s: now.
            motion: of the frame, mean grey difference to the one before.
        """
        if motion >= MOVING:
            self._moved_s = now_s
        self._accrue(now_s)
        if self.is_looking or now_s < self._rest_until_s or self._credit <= 0:
            return False
        is_lively = now_s - self._moved_s <= AFTERGLOW_S
        pause_s = MOVING_PAUSE_S if is_lively else STILL_PAUSE_S
        return now_s - self._began_s >= pause_s

    def may_follow(self, now_s: float) -> bool:
        """Whether faces seen may be followed in this frame: that needs no network."""
        is_lively = now_s - self._moved_s <= AFTERGLOW_S
        return is_lively and not self.is_looking

    def _accrue(self, now_s: float) -> None:
        waited_s = now_s - self._credited_s
        self._credit = min(PASSES_AT_ONCE, self._credit + waited_s * PASSES_A_S)
        self._credited_s = now_s

    def began(self, now_s: float) -> None:
        """A frame was given to recognition."""
        self.is_looking = True
        self._began_s = now_s

    def ended(self, now_s: float, passes: int = 1) -> None:
        """Recognition answered after so many passes of its networks, or died."""
        if self.is_looking:
            took_s = now_s - self._began_s
            self._rest_until_s = now_s + took_s * (1 / SHARE - 1)
            self._credit -= passes
        self.is_looking = False

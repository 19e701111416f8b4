"""The rings that the doorbell gives itself: which kind comes next, how one went.

Pure. A ring has three legs, each an indicator of its own: *accepted* (the button's
process took it, and where it is to be stored, it is on the card), *decided* (the camera
gave a picture, recognition answered), *delivered* (the notify process took it to a
target that answered).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date, datetime, time

Leg = Literal["accepted", "decided", "delivered"]
LegOutcome = Literal["success", "failure", "yielded"]
LEGS: tuple[Leg, ...] = ("accepted", "decided", "delivered")
# A message that is late by more is not sent that day: nobody reads its time of day.
DAILY_WINDOW_S = 3600.0


def is_stored(number: int, stored_every: int) -> bool:
    """Whether the ring of this number, from 0, is written to the card.

    The first is not: a daemon that restarts over and over would wear it.
    """
    return (number + 1) % stored_every == 0


def is_daily(now: datetime | None, at: time, last: date | None) -> bool:
    """Whether the message of the day is due.

    Args:
        now: local time; None while the clock cannot be trusted.
        at: when it is wanted.
        last: the day of the last one, None if there was none in this life.
    """
    if now is None or now.date() == last:
        return False
    wanted = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return 0 <= (now - wanted).total_seconds() < DAILY_WINDOW_S


@dataclass(slots=True)
class SelfTest:
    """One ring on its way.

    Attributes:
        began_s: monotonic seconds.
        legs: seconds from its beginning to each leg that went well.
        failure: the first thing that went wrong, in words.
        yielded: somebody really rang meanwhile; nothing can be said of the rest.
    """

    began_s: float
    legs: dict[Leg, float]
    failure: str = ""
    yielded: bool = False

    @staticmethod
    def begun(now_s: float) -> SelfTest:
        """Begin one."""
        return SelfTest(now_s, {})

    def passed(self, leg: Leg, now_s: float) -> None:
        """A leg went well, unless something before it did not."""
        if not self.failure and not self.yielded:
            self.legs.setdefault(leg, now_s - self.began_s)

    def failed(self, failure: str) -> None:
        """Something went wrong; only the first cause counts."""
        if not self.yielded:
            self.failure = self.failure or failure

    def yields(self) -> None:
        """Somebody really rings; a leg that went well before stays so."""
        if not self.is_over:
            self.yielded = True

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be waited for."""
        return bool(self.failure) or self.yielded or LEGS[-1] in self.legs

    @property
    def came_through(self) -> bool:
        """Whether every leg went well."""
        return not self.failure and all(leg in self.legs for leg in LEGS)

    def outcomes(self) -> dict[Leg, LegOutcome]:
        """How each leg went.

        A leg that a failure before it kept from being walked failed as well: a visitor
        would not have got there either.
        """
        missing: LegOutcome = "yielded" if self.yielded else "failure"
        return {leg: "success" if leg in self.legs else missing for leg in LEGS}

"""What a likeness means in a house where so many people are enrolled.

The more faces a stranger is compared with, the likelier one of them is alike by
chance; so the line from which a face is named has to rise with the gallery. This is
plain arithmetic without numpy, so that the hub may ask as well.

The model: whether a stranger reaches likeness `t` to somebody of a gallery is a matter
of rare chances, one for each enrolled person,

    share(t) = 1 - exp(-weight x exp(a + b t + c t^2))
    weight   = people^(per_person) x exp(per_photo x (1 - 1 / photographs of each))

The exponent is below one, for two enrolled people are not quite independent chances for
the same stranger; and a person's mean face soon stops to change with more photographs.
`doorbell evaluate calibrate` derives the five numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

# Between the line from which a face is unsure and where it is named lie so many of a
# hundred strangers, less those who are named.
UNSURE_SHARE = 0.05
# Bisection halves the range so often: to a millionth of any engine's unit.
_HALVINGS = 40


class CalibrationError(BadInputError):
    """A share or a gallery for which no line can be drawn."""


@dataclass(frozen=True, slots=True)
class Household:
    """How much a stranger is compared with.

    Attributes:
        people: enrolled, at least 1.
        photos: of each, on average, at least 1.
    """

    people: int
    photos: float

    @classmethod
    def of(cls, owners: Iterable[str]) -> Household:
        """Count a gallery by the owner of each photograph; an empty one counts as one.

        An empty house names nobody, whatever its lines.
        """
        rows = list(owners)
        people = len(set(rows))
        if not people:
            return cls(1, 1.0)
        return cls(people, len(rows) / people)


@dataclass(frozen=True, slots=True)
class Lines:
    """From which likeness a face is named, and from which it is unsure."""

    known_at: float
    unsure_at: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often strangers come near to somebody, for one engine.

    Attributes:
        curve: a, b, c of the model: logarithm of the rate at which a stranger reaches
            a likeness, one person with one photograph being enrolled.
        per_person: exponent of the number of people.
        per_photo: logarithm of the weight of many photographs against one.
        lowest: where the curve begins to hold; it falls from here on.
        highest: where it ends: the line of the rarest event it was derived on.
    """

    curve: tuple[float, float, float]
    per_person: float
    per_photo: float
    lowest: float
    highest: float

    def weight(self, house: Household) -> float:
        """How many independent chances a stranger has."""
        more = 1.0 - 1.0 / max(1.0, house.photos)
        return float(house.people**self.per_person * math.exp(self.per_photo * more))

    def strangers_at(self, likeness: float, house: Household) -> float:
        """Return the share of strangers whose visit reaches a likeness, 0..1."""
        a, b, c = self.curve
        # Beyond its ends the curve goes on straight: a parabola would turn.
        t = min(max(likeness, self.lowest), self.highest)
        rate = a + b * t + c * t * t + (b + 2 * c * t) * (likeness - t)
        return -math.expm1(-self.weight(house) * math.exp(min(rate, 50.0)))

    def likeness_at(self, share: float, house: Household) -> float:
        """Return the likeness that just this share of strangers' visits reaches.

        Raises:
            CalibrationError: the share is none between 0 and 1.
        """
        if not 0.0 < share < 1.0:
            msg = f"no likeness is reached by a share of {share}"
            raise CalibrationError(msg)
        span = self.highest - self.lowest
        low, high = self.lowest - span, self.highest + span
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self.strangers_at(middle, house) > share:
                low = middle
            else:
                high = middle
        return high

    def lines(self, strangers_named: float, house: Household) -> Lines:
        """Return where a house names and where it is unsure.

        Args:
            strangers_named: the share of strangers' visits that may be named.
            house: who is enrolled.
        """
        known_at = self.likeness_at(strangers_named, house)
        if strangers_named >= UNSURE_SHARE:
            return Lines(known_at, known_at)
        return Lines(known_at, self.likeness_at(UNSURE_SHARE, house))

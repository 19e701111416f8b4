"""How often recognition was right, and how sure one can be of that.

Pure. A decision is right when a labelled person is *known* as that person, or somebody
who is not enrolled is *unknown*; *unsure* is not wrong, but no right answer either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.decision import Decision, FaceVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    Labelled = tuple[FaceVerdict, str]

# Standard normal quantile of a two-sided 95 % interval.
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Score:
    """Right answers among so many."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """Share of right answers, 0 to 1; 0 without any."""
        return self.right / self.total if self.total else 0.0

    @property
    def upper(self) -> float:
        """Upper end of the share's 95 % Wilson interval; 1 without any answer.

        >>> round(Score(right=20, total=30).upper, 3)
        0.808
        """
        n, p = self.total, self.share
        if not n:
            return 1.0
        spread = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        upper = (p + _Z**2 / (2 * n) + spread) / (1 + _Z**2 / n)
        # Of 90 right ones of 90 the rounding falls below the share.
        return min(max(upper, p), 1.0)


def score(labelled: Iterable[Labelled]) -> Score:
    """Count the right decisions.

    Args:
        labelled: each face with the id of who it really was, empty for nobody
            enrolled.
    """
    answers = [_is_right(verdict, who) for verdict, who in labelled]
    return Score(sum(answers), len(answers))


def _is_right(verdict: FaceVerdict, who: str) -> bool:
    if not who:
        return verdict.decision is Decision.UNKNOWN
    return verdict.decision is Decision.KNOWN and verdict.person_id == who


def confidence(likeness: float | None, unsure_at: float, known_at: float) -> str:
    """Put a likeness into one of five words, whatever the engine's units.

    Returns:
        `none`, `low`, `medium`, `high` or `very_high`: no face to compare, below the
        line of *unsure*, between the lines, above the line of *known*, and above it
        by more than the lines are apart.
    """
    if likeness is None:
        return "none"
    if likeness < unsure_at:
        return "low"
    if likeness < known_at:
        return "medium"
    strong_at = known_at + max(known_at - unsure_at, 0.0)
    return "very_high" if likeness >= strong_at else "high"


def time_of_day(hour: int | None) -> str:
    """Name the part of the day of a local hour; `unknown` where no clock can tell."""
    if hour is None:
        return "unknown"
    return ("night", "morning", "afternoon", "evening")[hour // 6]

"""What the doorbell concluded about a face and about a visit.

Plain values without numpy, so that the supervisor can hold them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Decision(StrEnum):
    """The answer of recognition, strongest first."""

    KNOWN = "known"
    UNSURE = "unsure"
    UNKNOWN = "unknown"
    NOBODY = "nobody"


_STRENGTH = {decision: rank for rank, decision in enumerate(Decision)}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of its frame; x and y are the top left corner."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class FaceVerdict:
    """One visitor's face and what was concluded about it.

    Attributes:
        decision: never NOBODY.
        person_id: the enrolled person meant; None unless KNOWN or UNSURE.
        likeness: to the nearest enrolled person, in the engine's units, higher is
            more alike; None when nobody is enrolled.
        margin: likeness minus that of the next nearest *other* person; None with
            fewer than two people enrolled.
        box: where the face is in the visit's picture.
        note: why the answer is no better ("too dark", "too small"), or empty.
    """

    decision: Decision
    person_id: str | None
    likeness: float | None
    margin: float | None
    box: Box
    note: str = ""


def strongest(decisions: Iterable[Decision]) -> Decision:
    """Return a visit's decision from those of its faces; NOBODY if there are none."""
    return min(decisions, key=_STRENGTH.__getitem__, default=Decision.NOBODY)

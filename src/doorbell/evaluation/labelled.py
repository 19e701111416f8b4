"""What the owner's labels say of the answers that were given at the door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable

    from doorbell.runtime.replies import VisitFace, VisitView


@dataclass(slots=True)
class Labelled:
    """Faces of labelled visits, by what they were and what was said.

    Attributes:
        own: faces of enrolled people; of these `own_named`, rightly, `own_misnamed` and
            `own_unsure`.
        strangers: faces of nobody enrolled; of these `strangers_named` and
            `strangers_unsure`.
    """

    own: int = 0
    own_named: int = 0
    own_misnamed: int = 0
    own_unsure: int = 0
    strangers: int = 0
    strangers_named: int = 0
    strangers_unsure: int = 0


def judge(visits: Iterable[VisitView]) -> Labelled:
    """Count the faces whose label says who they really were."""
    found = Labelled()
    for visit in visits:
        for face in visit.faces:
            if face.label is not None:
                _count(found, face, face.label)
    return found


def _count(found: Labelled, face: VisitFace, label: str) -> None:
    is_known = face.verdict.decision is Decision.KNOWN
    is_unsure = face.verdict.decision is Decision.UNSURE
    if not label:
        found.strangers += 1
        found.strangers_named += is_known
        found.strangers_unsure += is_unsure
        return
    found.own += 1
    found.own_unsure += is_unsure
    found.own_named += is_known and face.name == label
    found.own_misnamed += is_known and face.name != label

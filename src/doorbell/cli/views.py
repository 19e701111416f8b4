"""Replies of the hub in the shapes that scripts lean on (DESIGN §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.cli.shown import iso
from doorbell.core.decision import Decision

if TYPE_CHECKING:
    from doorbell.runtime.requests import PersonView, Separation, VisitFace, VisitView

_DECISIONS = frozenset(Decision)


def press_view(view: VisitView) -> dict[str, object]:
    """Return what `press --json` prints."""
    decided = view.decision in _DECISIONS
    return {
        "visit": view.id,
        "decision": view.decision if decided else "degraded",
        "reason": view.reason or (None if decided else "no decision was reached"),
        "faces": [face_view(face) for face in view.faces],
        "timings_ms": view.timings_ms,
    }


def face_view(face: VisitFace) -> dict[str, object]:
    """Return one face of a visit."""
    verdict = face.verdict
    box = verdict.box
    return {
        "decision": verdict.decision.value,
        "name": face.name,
        "likeness": verdict.likeness,
        "margin": verdict.margin,
        "box": [box.x, box.y, box.w, box.h],
    }


def visit_view(view: VisitView) -> dict[str, object]:
    """Return a visit with all that is known of it; times are UTC."""
    faces = [
        {**face_view(face), "note": face.verdict.note or None, "label": face.label}
        for face in view.faces
    ]
    return {
        **press_view(view),
        "faces": faces,
        "at": iso(view.at_s),
        "rings": view.rings,
        "state": view.state,
        "source": view.ring.source,
        "durable": view.ring.durable,
        "told": view.told,
        "has_picture": view.has_picture,
    }


def person_view(person: PersonView) -> dict[str, object]:
    """Return an enrolled person."""
    return {
        "id": person.id,
        "name": person.name,
        "consent": person.consent,
        "enrolled": iso(person.enrolled_s),
        "photos": person.photos,
        "left_out": person.left_out,
    }


def separation_view(separation: Separation) -> dict[str, object]:
    """Return how well the gallery separates."""
    alike = [
        {"name": pair.name, "other": pair.other, "likeness": pair.likeness}
        for pair in separation.lookalikes
    ]
    return {
        "photos": separation.photos,
        "right": separation.right,
        "worst": [{"photo": photo, "reason": why} for photo, why in separation.worst],
        "lookalikes": alike,
    }

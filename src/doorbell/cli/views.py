"""Replies of the hub in the shapes that scripts lean on (DESIGN §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.runtime.shapes import face_view, iso, press_view, visit_view

if TYPE_CHECKING:
    from doorbell.runtime.replies import PersonView, Separation, Undurable

__all__ = [
    "face_view",
    "person_view",
    "press_view",
    "separation_view",
    "undurable_view",
    "visit_view",
]


def person_view(person: PersonView) -> dict[str, object]:
    """Return an enrolled person."""
    return {
        "id": person.id,
        "name": person.name,
        "consent": person.consent,
        "enrolled": iso(person.enrolled_s),
        "photos": person.photos,
        "left_out": person.left_out,
        "outgrown": person.outgrown,
    }


def undurable_view(ring: Undurable) -> dict[str, object]:
    """Return a ring that no disk had in time."""
    return {"ring": ring.id, "source": ring.source, "at": iso(ring.at_s)}


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

"""Visits in the shape that scripts lean on (DESIGN §4), for commands and for HTTP."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from doorbell.core.decision import Decision
from doorbell.core.localtime import local_at

if TYPE_CHECKING:
    from doorbell.runtime.replies import VisitFace, VisitView

_DECISIONS = frozenset(Decision)
# What a step of a visit is called by scripts, where it is not its own name.
_STEPS = {"decided": "decision"}


def iso(at_s: float | None) -> str | None:
    """Show an instant for scripts, in UTC."""
    moment = local_at(at_s, UTC)
    if moment is None:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def press_view(view: VisitView) -> dict[str, object]:
    """Return what `press --json` prints."""
    decided = view.decision in _DECISIONS
    return {
        "visit": view.id,
        "decision": view.decision if decided else "degraded",
        "reason": view.reason or (None if decided else "no decision was reached"),
        "faces": [face_view(face) for face in view.faces],
        "timings_ms": {
            _STEPS.get(step, step): took for step, took in view.timings_ms.items()
        },
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
        "has_picture": view.has_picture,
    }

"""Visits and people as commands show them, names included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from doorbell.core.enrolment import is_outgrown
from doorbell.runtime import replies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from doorbell.core.decision import FaceVerdict
    from doorbell.ports.store import EnrolledPhoto, PersonRecord, VisitRecord

NOBODY_ENROLLED = "nobody enrolled"
ERASED = "erased"


def person_view(
    person: PersonRecord, left_out: int = 0, now_s: float | None = None
) -> replies.PersonView:
    """Return a person as commands show one.

    Args:
        person: as stored.
        left_out: photographs that the engine in use cannot compare.
        now_s: wall seconds; None if nobody knows.
    """
    enrolled_s = person.enrolled.wall_s()
    return replies.PersonView(
        id=person.id,
        name=person.name,
        consent=person.consent,
        enrolled_s=enrolled_s,
        photos=person.photos,
        left_out=left_out,
        outgrown=is_outgrown(person.name, person.consent, enrolled_s, now_s),
    )


def export_json(person: PersonRecord, photos: Sequence[EnrolledPhoto]) -> bytes:
    """What is known of a person, in a form that other programs read."""
    content = {
        "id": person.id,
        "name": person.name,
        "consent": person.consent,
        "enrolled": msgspec.to_builtins(person.enrolled),
        "photos": [
            {"space": photo.space, "embedding_float32_le": photo.embedding}
            for photo in photos
        ],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2)


def visit_view(
    visit: VisitRecord,
    names: Mapping[str, str],
    told: Mapping[str, str],
    push_ns: int | None = None,
) -> replies.VisitView:
    """Return a visit as commands show one.

    Args:
        visit: as stored, or in hand.
        names: of the enrolled people, by id.
        told: how each target took it.
        push_ns: monotonic time of the first target's answer, if known.
    """
    steps = dict(visit.steps)
    if push_ns is not None:
        steps["push"] = push_ns
    edge_ns = steps.pop("edge", None)
    return replies.VisitView(
        id=visit.id,
        ring=visit.ring,
        at_s=visit.ring.stamp.wall_s(),
        rings=visit.rings,
        state=visit.state,
        decision=str(visit.decision) if visit.decision else "degraded",
        reason=visit.reason,
        faces=[
            _face(verdict, names, visit.labels.get(index))
            for index, verdict in enumerate(visit.faces)
        ],
        timings_ms=_timings(steps, edge_ns),
        told=dict(told),
        has_picture=visit.has_picture,
    )


def _timings(steps: Mapping[str, int], edge_ns: int | None) -> dict[str, float]:
    if edge_ns is None:
        return {}
    # A step of another boot lies before the edge on this boot's clock: no duration.
    return {
        step: round((at_ns - edge_ns) / 1e6, 1)
        for step, at_ns in sorted(steps.items(), key=lambda pair: pair[1])
        if at_ns >= edge_ns
    }


def _face(
    verdict: FaceVerdict, names: Mapping[str, str], label: str | None
) -> replies.VisitFace:
    name = names.get(verdict.person_id, ERASED) if verdict.person_id else None
    truth = None if label is None else names.get(label, ERASED)
    return replies.VisitFace(verdict, name, NOBODY_ENROLLED if label == "" else truth)

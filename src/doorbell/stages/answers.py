"""What the vision stage answers: the words of its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core.burst import is_conclusive
from doorbell.core.decision import strongest
from doorbell.core.errors import BadInputError
from doorbell.stages.vision_messages import ExtractedFace, Seen

if TYPE_CHECKING:
    from doorbell.core.faces import Gallery, Likeness
    from doorbell.core.tracks import Outcome
    from doorbell.stages.face_reader import ReadFace
    from doorbell.stages.vision_messages import Look
    from monitoring.tracing.spans import Fact


def extracted(face: ReadFace, gallery: Gallery, likeness: Likeness) -> ExtractedFace:
    """Return a face as enrolment needs it.

    Raises:
        BadInputError: it could not be embedded.
    """
    if face.embedding is None:
        msg = f"a face in it cannot be used: {face.note}"
        raise BadInputError(msg)
    nearest = gallery.nearest(face.embedding, likeness)
    return ExtractedFace(
        box=face.box,
        embedding=face.embedding.astype("<f4").tobytes(),
        score=face.score,
        sharpness=face.measures.sharpness,
        brightness=face.measures.brightness,
        yaw=face.measures.yaw,
        nearest_person=nearest.person_id if nearest else None,
        nearest_likeness=nearest.likeness if nearest else None,
    )


def facts_of(seen: Seen) -> dict[str, Fact]:
    """What a trace may know of a look: sizes and likenesses, nobody's name."""
    facts: dict[str, Fact] = {"faces": len(seen.faces), "decision": seen.decision}
    if likenesses := [f.likeness for f in seen.faces if f.likeness is not None]:
        facts["likeness"] = round(max(likenesses), 4)
    return facts | {f"{step}_ms": round(ms, 2) for step, ms in seen.took_ms.items()}


def seen_of(
    look: Look,
    outcome: Outcome,
    error: str,
    took_ms: dict[str, float],
    passes: int = 0,
) -> Seen:
    """Return what is said of one look."""
    return Seen(
        visit=look.visit,
        frame=look.frame,
        decision=strongest(face.decision for face in outcome.faces),
        faces=outcome.faces,
        sure=is_conclusive(outcome.standings),
        best_mono_ns=outcome.best_mono_ns,
        error=error,
        took_ms=took_ms,
        passes=passes,
    )

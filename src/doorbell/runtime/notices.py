"""Put together what is to be told of a visit, for one target.

Names appear here, on their way to the household; they are never stored in the outbox.
The rules (who is told what, loudly or not) are in `core.rules`; the words are chosen
by the notify stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from doorbell.core.decision import Decision
from doorbell.core.targets import NOWHERE
from doorbell.core.visitor import Visitor
from doorbell.stages.notify_messages import Notice, NoticeFace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorbell.core.decision import FaceVerdict
    from doorbell.core.rules import Telling
    from doorbell.core.stamp import Stamp
    from doorbell.ports.store import OutboxItem, VisitRecord
    from doorbell.stages.vision_messages import EngineReady

# A push this long after its ring says when the ring was.
LATE_S = 60.0


def build(
    item: OutboxItem,
    visit: VisitRecord,
    names: Mapping[str, str],
    now: Stamp,
    engine: EngineReady | None,
) -> Notice:
    """Return what is told of `visit` by `item`.

    Args:
        item: which push it is; a `ring` never says more than that someone rang.
        visit: as it stands now.
        names: of the enrolled people, by id; an erased person has none.
        now: to tell whether it comes late.
        engine: its operating points put a likeness into words.
    """
    told_now = item.kind != "ring"
    return Notice(
        kind=item.kind,
        key=item.key,
        replaces=visit.id,
        at_s=visit.ring.stamp.wall_s(),
        decision=visit.decision if told_now else None,
        faces=_faces(visit, names) if told_now else [],
        late=item.late or is_late(visit, now),
        rings=visit.rings,
        reason=visit.reason if told_now else "",
        unsure_at=engine.unsure_at if engine else None,
        known_at=engine.known_at if engine else None,
    )


def is_late(visit: VisitRecord, now: Stamp) -> bool:
    """Whether the ring was so long ago that its time must be said."""
    age_s = visit.ring.stamp.age_s(now)
    return age_s is None or age_s > LATE_S


def _faces(visit: VisitRecord, names: Mapping[str, str]) -> list[NoticeFace]:
    return [_face(verdict, names) for verdict in visit.faces]


def _face(verdict: FaceVerdict, names: Mapping[str, str]) -> NoticeFace:
    name = names.get(verdict.person_id or "")
    decision = verdict.decision if name is not None else Decision.UNKNOWN
    return NoticeFace(decision, name, verdict.likeness, verdict.box)


def self_test(notice: Notice, target: str) -> Notice:
    """What is said of a ring that the doorbell gave itself: silently, and no name.

    Args:
        notice: as it would be said of a visitor.
        target: where it goes; nowhere it walks the path as it is.
    """
    if target == NOWHERE:
        return structs.replace(notice, synthetic=True, silent=True)
    return Notice(
        kind="test",
        key=notice.key,
        replaces=notice.replaces,
        at_s=notice.at_s,
        silent=True,
    )


def visitors(notice: Notice) -> list[Visitor]:
    """The visitors of a notice as the rules see them."""
    return [Visitor(f.decision, f.name, f.likeness) for f in notice.faces]


def ruled(notice: Notice, verdict: Telling) -> Notice:
    """Apply what the rules said: how loudly, and in whose words."""
    wordings = {v.name: v.wording for v in verdict.visitors if v.wording}
    faces = [
        structs.replace(face, wording=wordings.get(face.name, ""))
        for face in notice.faces
    ]
    return structs.replace(notice, faces=faces, silent=verdict.silent)


def digest(notices: list[Notice]) -> Notice:
    """Merge what piled up for one target into one message, oldest first."""
    first, last = notices[0], notices[-1]
    return Notice(
        kind="digest",
        key=f"{first.key}-digest",
        replaces=last.replaces,
        at_s=first.at_s,
        late=True,
        digest=notices,
    )

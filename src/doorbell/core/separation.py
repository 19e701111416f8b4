"""How well a gallery separates: each photograph is left out and judged by the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core.decision import Decision
from doorbell.core.enrolment import Lookalike, PhotoStanding, Separation
from doorbell.core.faces import decide

if TYPE_CHECKING:
    from doorbell.core.faces import Gallery, Likeness, OperatingPoint

# What a person can take in; the counts tell the rest.
MAX_LISTED = 10


def separation(
    gallery: Gallery, likeness: Likeness, point: OperatingPoint
) -> Separation:
    """Judge every photograph by the others; costs rows squared comparisons."""
    owners = gallery.person_ids
    rows = [row for row, owner in enumerate(owners) if owners.count(owner) > 1]
    standings = [_standing(row, gallery, likeness, point) for row in rows]
    wrong = [s for s in standings if not _is_right(s)]
    wrong.sort(key=_harm)
    return Separation(
        photos=len(standings),
        right=len(standings) - len(wrong),
        worst=wrong[:MAX_LISTED],
        lookalikes=_lookalikes(gallery, likeness, point.unsure_at),
    )


def _is_right(standing: PhotoStanding) -> bool:
    is_own = standing.nearest == standing.person_id
    return is_own and standing.decision is Decision.KNOWN


def _harm(standing: PhotoStanding) -> tuple[bool, bool, float]:
    """Sort key: named as somebody else, then nearer to somebody else, then lost."""
    is_own = standing.nearest == standing.person_id
    is_named = standing.decision is Decision.KNOWN
    return (is_own, not is_named, -standing.likeness)


def _standing(
    row: int, gallery: Gallery, likeness: Likeness, point: OperatingPoint
) -> PhotoStanding:
    nearest = gallery.without(row).nearest(gallery.rows[row], likeness)
    if nearest is None:
        msg = f"row {row} has no others beside it"
        raise AssertionError(msg)
    return PhotoStanding(
        row=row,
        person_id=gallery.person_ids[row],
        decision=decide(nearest, point),
        nearest=nearest.person_id,
        likeness=nearest.likeness,
    )


def _lookalikes(
    gallery: Gallery, likeness: Likeness, from_likeness: float
) -> list[Lookalike]:
    most: dict[tuple[str, str], float] = {}
    owners = gallery.person_ids
    for row, owner in enumerate(owners):
        scores = likeness(gallery.rows[row], gallery.rows).tolist()
        for other, score in zip(owners, scores, strict=True):
            pair = (owner, other)
            if owner < other and score >= from_likeness:
                most[pair] = max(score, most.get(pair, score))
    ranked = sorted(most, key=lambda pair: (-most[pair], pair))
    return [Lookalike(a, b, most[a, b]) for a, b in ranked[:MAX_LISTED]]

"""A visitor as rules and sentences see one: by name, no longer by id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable

# The stranger first: it is what the owner must not overlook.
_ORDER = {
    Decision.UNKNOWN: 0,
    Decision.UNSURE: 1,
    Decision.KNOWN: 2,
    Decision.NOBODY: 3,
}


@dataclass(frozen=True, slots=True)
class Visitor:
    """One face of a visit.

    Attributes:
        name: as enrolled; None unless known or unsure.
        likeness: to that person, in the engine's units; None if not compared.
        wording: the owner's own sentence for this person and target, or empty.
    """

    decision: Decision
    name: str | None = None
    likeness: float | None = None
    wording: str = ""


def stranger_first(visitors: Iterable[Visitor]) -> list[Visitor]:
    """Order visitors for telling: unknown, unsure, known; each name once.

    Two faces of the same name are one visitor (a mirror, a photograph in the hall);
    the surer one stands for both.
    """
    by_name: dict[str, Visitor] = {}
    nameless: list[Visitor] = []
    for visitor in visitors:
        if visitor.decision is Decision.NOBODY:
            continue
        if visitor.name is None or visitor.decision is Decision.UNKNOWN:
            nameless.append(visitor)
            continue
        other = by_name.get(visitor.name)
        if other is None or _ORDER[visitor.decision] > _ORDER[other.decision]:
            by_name[visitor.name] = visitor
    return sorted(
        nameless + list(by_name.values()), key=lambda one: _ORDER[one.decision]
    )

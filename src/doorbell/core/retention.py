"""Which visits and pictures are deleted, by age and by size.

A Pi may boot in 1970 and be moved 56 years ahead by the first answer of NTP, so wall
time alone deletes nothing. How old a visit is *at least* follows from what cannot lie:

* in the boot of the visit, the monotonic clock;
* in another boot, how long this boot lasts already, and, only when the clock was
  synchronised both then and now, the wall clock;
* the order of arrival: what came before something old is at least as old.

A visit is deleted only when this lower bound passes the limit. Whatever is still to be
told or decided is never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.stamp import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.core.stamp import Stamp

S_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """How long and how much.

    Attributes:
        visit_s: a visit's age at which it goes, seconds.
        picture_s: the same for its picture.
        picture_bytes: all pictures together; the oldest go first.
        synthetic_s: age at which a self-test goes.
    """

    visit_s: float = 90 * S_PER_DAY
    picture_s: float = 30 * S_PER_DAY
    picture_bytes: int = 1 << 30
    synthetic_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One stored visit as the rules see it.

    Attributes:
        stamp: of its first ring.
        picture_bytes: size of its picture; 0 without one.
        synthetic: a self-test.
        busy: not yet decided, or something about it is still to be told.
    """

    id: str
    stamp: Stamp
    picture_bytes: int = 0
    synthetic: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Pruning:
    """What goes: whole visits, and pictures of visits that stay."""

    visits: list[str]
    pictures: list[str]


def at_least_s(stamp: Stamp, now: Stamp) -> float:
    """Seconds that have passed since `stamp` for certain."""
    age_s = stamp.age_s(now) or 0.0
    if stamp.boot_id == now.boot_id:
        return max(0.0, age_s)
    # Another boot's ring came before this boot began.
    return max(age_s, now.mono_ns / NS_PER_S)


def prune_plan(
    newest_first: Sequence[Kept], now: Stamp, limits: RetentionLimits
) -> Pruning:
    """Decide what is deleted.

    Args:
        newest_first: all visits in the order of their arrival, the newest first.
        now: this instant.
        limits: the owner's.
    """
    plan = Pruning([], [])
    old_s, kept_bytes = 0.0, 0
    for visit in newest_first:
        old_s = max(old_s, at_least_s(visit.stamp, now))
        if visit.busy:
            kept_bytes += visit.picture_bytes
        elif old_s > (limits.synthetic_s if visit.synthetic else limits.visit_s):
            plan.visits.append(visit.id)
        elif not visit.picture_bytes:
            continue
        elif (
            old_s > limits.picture_s
            or kept_bytes + visit.picture_bytes > limits.picture_bytes
        ):
            plan.pictures.append(visit.id)
            # Full is full: an older, smaller picture must not outlive this one.
            kept_bytes = max(kept_bytes, limits.picture_bytes)
        else:
            kept_bytes += visit.picture_bytes
    return plan


def room_plan(newest_first: Sequence[Kept], wanted_bytes: int) -> list[str]:
    """Say whose pictures go at once for `wanted_bytes`: the oldest, none busy."""
    chosen: list[str] = []
    freed_bytes = 0
    for visit in reversed(newest_first):
        if freed_bytes >= wanted_bytes:
            break
        if visit.picture_bytes and not visit.busy:
            chosen.append(visit.id)
            freed_bytes += visit.picture_bytes
    return chosen

"""How the outbox is draining, as health and metrics see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.targets import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from doorbell.core.stamp import Stamp
    from doorbell.ports.store import OutboxItem


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be told, without the doorbell's own rings.

    Attributes:
        waiting: how many pushes.
        oldest_s: age of the oldest; 0 without any.
        overdue_s: for how long one has been due without being tried; 0 if none is.
    """

    waiting: int = 0
    oldest_s: float = 0.0
    overdue_s: float = 0.0


def backlog(
    items: Mapping[int, OutboxItem],
    not_before_s: Mapping[int, float],
    in_hand: Collection[str],
    now: Stamp,
    now_s: float,
) -> Backlog:
    """Measure what waits.

    Args:
        items: all that is not told, by number.
        not_before_s: when each that failed is to be tried again, monotonic seconds.
        in_hand: targets with an attempt under way; one at a time is right.
        now: this instant, for the age of what waits.
        now_s: the same in monotonic seconds.
    """
    waiting, oldest_s, overdue_s = 0, 0.0, 0.0
    for key, item in items.items():
        if item.target == NOWHERE:
            continue
        waiting += 1
        # Of a push of another boot whose clock was wrong nobody knows the age.
        age_s = max(item.created.age_s(now) or 0.0, 0.0)
        oldest_s = max(oldest_s, age_s)
        if item.target not in in_hand:
            due_s = not_before_s.get(key, now_s - age_s)
            overdue_s = max(overdue_s, now_s - due_s)
    return Backlog(waiting, oldest_s, overdue_s)

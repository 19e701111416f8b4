"""Median, percentile and day: how single measurements become figures. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

S_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Spread:
    """Where measurements lie, in their own unit.

    Attributes:
        count: how many there were.
        p95: with fewer than twenty, the greatest.
    """

    count: int
    median: float
    p95: float


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all do not exceed.

    Nearest rank: it is always one of the values, never invented between two.

    Args:
        values: at least one, in any order.
        share: above 0, at most 1.

    Raises:
        UsageError: there is no value, or no such share.
    """
    if not values or not 0 < share <= 1:
        msg = f"no percentile {share} of {len(values)} values"
        raise UsageError(msg)
    return sorted(values)[math.ceil(share * len(values)) - 1]


def spread(values: Sequence[float]) -> Spread | None:
    """Sum up measurements; None of none."""
    if not values:
        return None
    return Spread(len(values), percentile(values, 0.5), percentile(values, 0.95))


def per_day(count: float, window_s: float) -> float:
    """Say how many a day has, going by a window.

    Raises:
        UsageError: the window has no length.
    """
    if window_s <= 0:
        msg = f"nothing can be told from {window_s} s"
        raise UsageError(msg)
    return count * S_PER_DAY / window_s


def growth_percent(before: float, after: float) -> float:
    """Say by how much something grew.

    Raises:
        UsageError: it was nothing before.
    """
    if before <= 0:
        msg = "what was nothing cannot grow by a share"
        raise UsageError(msg)
    return (after - before) * 100 / before

"""The recent past of the series that alert rules read, as Prometheus would keep it.

Times are seconds on one clock of the caller's choice; values are floats.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# An instant selector looks this far back (Prometheus, `--query.lookback-delta`).
LOOKBACK_S = 300.0

Labels = frozenset[tuple[str, str]]


class Reading(NamedTuple):
    """One value of one series, without its time."""

    name: str
    labels: Labels
    value: float


class Point(NamedTuple):
    """One value of a series at a time."""

    at_s: float
    value: float


class _Series:
    def __init__(self) -> None:
        self.times: list[float] = []
        self.values: list[float] = []

    def forget_before(self, oldest_s: float) -> None:
        gone = bisect_left(self.times, oldest_s)
        del self.times[:gone]
        del self.values[:gone]


class History:
    """Readings of the last `span_s` seconds.

    Args:
        names: series that are kept; all others are dropped on arrival.
        span_s: the longest window any rule looks at.
    """

    def __init__(self, names: Iterable[str], span_s: float) -> None:
        self._names = frozenset(names)
        self._span_s = max(span_s, LOOKBACK_S)
        self._series: dict[str, dict[Labels, _Series]] = {}

    def add(self, at_s: float, readings: Iterable[Reading]) -> None:
        """Add what was read at `at_s`, later than everything before it."""
        for reading in readings:
            if reading.name in self._names:
                known = self._series.setdefault(reading.name, {})
                series = known.setdefault(reading.labels, _Series())
                series.times.append(at_s)
                series.values.append(reading.value)
        for known in self._series.values():
            for labels in list(known):
                known[labels].forget_before(at_s - self._span_s)
                if not known[labels].times:
                    del known[labels]

    def latest(
        self, name: str, wanted: Mapping[str, str], at_s: float
    ) -> Iterator[tuple[Labels, float]]:
        """Yield each matching series' newest value, unless it is too old to count."""
        for labels, series in self._matching(name, wanted):
            place = bisect_right(series.times, at_s) - 1
            if place >= 0 and series.times[place] >= at_s - LOOKBACK_S:
                yield labels, series.values[place]

    def window(
        self, name: str, wanted: Mapping[str, str], at_s: float, window_s: float
    ) -> Iterator[tuple[Labels, list[Point]]]:
        """Yield each matching series' points within the window, both ends included."""
        for labels, series in self._matching(name, wanted):
            first = bisect_left(series.times, at_s - window_s)
            last = bisect_right(series.times, at_s)
            pairs = zip(
                series.times[first:last], series.values[first:last], strict=True
            )
            points = [Point(*pair) for pair in pairs]
            if points:
                yield labels, points

    def _matching(
        self, name: str, wanted: Mapping[str, str]
    ) -> Iterator[tuple[Labels, _Series]]:
        needed = set(wanted.items())
        for labels, series in self._series.get(name, {}).items():
            if needed <= labels:
                yield labels, series

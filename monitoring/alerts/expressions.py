"""The part of PromQL that our alert rules are written in.

Each expression says itself in PromQL and evaluates itself over a `History`, so that a
house without Prometheus gets the same alerts. The arithmetic follows Prometheus 2
(promql/functions.go), extrapolation included: the tests hold both against each other.
"""

from __future__ import annotations

import itertools
import json
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from monitoring.alerts.history import LOOKBACK_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from monitoring.alerts.history import History, Labels, Point

Vector = dict["Labels", float]
Operator = Literal[">", ">=", "<", "<=", "=="]

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
# A sample this much farther from the window's edge than usual means that the series
# began or ended there (promql/functions.go, extrapolatedRate).
_EDGE = 1.1
_MIN_POINTS = 2


class Expression(Protocol):
    """Something that has a value for each set of labels at a time."""

    def promql(self) -> str:
        """Say it in PromQL."""
        ...

    def value(self, history: History, at_s: float) -> Vector:
        """Evaluate it."""
        ...

    def series(self) -> Iterator[tuple[str, float]]:
        """Yield the series it reads, each with its window in seconds."""
        ...


def duration(seconds: float) -> str:
    """Return a duration as Prometheus writes it, e.g. `5m`."""
    whole = round(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= size and whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def number(value: float) -> str:
    """Return a number as short as it can be read back."""
    return repr(int(value)) if value == int(value) else repr(value)


@dataclass(frozen=True)
class Latest:
    """The newest value of each series of a metric.

    Attributes:
        labels: that must be there with these values.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def promql(self) -> str:
        """Say it in PromQL."""
        return _selector(self.name, self.labels)

    def value(self, history: History, at_s: float) -> Vector:
        """Evaluate it."""
        return dict(history.latest(self.name, self.labels, at_s))

    def series(self) -> Iterator[tuple[str, float]]:
        """Yield what it reads."""
        yield self.name, 0.0


@dataclass(frozen=True)
class Over:
    """A function over a window of each series of a metric.

    Attributes:
        function: `increase`, `max_over_time` or `predict_linear`.
        ahead_s: for `predict_linear`, how far ahead.
    """

    function: Literal["increase", "max_over_time", "predict_linear"]
    name: str
    window_s: float
    labels: Mapping[str, str] = field(default_factory=dict)
    ahead_s: float = 0.0

    def promql(self) -> str:
        """Say it in PromQL."""
        window = f"{_selector(self.name, self.labels)}[{duration(self.window_s)}]"
        ahead = f", {number(self.ahead_s)}" if self.ahead_s else ""
        return f"{self.function}({window}{ahead})"

    def value(self, history: History, at_s: float) -> Vector:
        """Evaluate it."""
        found: Vector = {}
        windows = history.window(self.name, self.labels, at_s, self.window_s)
        for labels, points in windows:
            one = self._of(points, at_s)
            if one is not None:
                found[labels] = one
        return found

    def _of(self, points: list[Point], at_s: float) -> float | None:
        match self.function:
            case "increase":
                return increase(points, at_s, self.window_s)
            case "max_over_time":
                return max(point.value for point in points)
            case "predict_linear":
                return predict_linear(points, at_s, self.ahead_s)

    def series(self) -> Iterator[tuple[str, float]]:
        """Yield what it reads."""
        yield self.name, self.window_s


@dataclass(frozen=True)
class Grown:
    """How much each series of a counter grew within a window, a new one included.

    `increase` says nothing of a series that was not there before: the first event of
    its kind would go unseen.
    """

    name: str
    window_s: float
    labels: Mapping[str, str] = field(default_factory=dict)

    def promql(self) -> str:
        """Say it in PromQL."""
        one, window = _selector(self.name, self.labels), duration(self.window_s)
        return f"(({one} unless {one} offset {window}) or increase({one}[{window}]))"

    def value(self, history: History, at_s: float) -> Vector:
        """Evaluate it."""
        then_s = at_s - self.window_s
        now = dict(history.latest(self.name, self.labels, at_s))
        then = dict(history.latest(self.name, self.labels, then_s))
        old = Over("increase", self.name, self.window_s, self.labels)
        new = {labels: one for labels, one in now.items() if labels not in then}
        return old.value(history, at_s) | new

    def series(self) -> Iterator[tuple[str, float]]:
        """Yield what it reads."""
        yield self.name, self.window_s + LOOKBACK_S


def increase(points: list[Point], at_s: float, window_s: float) -> float | None:
    """Return how much a counter grew within a window, extrapolated to its edges."""
    if len(points) < _MIN_POINTS:
        return None
    grown = points[-1].value - points[0].value
    for before, after in itertools.pairwise(points):
        if after.value < before.value:
            grown += before.value
    sampled_s = points[-1].at_s - points[0].at_s
    between_s = sampled_s / (len(points) - 1)
    to_start_s = points[0].at_s - (at_s - window_s)
    if grown > 0 and points[0].value >= 0:
        # A counter cannot have been below zero before its first sample.
        to_start_s = min(to_start_s, sampled_s * points[0].value / grown)
    reach_s = sampled_s
    for edge_s in (to_start_s, at_s - points[-1].at_s):
        reach_s += edge_s if edge_s < between_s * _EDGE else between_s / 2
    return grown * (reach_s / sampled_s)


def predict_linear(points: list[Point], at_s: float, ahead_s: float) -> float | None:
    """Return where a straight line through the points will be, `ahead_s` from now."""
    if len(points) < _MIN_POINTS:
        return None
    if all(point.value == points[0].value for point in points):
        return points[0].value
    count = float(len(points))
    sum_x = sum(point.at_s - at_s for point in points)
    sum_y = sum(point.value for point in points)
    sum_xy = sum((point.at_s - at_s) * point.value for point in points)
    sum_xx = sum((point.at_s - at_s) ** 2 for point in points)
    slope = (sum_xy - sum_x * sum_y / count) / (sum_xx - sum_x * sum_x / count)
    return slope * ahead_s + sum_y / count - slope * sum_x / count


@dataclass(frozen=True)
class Total:
    """The sum of an expression, one for each value of the label `by`.

    Attributes:
        by: empty for one sum of all.
    """

    of: Expression
    by: str = ""

    def promql(self) -> str:
        """Say it in PromQL."""
        by = f" by ({self.by})" if self.by else ""
        return f"sum{by}({self.of.promql()})"

    def value(self, history: History, at_s: float) -> Vector:
        """Evaluate it."""
        sums: Vector = {}
        for labels, one in self.of.value(history, at_s).items():
            kept = frozenset(pair for pair in labels if pair[0] == self.by)
            sums[kept] = sums.get(kept, 0.0) + one
        return sums

    def series(self) -> Iterator[tuple[str, float]]:
        """Yield what it reads."""
        yield from self.of.series()


@dataclass(frozen=True)
class Share:
    """One expression divided by another with the same labels; none where it is 0/0."""

    part: Expression
    whole: Expression

    def promql(self) -> str:
        """Say it in PromQL."""
        return f"{self.part.promql()} / {self.whole.promql()}"

    def value(self, history: History, at_s: float) -> Vector:
        """Evaluate it."""
        wholes = self.whole.value(history, at_s)
        parts = self.part.value(history, at_s).items()
        return {k: part / wholes[k] for k, part in parts if wholes.get(k)}

    def series(self) -> Iterator[tuple[str, float]]:
        """Yield what it reads."""
        yield from self.part.series()
        yield from self.whole.series()


@dataclass(frozen=True)
class Where:
    """What of an expression is above, below or at a limit."""

    of: Expression
    operator: Operator
    limit: float | Expression

    def promql(self) -> str:
        """Say it in PromQL."""
        limit = self.limit
        said = number(limit) if isinstance(limit, int | float) else limit.promql()
        return f"{self.of.promql()} {self.operator} {said}"

    def value(self, history: History, at_s: float) -> Vector:
        """Evaluate it."""
        test = _OPERATORS[self.operator]
        found = self.of.value(history, at_s)
        limit = self.limit
        if isinstance(limit, int | float):
            return {labels: one for labels, one in found.items() if test(one, limit)}
        limits = limit.value(history, at_s)
        return {
            labels: one
            for labels, one in found.items()
            if labels in limits and test(one, limits[labels])
        }

    def series(self) -> Iterator[tuple[str, float]]:
        """Yield what it reads."""
        yield from self.of.series()
        if not isinstance(self.limit, int | float):
            yield from self.limit.series()


@dataclass(frozen=True)
class Both:
    """What of the first expression has labels that the others have as well."""

    conditions: tuple[Expression, ...]

    def promql(self) -> str:
        """Say it in PromQL."""
        return " and ".join(f"({one.promql()})" for one in self.conditions)

    def value(self, history: History, at_s: float) -> Vector:
        """Evaluate it."""
        first, *others = [one.value(history, at_s) for one in self.conditions]
        return {k: one for k, one in first.items() if all(k in o for o in others)}

    def series(self) -> Iterator[tuple[str, float]]:
        """Yield what it reads."""
        for condition in self.conditions:
            yield from condition.series()


def _selector(name: str, labels: Mapping[str, str]) -> str:
    wanted = ",".join(f"{key}={json.dumps(labels[key])}" for key in sorted(labels))
    return f"{name}{{{wanted}}}" if wanted else name

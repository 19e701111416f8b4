"""What a metric's declaration says; the metrics themselves are in `declarations`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]


class MetricError(ValueError):
    """Something was recorded that is not declared.

    Attributes:
        reason: a value of the label `reason` of `doorbell_observations_dropped_total`.
    """

    def __init__(self, message: str, reason: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Label:
    """A label and every value it may take.

    Attributes:
        name: as in the exposition.
        values: the closed set; None when it is closed only at the start of the
            program, as the names of the targets are.
        origin: for the reader of the reference, where such a set comes from.
    """

    name: str
    values: tuple[str, ...] | None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: as in the exposition, with `_total` for a counter.
        help: one sentence, with the unit where the name does not say it.
        labels: in the order of the exposition; empty for a single series.
        buckets: upper bounds of a histogram, growing, without infinity.
        starts_at_zero: every combination of its labels is shown before the first
            event, so that the first is seen to be one.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    starts_at_zero: bool = False

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels, in order."""
        return tuple(label.name for label in self.labels)


def counter(name: str, text: str, *labels: Label) -> Metric:
    """Declare something that only grows."""
    return Metric(name, "counter", text, labels)


def counter_from_zero(name: str, text: str, *labels: Label) -> Metric:
    """Declare something that only grows, and is shown before it does."""
    return Metric(name, "counter", text, labels, starts_at_zero=True)


def gauge(name: str, text: str, *labels: Label) -> Metric:
    """Declare a reading; it has no series until it was read."""
    return Metric(name, "gauge", text, labels)


def histogram(
    name: str, text: str, *labels: Label, buckets: tuple[float, ...]
) -> Metric:
    """Declare durations or sizes whose distribution matters."""
    return Metric(name, "histogram", text, labels, buckets, starts_at_zero=not labels)

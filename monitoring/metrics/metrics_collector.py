"""One registry in one process: what was recorded, and its text for Prometheus.

Only what is declared can be recorded. Where `strict` an unknown name or label is an
error, so that tests find it; elsewhere it is dropped and counted, since a wrong label
must not stop a doorbell. Nothing here reads the system or the network.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client.exposition import choose_encoder

from monitoring.metrics.declarations import DECLARED
from monitoring.metrics.definition import MetricError
from monitoring.metrics.recording import DROPPED, NO_LABELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from monitoring.metrics.definition import Kind, Metric

    Labels = Mapping[str, str]
    Instrument = (
        prometheus_client.Counter
        | prometheus_client.Gauge
        | prometheus_client.Histogram
    )

MAX_SERIES = 300

# A second series for each counter that only says when it began.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Sample:
    """One series at one moment; of a histogram its `_bucket`, `_sum` or `_count`."""

    name: str
    labels: Labels
    value: float


@dataclass(slots=True, eq=False)
class _Entry:
    """A declared metric, its instrument, and the series it has by now."""

    metric: Metric
    label_names: tuple[str, ...]
    allowed: list[frozenset[str]]
    instrument: Instrument
    children: dict[tuple[str, ...], Instrument] = field(default_factory=dict)

    @property
    def series_each(self) -> int:
        """Series that one more combination of labels adds."""
        return len(self.metric.buckets) + 3 if self.metric.kind == "histogram" else 1


class MetricsCollector:
    """All metrics of one process.

    Threads may record at the same time.

    Args:
        strict: raise on what is not declared instead of dropping it.
        closing: values of the labels whose set is closed only now, by label name.
        declared: the metrics; for tests another list.
    """

    def __init__(
        self,
        *,
        strict: bool,
        closing: Mapping[str, Iterable[str]] = MappingProxyType({}),
        declared: Sequence[Metric] = DECLARED,
    ) -> None:
        self.strict = strict
        self._lock = Lock()
        self._series = 0
        self._followed: dict[tuple[str, ...], float] = {}
        self._refreshers: list[Callable[[], None]] = []
        self._entries = {one.name: _entry(one, closing) for one in declared}
        for entry in self._entries.values():
            if entry.metric.starts_at_zero:
                for key in itertools.product(*map(sorted, entry.allowed)):
                    self._new_child(entry, key)

    def admit(self, label_name: str, values: Iterable[str]) -> None:
        """Let a label whose set was closed at the start take more values."""
        for entry in self._entries.values():
            for place, label in enumerate(entry.metric.labels):
                if label.name == label_name and label.values is None:
                    entry.allowed[place] |= frozenset(values)

    # Recording.

    def count(
        self,
        name: str,
        amount: float = 1.0,
        labels: Labels = NO_LABELS,
        exemplar: Labels | None = None,
    ) -> None:
        """Add to a counter."""
        self.record("counter", name, amount, labels, exemplar)

    def set(self, name: str, value: float, labels: Labels = NO_LABELS) -> None:
        """Set a gauge."""
        self.record("gauge", name, value, labels)

    def observe(
        self,
        name: str,
        value: float,
        labels: Labels = NO_LABELS,
        exemplar: Labels | None = None,
    ) -> None:
        """Add one value to a histogram."""
        self.record("histogram", name, value, labels, exemplar)

    def record(
        self,
        kind: Kind,
        name: str,
        value: float,
        labels: Labels = NO_LABELS,
        exemplar: Labels | None = None,
    ) -> None:
        """Record one observation.

        Raises:
            MetricError: it is not declared, and this collector is strict.
        """
        try:
            self._record(kind, name, value, labels, exemplar)
        except MetricError as error:
            if self.strict:
                raise
            self.dropped(error.reason)

    def dropped(self, reason: str, amount: float = 1.0) -> None:
        """Count observations that were lost elsewhere, or here."""
        if DROPPED in self._entries:
            self._record("counter", DROPPED, amount, {"reason": reason}, None)

    def _record(
        self,
        kind: Kind,
        name: str,
        value: float,
        labels: Labels,
        exemplar: Labels | None,
    ) -> None:
        entry = self._entries.get(name)
        if entry is None:
            msg = f"there is no metric {name!r}"
            raise MetricError(msg, "unknown_name")
        if entry.metric.kind != kind:
            msg = f"{name} is a {entry.metric.kind}, not a {kind}"
            raise MetricError(msg, "wrong_kind")
        if not math.isfinite(value) or (value < 0 and kind == "counter"):
            msg = f"{name} cannot take {value}"
            raise MetricError(msg, "bad_number")
        child = self._child(entry, labels)
        if isinstance(child, prometheus_client.Counter):
            child.inc(value, dict(exemplar) if exemplar else None)
        elif isinstance(child, prometheus_client.Gauge):
            child.set(value)
        else:
            child.observe(value, dict(exemplar) if exemplar else None)

    def _child(self, entry: _Entry, labels: Labels) -> Instrument:
        try:
            key = tuple([labels[name] for name in entry.label_names])
        except KeyError:
            key = ()
        if len(key) != len(labels) or len(key) != len(entry.label_names):
            expected, got = ", ".join(entry.label_names), ", ".join(labels)
            msg = f"{entry.metric.name} has the labels ({expected}), not ({got})"
            raise MetricError(msg, "wrong_labels")
        return entry.children.get(key) or self._new_child(entry, key)

    def _new_child(self, entry: _Entry, key: tuple[str, ...]) -> Instrument:
        for name, value, allowed in zip(
            entry.label_names, key, entry.allowed, strict=True
        ):
            if value not in allowed:
                msg = f"{entry.metric.name}: {name} is never {value!r}"
                raise MetricError(msg, "unknown_value")
        with self._lock:
            if self._series + entry.series_each > MAX_SERIES:
                msg = f"{entry.metric.name}: there are {MAX_SERIES} series already"
                raise MetricError(msg, "too_many_series")
            if key not in entry.children:
                instrument = entry.instrument
                child = instrument.labels(*key) if key else instrument
                entry.children[key] = child
                self._series += entry.series_each
            return entry.children[key]

    def follow(self, name: str, total: float, labels: Labels = NO_LABELS) -> None:
        """Bring a counter to a total that somebody else counts.

        A total that went back began anew, and all of it is new.
        """
        key = (name, *labels.values())
        before = self._followed.get(key, 0.0)
        self._followed[key] = total
        self.count(name, total - before if total >= before else total, labels)

    def forget(self, name: str, labels: Labels | None = None) -> None:
        """Take away what can no longer be read: one series, or all of a metric."""
        entry = self._entries[name]
        with self._lock:
            for key in list(entry.children):
                named = dict(zip(entry.label_names, key, strict=True))
                if labels is None or named == dict(labels):
                    del entry.children[key]
                    self._series -= entry.series_each
                    if key:
                        entry.instrument.remove(*key)

    # Reading.

    def before_reading(self, refresh: Callable[[], None]) -> None:
        """Have `refresh` set its gauges each time somebody reads; it must be quick."""
        self._refreshers.append(refresh)

    def collect(self) -> Iterator[prometheus_client.Metric]:
        """Yield what has a series; the interface of prometheus_client."""
        for entry in self._entries.values():
            if entry.children:
                yield from entry.instrument.collect()

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return the text for Prometheus and its content type.

        Args:
            accept: the header of the request; OpenMetrics, which alone has exemplars,
                is given to who asks for it.
        """
        self._refresh()
        encode, content_type = choose_encoder(accept)
        return encode(self), content_type

    def samples(self) -> list[Sample]:
        """Return every series as it is now."""
        self._refresh()
        return [
            Sample(sample.name, sample.labels, sample.value)
            for metric in self.collect()
            for sample in metric.samples
        ]

    def value(self, name: str, labels: Labels = NO_LABELS) -> float | None:
        """Return one counter or gauge as it is now; None if it has no series."""
        entry = self._entries[name]
        key = tuple(labels[one] for one in entry.label_names)
        child = entry.children.get(key)
        return None if child is None else next(iter(child.collect())).samples[0].value

    @property
    def series(self) -> int:
        """How many series there are."""
        return self._series

    def _refresh(self) -> None:
        for refresh in self._refreshers:
            refresh()
        if "doorbell_series" in self._entries:
            self.set("doorbell_series", self._series)


def _entry(metric: Metric, closing: Mapping[str, Iterable[str]]) -> _Entry:
    allowed = [
        frozenset(closing.get(label.name, ()) if label.values is None else label.values)
        for label in metric.labels
    ]
    names = metric.label_names
    return _Entry(metric, names, allowed, _instrument(metric, names))


def _instrument(metric: Metric, names: Sequence[str]) -> Instrument:
    match metric.kind:
        case "counter":
            return prometheus_client.Counter(
                metric.name, metric.help, names, registry=None
            )
        case "gauge":
            return prometheus_client.Gauge(
                metric.name, metric.help, names, registry=None
            )
        case "histogram":
            return prometheus_client.Histogram(
                metric.name, metric.help, names, buckets=metric.buckets, registry=None
            )

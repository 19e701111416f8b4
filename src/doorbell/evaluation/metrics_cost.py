"""What measuring costs: recording one value, and one reading of everything."""

from __future__ import annotations

import itertools
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError
from doorbell.evaluation.figures import Spread, percentile, spread
from doorbell.runtime import replies
from doorbell.runtime import requests as r
from doorbell.runtime.observatory import ENGINES
from monitoring.metrics.declarations import DECLARED
from monitoring.metrics.metrics_collector import MAX_SERIES, MetricsCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from doorbell.evaluation.trial import Trial
    from monitoring.metrics.definition import Metric

GOAL_RECORD_US = 5.0
GOAL_SCRAPE_MS = 50.0
BATCH = 1000
BATCHES = 50
READINGS = 50
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
CLOSING = {"channel": ("phone", "tablet", "tv"), "model_version": ENGINES}
VISIT = {"visit_id": "0123456789abcdef" * 2}


@dataclass(frozen=True, slots=True)
class MetricsCost:
    """All figures.

    Attributes:
        record_us: median of recording one value, by kind, microseconds.
        reading_ms: of a full registry in this process, by format, milliseconds.
        series: how many it had.
        scrape_ms: of a running daemon over HTTP.
        scraped_series: how many that one had.
    """

    record_us: dict[str, float]
    reading_ms: dict[str, Spread]
    series: int
    scrape_ms: Spread
    scraped_series: int

    @property
    def is_within_goals(self) -> bool:
        """Whether the goals of the issue "Watch" are met."""
        readings = [*self.reading_ms.values(), self.scrape_ms]
        slowest_ms = max(one.p95 for one in readings)
        return (
            max(self.record_us.values()) < GOAL_RECORD_US
            and slowest_ms < GOAL_SCRAPE_MS
        )


def measure(trial: Trial) -> MetricsCost:
    """Measure a registry of our own, then a running daemon.

    Raises:
        UnavailableError: the daemon serves no metrics.
    """
    collector = MetricsCollector(strict=False, closing=CLOSING)
    record_us = {kind: _record_us(work) for kind, work in _works(collector)}
    fill(collector)
    reading_ms = {
        "text": _spread_ms(collector.exposition),
        "openmetrics": _spread_ms(lambda: collector.exposition(OPENMETRICS)),
    }
    scrape_ms, scraped = _scrape(trial)
    return MetricsCost(record_us, reading_ms, collector.series, scrape_ms, scraped)


def _works(collector: MetricsCollector) -> Iterator[tuple[str, Callable[[], None]]]:
    ring = {"event_type": "ring", "status": "success"}
    stage = {"stage": "detect", "worker_id": "vision"}
    seconds = "pipeline_processing_duration_seconds"
    push = "doorbell_ring_push_seconds"
    yield "counter", lambda: collector.count("pipeline_events_total", 1.0, ring)
    yield "gauge", lambda: collector.set("system_cpu_usage_percent", 12.5)
    yield "histogram", lambda: collector.observe(seconds, 0.2, stage)
    yield "exemplar", lambda: collector.observe(push, 0.2, exemplar=VISIT)


def _record_us(work: Callable[[], None]) -> float:
    """Median over batches: single ones are shorter than the clock is fine."""
    found = []
    for _ in range(BATCHES):
        began_ns = time.perf_counter_ns()
        for _ in range(BATCH):
            work()
        found.append((time.perf_counter_ns() - began_ns) / BATCH / 1e3)
    return percentile(found, 0.5)


def fill(collector: MetricsCollector) -> None:
    """Give a registry every series there is room for; the rest it drops."""
    kinds = {one.name: _every_label(one) for one in DECLARED}
    for metric in itertools.cycle(DECLARED):
        labels = next(kinds[metric.name], None)
        if labels is not None:
            collector.record(metric.kind, metric.name, 1.0, labels, VISIT)
        if collector.series > MAX_SERIES - len(metric.buckets) - 3:
            return


def _every_label(metric: Metric) -> Iterator[dict[str, str]]:
    values = [label.values or CLOSING.get(label.name, ()) for label in metric.labels]
    for combination in itertools.product(*values):
        yield dict(zip(metric.label_names, combination, strict=True))


def _spread_ms(work: Callable[[], object]) -> Spread:
    found = []
    for _ in range(READINGS):
        began_ns = time.perf_counter_ns()
        work()
        found.append((time.perf_counter_ns() - began_ns) / 1e6)
    result = spread(found)
    if result is None:
        msg = "nothing was measured"
        raise AssertionError(msg)
    return result


def _scrape(trial: Trial) -> tuple[Spread, int]:
    where = next(
        (
            one.address
            for one in trial.ask(r.ShowMetrics())
            if isinstance(one, replies.Metrics)
        ),
        "",
    )
    if not where:
        msg = "the daemon to be measured serves no metrics"
        raise UnavailableError(msg)
    request = urllib.request.Request(
        f"http://{where}/metrics", headers={"Accept": OPENMETRICS}
    )

    def read() -> bytes:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - as above
            return bytes(answer.read())

    lines = read().splitlines()
    return _spread_ms(read), sum(not line.startswith(b"#") for line in lines)
